/** Guests that are added and removed while a daemon runs. */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../src/cli/index.ts";
import { agentSchema } from "../src/config/agent-schema.ts";
import { withAgent, withoutAgent } from "../src/config/edit-agents.ts";
import { resolveConfig } from "../src/config/load.ts";
import { parseConfig } from "../src/config/read-file.ts";
import { memoryIo } from "./memory-io.ts";
import { configOf, startedDaemon, temporaryHome } from "./running.ts";

const NETWORK = "agents-add";
const everything = modulePath("@modelcontextprotocol/server-everything/dist/index.js");
const small = fileURLToPath(new URL("../../node/test/children/mcp-program.ts", import.meta.url));

function modulePath(name: string): string {
  return fileURLToPath(new URL(`../../../node_modules/${name}`, import.meta.url));
}

/** One command line; words may follow a `--`. */
async function gridmesh(home: string, ...words: string[]) {
  const io = memoryIo();
  const code = await run(["--home", home, "--timeout", "30s", ...words], io);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("one line hosts an unmodified MCP program that another node calls, also after a restart, until it is removed", async () => {
  using far = temporaryHome();
  using near = temporaryHome();
  const config = `# what I wrote myself\n${configOf({ network: NETWORK })}`;
  const first = await startedDaemon(far.home, { config });
  const program = ["--access", "network", "--", process.execPath, everything, "stdio"];
  const added = await gridmesh(far.home, "agents", "add", "everything", ...program);
  assert.deepEqual(added, { code: 0, stdout: "local:everything  13 tools  network\n", stderr: "" });
  const again = await gridmesh(far.home, "agents", "add", "everything", "--", process.execPath, everything);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^AGENT_NAME_TAKEN/);

  const bootstrap = [...first.node.addresses];
  await using caller = await startedDaemon(near.home, { config: configOf({ network: NETWORK, bootstrap }) });
  const params = { name: "echo", arguments: { message: "over there" } };
  const address = `${first.node.peerId}:everything/tools/call`;
  const answer = { content: [{ type: "text", text: "Echo: over there" }] };
  assert.deepEqual(await caller.client.call(address, params, { timeoutMs: 20_000 }), answer);

  first.process.kill("SIGTERM");
  await first.ended;
  const kept = readFileSync(join(far.home, "config.toml"), "utf8");
  await using second = await startedDaemon(far.home, { config: kept });
  assert.deepEqual(
    await second.client.call("local:everything/tools/call", params, { timeoutMs: 20_000 }),
    answer,
  );
  const removed = await gridmesh(far.home, "agents", "remove", "everything");
  assert.deepEqual(removed, { code: 0, stdout: "agent everything is gone\n", stderr: "" });
  assert.equal(readFileSync(join(far.home, "config.toml"), "utf8"), config);
  assert.equal((await gridmesh(far.home, "agents", "remove", "everything")).code, 4);
});

test("a program that does not start is refused with what it said, and leaves no trace", async () => {
  using home = temporaryHome();
  const config = configOf({ network: NETWORK });
  await using daemon = await startedDaemon(home.home, { config });
  const refused = await gridmesh(
    home.home,
    "agents",
    "add",
    "small",
    "--",
    process.execPath,
    small,
    "--stillborn",
  );
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^AGENT_START_FAILED/);
  const { status, body } = await daemon.client.request({
    method: "POST",
    path: "agents",
    body: { name: "small", source: { command: process.execPath, args: [small, "--stillborn"] } },
    timeoutMs: 20_000,
  });
  assert.equal(status, 422);
  assert.match(JSON.stringify(body), /the database is not there/);
  assert.deepEqual(await daemon.client.agents(), []);
  assert.equal(readFileSync(join(home.home, "config.toml"), "utf8"), config);
});

