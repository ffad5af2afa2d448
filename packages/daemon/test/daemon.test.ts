import assert from "node:assert/strict";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { suite, test } from "node:test";
import { configOf, gridmesh, gridmeshProgram, startedDaemon, temporaryHome } from "./running.ts";

const STOP_LIMIT_MS = 5_000;

function json(text: string): Record<string, unknown> {
  const value = JSON.parse(text) as Record<string, unknown>;
  assert.equal(value["schemaVersion"], 1);
  return value;
}

suite("two daemons on loopback", { timeout: 60_000 }, () => {
  test("each answers the other's calls, and every failure has its code and exit code within its time", async () => {
    using first = temporaryHome();
    using second = temporaryHome();
    await using a = await startedDaemon(first.home, {
      config: configOf({ network: "two", agent: "guest-a" }),
    });
    await using b = await startedDaemon(second.home, {
      config: configOf({ network: "two", agent: "guest-b", bootstrap: a.node.addresses }),
    });

    const waited = await gridmesh(b.home, "wait", "--peers", "1", "--timeout", "10s", "--json");
    assert.equal(waited.code, 0, waited.stderr);

    const listed = await gridmeshProgram(b.home, "call", `${a.node.peerId}:guest-a/tools/list`, "--json");
    assert.equal(listed.code, 0, listed.stderr);
    const { result } = json(listed.stdout) as unknown as { result: { tools: { name: string }[] } };
    assert.deepEqual(
      result.tools.map((tool) => tool.name),
      ["echo"],
    );

    const params = '{"name":"echo","arguments":{"text":"hi"}}';
    const called = await gridmesh(a.home, "call", `${b.node.peerId}:guest-b/tools/call`, params);
    assert.equal(called.code, 0, called.stderr);
    assert.match(called.stdout, /"greeting": "hello"/);

    const rows: [words: string[], code: string, exitCode: number][] = [
      [["call", `${a.node.peerId}:nobody/tools/list`], "AGENT_NOT_FOUND", 4],
      [["call", `${a.node.peerId}:guest-a/no/such`], "METHOD_NOT_FOUND", 4],
      [["call", "not an address"], "ADDRESS_INVALID", 2],
      [["call", "cap:nobody.offers.this/x"], "NO_PROVIDER", 4],
      [["call", "local:nobody/tools/list"], "AGENT_NOT_FOUND", 4],
      [["call", "local:guest-b/sleep", "--timeout", "300ms"], "CALL_TIMEOUT", 5],
      [["trade", "show", "no-such-trade"], "ORDER_NOT_FOUND", 4],
    ];
    for (const [words, code, exitCode] of rows) {
      const failed = await gridmesh(b.home, ...words, "--json");
      assert.equal(failed.stdout, "", words.join(" "));
      const { error } = json(failed.stderr) as unknown as { error: { code: string; fix: string } };
      assert.equal(error.code, code, failed.stderr);
      assert.ok(error.fix.length > 0);
      assert.equal(failed.code, exitCode, words.join(" "));
    }

    const peers = json((await gridmesh(b.home, "peers", "--json")).stdout) as unknown as {
      peers: { peerId: string }[];
    };
    assert.ok(peers.peers.some((peer) => peer.peerId === a.node.peerId));
    const found = await gridmesh(b.home, "agents", "find", "--capability", "demo.echo", "--json");
    const names = (json(found.stdout) as unknown as { agents: { name: string }[] }).agents.map(
      (agent) => agent.name,
    );
    assert.deepEqual(names.toSorted(), ["guest-a", "guest-b"]);

    const stopped = await gridmesh(a.home, "stop", "--json");
    assert.equal(stopped.code, 0, stopped.stderr);
    const { drainMs } = json(stopped.stdout) as unknown as { drainMs: number };
    assert.ok(drainMs <= STOP_LIMIT_MS, `stopped in ${drainMs} ms`);
    assert.equal((await a.ended).code, 0);

    const startedMs = Date.now();
    const dead = await gridmesh(b.home, "call", `${a.node.peerId}:guest-a/tools/list`, "--timeout", "8s");
    assert.match(dead.stderr, /^PEER_(?:UNREACHABLE|NOT_FOUND) /);
    assert.ok(Date.now() - startedMs < 9_000);
  });
});

