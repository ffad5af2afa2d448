import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { call, INITIALIZE, openedGateway, type TestGateway, withToken } from "./gateway-kit.ts";
import { ended, program, temporaryHome } from "./running.ts";

const CALLER = { name: "caller", version: "1" };
let gateway: TestGateway;

before(async () => {
  gateway = await openedGateway("gateway-bridge");
});

after(() => gateway[Symbol.asyncDispose]());

const words = (target: string, home = gateway.daemon.home) => ["mcp", target, "--home", home].filter(Boolean);

function bridged(target: string, home?: string): ChildProcess {
  return spawn(process.execPath, [program, ...words(target, home)], { stdio: ["pipe", "pipe", "pipe"] });
}

const textOf = (result: object) => (result as { content?: { text?: string }[] }).content?.[0]?.text;

/** What a bridge writes for lines that are written to it at once, once its input has ended. */
async function said(target: string, lines: readonly string[], home?: string) {
  const child = bridged(target, home);
  const end = ended(child);
  // It may end before it has read all.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(lines.map((line) => `${line}\n`).join(""));
  const { code, stdout, stderr } = await end;
  return {
    code,
    stderr,
    answers: stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Answer),
  };
}

interface Answer {
  readonly id: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number };
  readonly params?: { readonly progress: number };
}

test("programs of both revisions reach an agent on stdin and stdout, and are asked back", async () => {
  const command = {
    command: process.execPath,
    args: [program, ...words("local:demo")],
    stderr: "ignore" as const,
  };
  const modern = new Client(CALLER, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await modern.connect(new StdioClientTransport(command));
  assert.equal(textOf(await modern.callTool({ name: "add", arguments: { a: 1, b: 2 } })), "3");
  await modern.close();
  const old = new OldClient(CALLER, { capabilities: { elicitation: {} } });
  old.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name: "Ada" } }));
  await old.connect(new OldTransport(command));
  assert.equal(textOf(await old.callTool({ name: "ask", arguments: {} })), "hello Ada");
  await old.close();
});

test("every step of a call is written before its result", async () => {
  const { answers } = await said("local:demo", [
    withToken(call("tools/call", { name: "steps", arguments: {} })),
  ]);
  const steps = answers.map(({ params, result }) => params?.progress ?? textOf(result ?? {}));
  assert.deepEqual(steps, [1, 2, 3, "done"]);
});

test("without a target the bridge leads to the meta-agent", async () => {
  const { code, answers } = await said("", [call("tools/list")]);
  assert.equal(code, 0);
  assert.match(JSON.stringify(answers[0]?.result), /network\.search/);
});

test("stdout has messages alone, each with its own id and type of id; text is on stderr", async () => {
  const lines = [
    call("tools/list", {}, 1),
    call("tools/list", {}, "1"),
    "",
    "{",
    "[]",
    call("no/such", {}, 2),
  ];
  const { code, answers, stderr } = await said("local:demo", lines);
  assert.equal(code, 0);
  const told = answers.map(({ id, error }) => [id, error?.code]);
  const byText = (a: unknown, b: unknown) => JSON.stringify(a).localeCompare(JSON.stringify(b));
  const wanted = [
    [1, undefined],
    ["1", undefined],
    [2, -32_601],
    [null, -32_700],
    [null, -32_600],
  ];
  assert.deepEqual(told.toSorted(byText), wanted.toSorted(byText));
  assert.match(stderr, /local:demo speaks MCP .*2026-07-28/);
});

test("a daemon that is down is told to the first request as NOT_RUNNING, and the bridge ends with 1", async () => {
  using empty = temporaryHome();
  for (const first of [INITIALIZE, call("server/discover")]) {
    const { code, answers } = await said("local:demo", [first], empty.home);
    assert.equal(code, 1);
    assert.deepEqual(
      answers.map(({ id, error }) => [id, error?.code]),
      [[1, -31_703]],
    );
  }
});

test("an agent that is not there is told to the first request with its own code", async () => {
  const { code, answers } = await said("local:nobody", [INITIALIZE]);
  assert.equal(code, 1);
  assert.deepEqual(
    answers.map(({ error }) => error?.code),
    [-31_003],
  );
});

test("a bridge ends when its input does, even while a call is under way", async () => {
  const child = bridged("local:demo");
  const end = ended(child);
  child.stdin?.write(`${withToken(call("tools/call", { name: "wait", arguments: {} }))}\n`);
  // Its first step says that the call runs.
  await once(child.stdout ?? child, "data");
  child.stdin?.end();
  assert.equal((await end).code, 0);
});

test("when the daemon is killed the bridge ends with 1", async () => {
  await using other = await openedGateway("gateway-bridge-down");
  const child = bridged("local:demo", other.daemon.home);
  const end = ended(child);
  child.stdin?.write(`${withToken(call("tools/call", { name: "wait", arguments: {} }))}\n`);
  await once(child.stdout ?? child, "data");
  other.daemon.process.kill("SIGKILL");
  const { code, stdout } = await end;
  assert.equal(code, 1);
  assert.match(stdout, /"method":"notifications\/progress"/);
});

test("a line over 4 MiB ends the bridge with an error that says so", async () => {
  const huge = call("tools/call", { name: "add", arguments: { a: "x".repeat(5 * 1024 * 1024) } });
  const { answers } = await said("local:demo", [huge]);
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error?.code]),
    [[null, -31_210]],
  );
});

test("the era of a target is told with the upgrade, and a page may not ask for one", async () => {
  const { port } = new URL(gateway.daemon.node.gateway ?? "");
  const asked = (more: readonly string[]) =>
    new Promise<string>((resolve) => {
      const head = [
        "GET /rpc/local:demo HTTP/1.1",
        `Host: 127.0.0.1:${port}`,
        "Connection: Upgrade",
        "Upgrade: gridmesh-rpc",
        ...more,
      ];
      import("node:net").then(({ connect }) => {
        const socket = connect(Number(port), "127.0.0.1");
        socket.once("data", (data: Buffer) => {
          socket.destroy();
          resolve(data.toString());
        });
        socket.write(`${head.join("\r\n")}\r\n\r\n`);
      }, resolve);
    });
  const bearer = `Authorization: ${gateway.bearer()["authorization"]}`;
  assert.match(await asked([bearer]), /^HTTP\/1\.1 101 [^]*gridmesh-era: dual\r\n/);
  assert.match(await asked([]), /^HTTP\/1\.1 401 /);
  assert.match(await asked([bearer, "Origin: http://evil.example"]), /^HTTP\/1\.1 403 /);
});
