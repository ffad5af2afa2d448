/** MCP programs from npm, unmodified, hosted by one node and called from another with MCP's own SDKs. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type AgentNode, createNode, memory, memoryHub, systemProcesses } from "../src/index.ts";
import { program } from "./child-rig.ts";
import { type CallerKind, type McpCaller, mcpCaller } from "./mcp-callers.ts";
import { eventually, NETWORK } from "./node-fixture.ts";

const KINDS: readonly CallerKind[] = ["current", "old"];
const LONG_MS = 60_000;

interface Pair extends AsyncDisposable {
  readonly near: AgentNode;
  /** The agent's name as the near node calls it. */
  far(agent: string): string;
}

async function twoNodes(agents: Readonly<Record<string, ReturnType<typeof program>>>): Promise<Pair> {
  const hub = memoryHub({ seed: 11 });
  const network = memory({ hub });
  const far = await createNode({
    network,
    networkName: NETWORK,
    children: { processes: systemProcesses(), env: process.env },
    agents: Object.entries(agents).map(([name, definition]) => ({ name, definition })),
  });
  const near = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await near.connect(far.addresses[0] ?? "");
  return {
    near,
    far: (agent) => `${far.id}:${agent}`,
    async [Symbol.asyncDispose]() {
      await near.stop();
      await far.stop();
    },
  };
}

test("server-everything does all it can for far callers, current and old", { timeout: LONG_MS }, async () => {
  await using pair = await twoNodes({ everything: program("server-everything", "stdio") });
  for (const kind of KINDS) {
    await using caller = await mcpCaller(pair.near, pair.far("everything"), kind);
    const tools = await toolsOnceComplete(() => caller.tools());
    assert.ok(tools.length >= 13 && tools.length <= 20, `${tools.length} tools`);
    assert.equal(await caller.call("get-sum", { a: 2, b: 3 }), "The sum of 2 and 3 is 5.");
    const resources = await caller.resources();
    assert.ok(resources.length > 0);
    assert.ok((await caller.read(resources[0] ?? "")).length > 0);
    assert.match(await caller.prompt("args-prompt", { city: "Oslo" }), /Oslo/);
    await talksBack(caller);
    await bearsLoad(caller);
  }
});

/** Progress, logging, cancelling, and everything it asks of its caller. */
async function talksBack(caller: McpCaller): Promise<void> {
  const steps: number[] = [];
  const onprogress = ({ progress }: { readonly progress: number }) => steps.push(progress);
  await caller.call("trigger-long-running-operation", { duration: 0.4, steps: 4 }, { onprogress });
  assert.deepEqual(steps, [1, 2, 3, 4]);
  assert.match(await caller.call("trigger-sampling-request", { prompt: "hi" }), /a sampled answer/);
  assert.match(await caller.call("trigger-elicitation-request"), /Ada Lovelace/);
  assert.match(await caller.call("get-roots-list"), /file:\/\/\/work\/of\/the\/caller/);
  await caller.level("debug");
  await caller.call("toggle-simulated-logging");
  await eventually("a log line has come", () => caller.logs.length > 0, LONG_MS);
  await caller.call("toggle-simulated-logging");
  const gone = new AbortController();
  const long = caller.call(
    "trigger-long-running-operation",
    { duration: 600, steps: 600 },
    { signal: gone.signal, onprogress: () => gone.abort() },
  );
  await assert.rejects(long);
}

/** 3 MiB there and back, and two hundred calls at once. */
async function bearsLoad(caller: McpCaller): Promise<void> {
  const message = "x".repeat(3 * 1024 * 1024);
  assert.equal((await caller.call("echo", { message })).length, message.length + "Echo: ".length);
  const many = Array.from({ length: 200 }, (_none, n) => caller.call("echo", { message: String(n) }));
  assert.deepEqual(
    await Promise.all(many),
    many.map((_none, n) => `Echo: ${n}`),
  );
}

test("server-memory remembers for far callers, current and old", { timeout: LONG_MS }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "memory-"));
  const env = { MEMORY_FILE_PATH: join(folder, "memory.jsonl") };
  await using pair = await twoNodes({ memory: { ...program("server-memory"), env } });
  for (const kind of KINDS) {
    await using caller = await mcpCaller(pair.near, pair.far("memory"), kind);
    assert.equal((await caller.tools()).length, 9);
    const entities = [{ name: `Ada ${kind}`, entityType: "person", observations: ["wrote a program"] }];
    await caller.call("create_entities", { entities });
    assert.ok((await caller.call("search_nodes", { query: "program" })).includes(`Ada ${kind}`));
  }
  await rm(folder, { recursive: true });
});

test(
  "server-filesystem shows its folder and no other to far callers, current and old",
  { timeout: LONG_MS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "files-"));
    await writeFile(join(folder, "hello.txt"), "hello there");
    await using pair = await twoNodes({ files: program("server-filesystem", folder) });
    for (const kind of KINDS) {
      await using caller = await mcpCaller(pair.near, pair.far("files"), kind);
      assert.equal((await caller.tools()).length, 14);
      assert.equal(await caller.call("read_text_file", { path: join(folder, "hello.txt") }), "hello there");
      assert.match(await caller.call("read_text_file", { path: "/etc/passwd" }), /denied/i);
    }
    await rm(folder, { recursive: true });
  },
);

test(
  "a far caller that insists on 2026-07-28 lists, calls, reads and gets of server-everything",
  { timeout: LONG_MS },
  async () => {
    await using pair = await twoNodes({ everything: program("server-everything", "stdio") });
    await using caller = await mcpCaller(pair.near, pair.far("everything"), "pinned");
    assert.equal((await caller.tools()).length, 13);
    const steps: number[] = [];
    await caller.call(
      "trigger-long-running-operation",
      { duration: 0.4, steps: 4 },
      { onprogress: ({ progress }) => steps.push(progress) },
    );
    assert.deepEqual(steps, [1, 2, 3, 4]);
    assert.ok((await caller.read((await caller.resources())[0] ?? "")).length > 0);
    assert.match(await caller.prompt("args-prompt", { city: "Oslo" }), /Oslo/);
    const many = Array.from({ length: 200 }, (_none, n) => caller.call("echo", { message: String(n) }));
    assert.deepEqual(
      await Promise.all(many),
      many.map((_none, n) => `Echo: ${n}`),
    );
  },
);

/** It adds some tools only after it has heard what its caller can do. */
async function toolsOnceComplete(list: () => Promise<readonly string[]>): Promise<readonly string[]> {
  for (;;) {
    const tools = await list();
    if (tools.includes("trigger-sampling-request")) return tools;
  }
}