suite("one daemon", { timeout: 60_000 }, () => {
  test("answers every verb, refuses a second one in its home, and leaves nothing behind", async () => {
    using folder = temporaryHome();
    await using daemon = await startedDaemon(folder.home, {
      config: configOf({ network: "one", agent: "guest" }),
    });
    const { home } = daemon;
    assert.equal(statSync(join(home, "control.sock")).mode & 0o777, 0o600);
    assert.equal(statSync(join(home, "daemon.json")).mode & 0o777, 0o600);

    const members: Record<string, string[]> = {
      status: ["node", "findings", "peers", "agents", "trades", "tasks", "config"],
      id: ["peerId", "addresses", "agents"],
      peers: ["peers"],
      agents: ["agents"],
      trade: ["trades"],
      ledger: ["accounts", "pending"],
      "ledger audit": ["audit"],
      config: ["values"],
      health: ["live", "ready", "findings"],
      doctor: ["checks"],
    };
    for (const [verb, expected] of Object.entries(members)) {
      const shown = await gridmesh(home, ...verb.split(" "), "--json");
      assert.ok(shown.code === 0 || verb === "doctor", `${verb}: ${shown.stderr}`);
      assert.deepEqual(Object.keys(json(shown.stdout)), ["schemaVersion", ...expected], verb);
      const text = await gridmesh(home, ...verb.split(" "));
      assert.ok(text.stdout.length > 0, verb);
    }

    const again = await gridmeshProgram(home, "start");
    assert.equal(again.code, 1);
    assert.match(
      again.stderr,
      new RegExp(
        `^ALREADY_RUNNING a daemon \\(pid ${daemon.node.pid}\\) already runs in ${home}; stop it with`,
      ),
    );
    const detached = await gridmeshProgram(home, "start", "--detach");
    assert.equal(detached.code, 1);
    assert.match(detached.stderr, /^ALREADY_RUNNING a daemon/);
    assert.equal((await daemon.client.node()).pid, daemon.node.pid, "the first goes on");

    // A daemon that does not come up says why to whoever detached it.
    const [address = ""] = daemon.node.addresses;
    const listen = address.replace(/\/p2p\/.*/, "");
    const port = listen.split("/").at(-1) ?? "";
    const other = join(home, "other");
    const taken = await gridmeshProgram(
      other,
      "start",
      "--detach",
      "--profile",
      "testnet",
      "--listen",
      listen,
    );
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, new RegExp(`^PORT_IN_USE another program listens on 127.0.0.1:${port}. → `));

    await assert.rejects(daemon.client.clock(), { code: "UNAUTHORIZED" });
    await assert.rejects(daemon.client.setClock({ marketMs: 0, atWallMs: 0, speed: 1, paused: true }), {
      code: "UNAUTHORIZED",
    });
    const nowhere = await daemon.client.request({ method: "GET", path: "no/such" });
    assert.equal(nowhere.status, 404);

    const startedMs = Date.now();
    daemon.process.kill("SIGTERM");
    assert.equal((await daemon.ended).code, 0);
    assert.ok(Date.now() - startedMs <= STOP_LIMIT_MS);
    assert.equal(existsSync(join(home, "control.sock")), false);
    assert.equal(existsSync(join(home, "daemon.json")), false);
    assert.equal((await gridmesh(home, "status")).code, 3);
  });

  test("starts again after a kill -9 with the same identity, over the socket left behind", async () => {
    using folder = temporaryHome();
    const config = configOf({ network: "kill" });
    const before = await startedDaemon(folder.home, { config });
    before.process.kill("SIGKILL");
    await before.ended;
    assert.equal(existsSync(join(folder.home, "control.sock")), true);
    await using after = await startedDaemon(folder.home, { config });
    assert.equal(after.node.peerId, before.node.peerId);
    assert.notEqual(after.node.bootId, before.node.bootId);
  });

  test("ends within 5 s when its parent is gone, even with a call that never ends", async () => {
    using folder = temporaryHome();
    await using daemon = await startedDaemon(folder.home, {
      config: configOf({ network: "ipc", agent: "guest" }),
      ipc: true,
    });
    const hanging = daemon.client
      .call("local:guest/deaf", {}, { timeoutMs: 60_000 })
      .catch((error: unknown) => error);
    while ((await daemon.client.agents())[0]?.inFlight !== 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const startedMs = Date.now();
    daemon.process.disconnect();
    const { code } = await daemon.ended;
    assert.equal(code, 0);
    assert.ok(Date.now() - startedMs <= STOP_LIMIT_MS, `${Date.now() - startedMs} ms`);
    assert.ok((await hanging) instanceof Error);
  });

  test("a lab's market clock stands still until it is set, and then runs at its speed", async () => {
    using folder = temporaryHome();
    const lab =
      "[lab]\nenabled = true\npaused = true\nclockSpeed = 1800\nmarketStartMs = 1_499_817_600_000\n";
    await using daemon = await startedDaemon(folder.home, {
      config: configOf({ network: "lab", more: lab }),
    });
    const before = await daemon.client.clock();
    assert.equal(before.marketMs, 1_499_817_600_000);
    assert.equal(before.paused, true);
    await daemon.client.setClock({
      marketMs: before.marketMs,
      atWallMs: Date.now(),
      speed: 1_800,
      paused: false,
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok((await daemon.client.clock()).marketMs >= before.marketMs + 50 * 1_800);
    await assert.rejects(daemon.client.setClock({ ...before, speed: 0 }), { code: "INVALID_PARAMS" });
  });

  test("the status page answers under loopback and stated names only, GET only", async () => {
    using folder = temporaryHome();
    const status = '[status]\nlisten = "127.0.0.1:0"\nhosts = ["gateway"]\n';
    await using daemon = await startedDaemon(folder.home, {
      config: configOf({ network: "page", agent: "guest", more: status }),
    });
    const at = daemon.node.statusPage ?? "";
    const get = (path: string, host: string, method = "GET") => asked({ at, path, host, method });
    for (const path of ["/health", "/metrics", "/registry", "/profile"]) {
      assert.ok([200, 503].includes((await get(path, at)).status), path);
    }
    const registry = JSON.parse((await get("/registry", at)).text) as { agents: { name: string }[] };
    assert.deepEqual(
      registry.agents.map((agent) => agent.name),
      ["guest"],
    );
    assert.match((await get("/metrics", at)).text, /^gridmesh_links\{class="neighbour",direction="in"\} 0$/m);
    assert.equal((await get("/health", "gateway:9000")).status === 421, false);
    assert.equal((await get("/health", "127.0.0.1.evil.example")).status, 421);
    assert.equal((await get("/health", "evil.example")).status, 421);
    assert.equal((await get("/health", at, "POST")).status, 405);
    assert.equal((await get("/v1/node", at)).status, 404);
  });

  test("an empty home is made first, and a detached daemon outlives its starter", async () => {
    using folder = temporaryHome();
    const home = join(folder.home, "new");
    const started = await gridmeshProgram(
      home,
      "start",
      "--detach",
      "--profile",
      "testnet",
      "--network",
      "fresh",
    );
    try {
      assert.equal(started.code, 0, started.stderr);
      assert.match(started.stdout, /^running {3}pid \d+, 12D3KooW/);
      assert.equal(statSync(home).mode & 0o777, 0o700);
      assert.equal(existsSync(join(home, "config.toml")), true);
    } finally {
      const stopped = await gridmesh(home, "stop");
      assert.equal(stopped.code, 0, stopped.stderr);
    }
  });
});

suite("a daemon that cannot start", { timeout: 30_000 }, () => {
  const rows: [what: string, config: string, stderr: RegExp, exitCode: number][] = [
    [
      "a module that is not there",
      agentRow({ module: "./absent.mjs" }),
      /^AGENT_START_FAILED agent "g": module "\.\/absent\.mjs" could not be loaded/,
      1,
    ],
    [
      "a factory that is not there",
      agentRow({ factory: "gest" }),
      /^CONFIG_INVALID agent "g": module "\.\/guest\.mjs" exports no function "gest"\. It has: guest/,
      2,
    ],
    [
      "a factory that throws",
      agentRow({ options: "refuse = true" }),
      /^AGENT_START_FAILED agent "g": this guest refuses to come/,
      1,
    ],
    [
      "a key that does not exist",
      "profle = 1\n",
      /^CONFIG_INVALID config\.toml:1:1 unknown key "profle"\. Did you mean "profile"\?/,
      2,
    ],
  ];
  for (const [what, config, stderr, exitCode] of rows) {
    test(`says why: ${what}`, async () => {
      using folder = temporaryHome();
      writeFileSync(join(folder.home, "config.toml"), config);
      const failed = await gridmeshProgram(folder.home, "start");
      assert.match(failed.stderr, stderr);
      assert.equal(failed.code, exitCode);
      assert.equal(existsSync(join(folder.home, "daemon.json")), false);
      assert.equal(existsSync(join(folder.home, "control.sock")), false);
    });
  }

  test("refuses a socket path of 108 bytes with its length", async () => {
    using folder = temporaryHome();
    const home = join(folder.home, "x".repeat(108 - folder.home.length - "//control.sock".length));
    const failed = await gridmeshProgram(home, "start", "--profile", "testnet");
    assert.equal(failed.code, 2);
    assert.match(
      failed.stderr,
      /^CONFIG_INVALID the control socket's path is 108 bytes long, 107 are allowed/,
    );
  });
});

function agentRow(change: { module?: string; factory?: string; options?: string }): string {
  return `profile = "testnet"\n[[agents]]\nname = "g"\nmodule = "${change.module ?? "./guest.mjs"}"\nfactory = "${change.factory ?? "guest"}"\n[agents.options]\n${change.options ?? ""}\n`;
}

function asked(ask: {
  at: string;
  path: string;
  host: string;
  method: string;
}): Promise<{ status: number; text: string }> {
  const [, port = ""] = ask.at.split(":");
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port,
        path: ask.path,
        method: ask.method,
        setHost: false,
        headers: { host: ask.host },
        agent: false,
      },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    outgoing.once("error", reject);
    outgoing.end();
  });
}
