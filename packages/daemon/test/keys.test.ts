import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { keyLock, loadIdentity } from "@gridmesh/node";
import { run } from "../src/cli/index.ts";
import { memoryIo } from "./memory-io.ts";
import { configOf, gridmesh, gridmeshProgram, startedDaemon, temporaryHome } from "./running.ts";

const SECRET = "correct horse battery";

/** A command line of somebody at a terminal who types these answers. */
async function typed(home: string, answers: readonly string[], ...words: string[]) {
  const io = memoryIo();
  const left = [...answers];
  const asked: string[] = [];
  const code = await run([...words, "--home", home], {
    ...io,
    askSecret: (prompt) => {
      asked.push(prompt);
      return Promise.resolve(left.shift() ?? "");
    },
  });
  return { code, stdout: io.stdout(), stderr: io.stderr(), asked };
}

function secretFile(home: string, text: string): string {
  const path = join(home, "passphrase");
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return path;
}

/** Every file of the home but the passphrase's, as one text. */
function everythingIn(home: string): string {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "passphrase")
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

test("sealed keys open with their passphrase alone, and neither shows in any output, log or file", async (t) => {
  using temporary = temporaryHome();
  const { home } = temporary;
  const init = await typed(home, [SECRET, SECRET], "init", "--profile", "testnet", "--passphrase", "--json");
  assert.equal(init.code, 0, init.stderr);
  assert.deepEqual(init.asked, ["new passphrase: ", "again: "]);
  const { peerId } = JSON.parse(init.stdout) as { readonly peerId: string };
  const { seed } = await loadIdentity(home, { lock: keyLock(SECRET) });
  const secrets = [
    SECRET,
    ...(["base64", "hex", "latin1"] as const).map((form) => Buffer.from(seed).toString(form)),
  ];
  const outputs: string[] = [init.stdout, init.stderr];
  const config = (more: string) =>
    configOf({ network: "sealed", agent: "guest", more: `log.level = "debug"\n${more}` });
  const file = secretFile(home, SECRET);

  await t.test("at a start without one, with the fix", async () => {
    writeFileSync(join(home, "config.toml"), config(""));
    const detached = gridmesh(home, "start", "--detach");
    for (const { code, stdout, stderr } of [await gridmeshProgram(home, "start"), await detached]) {
      assert.equal(code, 1);
      assert.match(stderr, /^IDENTITY_UNREADABLE .*identity\.passphraseFile/m);
      outputs.push(stdout, stderr);
    }
  });

  await t.test("at a start with a wrong one, or one that others may read", async () => {
    writeFileSync(join(home, "config.toml"), config('identity.passphraseFile = "passphrase"\n'));
    secretFile(home, "incorrect horse");
    const wrong = await gridmeshProgram(home, "start");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^IDENTITY_UNREADABLE .*not opened by this passphrase.*give the one/m);
    assert.ok(!`${wrong.stdout}${wrong.stderr}`.includes("incorrect horse"));
    secretFile(home, SECRET);
    chmodSync(file, 0o640);
    const told = await gridmesh(home, "doctor", "home");
    assert.match(told.stdout, /passphrase +failed .*is open to others/);
    const open = await gridmeshProgram(home, "start");
    assert.match(open.stderr, /^IDENTITY_UNREADABLE .*run: chmod 600/m);
    chmodSync(file, 0o600);
    outputs.push(wrong.stdout, wrong.stderr, open.stdout, open.stderr);
  });

  await t.test("while a daemon runs with it, and a second one is refused", async () => {
    await using daemon = await startedDaemon(home, {
      config: config('identity.passphraseFile = "passphrase"\n'),
    });
    assert.equal(daemon.node.peerId, peerId);
    const second = await gridmeshProgram(home, "start");
    assert.match(second.stderr, /^ALREADY_RUNNING/m);
    outputs.push(second.stdout, second.stderr);
    for (const words of [["id"], ["status"], ["doctor"], ["config", "show"], ["metrics"], ["agents", "ls"]]) {
      const { stdout, stderr } = await gridmesh(home, ...words, "--json");
      outputs.push(stdout, stderr);
    }
    for (const words of [
      ["id", "passphrase", "remove"],
      ["id", "rotate"],
    ]) {
      const { code, stderr } = await gridmesh(home, ...words);
      assert.equal(code, 1);
      assert.match(stderr, /^ALREADY_RUNNING .*gridmesh stop first/);
    }
    assert.equal((await gridmesh(home, "stop")).code, 0);
    const { stdout, stderr } = await daemon.ended;
    assert.match(stdout, /"event":"node.running"/);
    outputs.push(stdout, stderr);
  });

  const everything = [...outputs, everythingIn(home)].join("\n");
  for (const secret of secrets) assert.ok(!everything.includes(secret), "a secret shows");
  assert.ok(!everything.includes(Buffer.from(SECRET).toString("base64")));

  await t.test("until the passphrase is taken off again", async () => {
    const { code, stdout } = await gridmesh(home, "id", "passphrase", "remove", "--json");
    assert.equal(code, 0);
    const { files } = JSON.parse(stdout) as { readonly files: readonly string[] };
    assert.deepEqual(files.map((path) => path.slice(home.length + 1)).toSorted(), [
      "agents/guest.key",
      "identity.key",
      "identity.next.key",
    ]);
    for (const path of files) assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual((await loadIdentity(home)).seed, seed);
    const set = await typed(home, ["another one", "another two"], "id", "passphrase", "set");
    assert.match(set.stderr, /^INVALID_PARAMS the two passphrases are not the same/);
    assert.equal((await gridmesh(home, "id", "passphrase", "set", "--file", file)).code, 0);
    assert.deepEqual((await loadIdentity(home, { lock: keyLock(SECRET) })).seed, seed);
  });
});