test("what a killed daemon's program left running ends at the next start", async () => {
  using home = temporaryHome();
  const config = `${configOf({ network: NETWORK })}\n[[agents]]\nname = "small"\ncommand = "${process.execPath}"\nargs = ["${small}", "--stubborn"]\n`;
  const first = await startedDaemon(home.home, { config });
  const pids: number[] = [];
  for (const name of ["pid", "grandchild"]) {
    const result = await first.client.call("local:small/tools/call", { name }, { timeoutMs: 20_000 });
    pids.push(Number((result as { content: { text: string }[] }).content[0]?.text));
  }
  first.process.kill("SIGKILL");
  await first.ended;
  assert.deepEqual(pids.map(isAlive), [true, true]);
  await using second = await startedDaemon(home.home, { config });
  assert.equal((await second.client.agents()).length, 1);
  const until = Date.now() + 10_000;
  while (pids.some(isAlive) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(pids.map(isAlive), [false, false]);
});

test("a file of mcpServers is taken as it is", async () => {
  using home = temporaryHome();
  await using daemon = await startedDaemon(home.home, { config: configOf({ network: NETWORK }) });
  const mcpServers = { Small: { command: process.execPath, args: [small], env: { KEY: 'a "b"' } } };
  const file = join(home.home, "desktop.json");
  writeFileSync(file, JSON.stringify({ mcpServers }));
  assert.equal((await gridmesh(home.home, "agents", "add", "--from", file)).code, 0);
  assert.deepEqual(
    (await daemon.client.agents()).map(({ name, kind, access }) => ({ name, kind, access })),
    [{ name: "small", kind: "stdio", access: "private" }],
  );
});

test("an agent is added to a file and taken out of it without a change to anything else", () => {
  const agent = agentSchema.parse({
    name: "files",
    command: "npx",
    args: ["-y", "a b", 'quo"ted'],
    env: { KEY: "1" },
  });
  for (const text of [
    "",
    'network = "x" # mine\n',
    '# top\n[log]\nlevel = "info"\n\n[[agents]]\nname = "a"\nmodule = "m"\nfactory = "f"\n[agents.options]\nlist = [\n  1, # one\n]\n# last words\n',
    '[[agents]]\nname = "b"\ncommand = "c"\n[log]\nlevel = "warn"',
  ]) {
    const more = withAgent(text, agent);
    const rows = parseConfig(more).tree["agents"] as { name: string }[];
    assert.equal(rows.at(-1)?.name, "files");
    const back = withoutAgent(more, "files") ?? "";
    assert.equal(back.trimEnd(), text.trimEnd());
  }
  const two =
    '# one\n[[agents]]\nname = "a"\ncommand = "c"\n\n# two\n[[agents]]\nname = "b"\ncommand = "d"\n';
  assert.equal(withoutAgent(two, "a"), '# one\n\n# two\n[[agents]]\nname = "b"\ncommand = "d"\n');
  assert.equal(withoutAgent(two, "nobody"), undefined);
  assert.throws(() => withoutAgent('agents = [{ name = "a", command = "c" }]\n', "a"), {
    code: "CONFIG_INVALID",
  });
});

test("an agent says in one way alone what it is", () => {
  const refusal = (rows: string): string => {
    try {
      resolveConfig(parseConfig(`[[agents]]\nname = "a"\n${rows}\n`), { env: {}, flags: {} });
    } catch (error) {
      return (error as Error).message;
    }
    return "taken";
  };
  assert.match(refusal(""), /it says nowhere what runs/);
  assert.match(refusal('command = "c"\nurl = "http://127.0.0.1/"'), /command and url exclude each other/);
  assert.match(refusal('command = "c"\nfactory = "f"'), /agents\[0\]\.factory.*goes not with command/);
  assert.match(refusal('command = "c"\nenv = { GRIDMESH_HOME = "x" }'), /GRIDMESH_/);
  assert.match(refusal('url = "ftp://x"'), /an http or https address/);
  assert.match(refusal('command = "c"\nisolation = "none"'), /shared/);
  assert.equal(refusal('command = "c"\nisolation = "per-peer"\ncapabilities = ["a.b"]'), "taken");
});