test("id rotate gives a node a new name that its ban follows, and its agent a new key under the old name", async () => {
  using one = temporaryHome();
  using two = temporaryHome();
  await using verifier = await startedDaemon(one.home, { config: configOf({ network: "rotated" }) });
  const bootstrap = verifier.node.addresses;
  const config = configOf({ network: "rotated", bootstrap, agent: "guest" });
  const idsOf = async () => {
    const { stdout } = await gridmesh(two.home, "id", "--json");
    return JSON.parse(stdout) as {
      readonly peerId: string;
      readonly agents: readonly { readonly agentId: string }[];
    };
  };
  const before = await (async () => {
    await using _daemon = await startedDaemon(two.home, { config });
    assert.equal((await gridmesh(two.home, "wait", "--peers", "1")).code, 0);
    const ids = await idsOf();
    assert.equal((await gridmesh(one.home, "peers", "disconnect", ids.peerId, "--ban", "1h")).code, 0);
    assert.equal((await gridmesh(two.home, "stop")).code, 0);
    return ids;
  })();

  const node = await gridmesh(two.home, "id", "rotate", "--json");
  assert.equal(node.code, 0, node.stderr);
  const rotated = JSON.parse(node.stdout) as Readonly<Record<string, unknown>>;
  assert.equal(rotated["formerPeerId"], before.peerId);
  const agent = await gridmesh(two.home, "id", "rotate", "--agent", "guest");
  assert.equal(agent.code, 0, agent.stderr);
  assert.ok(agent.stdout.includes(before.agents[0]?.agentId ?? "?"));

  await using _again = await startedDaemon(two.home, { config });
  const after = await idsOf();
  assert.equal(after.peerId, rotated["peerId"]);
  assert.notEqual(after.peerId, before.peerId);
  assert.notEqual(after.agents[0]?.agentId, before.agents[0]?.agentId);
  const until = Date.now() + 20_000;
  let bans = "";
  while (!bans.includes(after.peerId)) {
    assert.ok(Date.now() < until, `the ban did not follow: ${bans}`);
    bans = (await gridmesh(one.home, "bans", "ls", "--json")).stdout;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
