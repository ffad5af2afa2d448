import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptedContent, inputRequired, McpServer } from "@modelcontextprotocol/server";
import type { McpFactory } from "../src/agent.ts";
import { type AgentNode, createNode, memory, memoryHub } from "../src/index.ts";
import type { AgentChannel } from "../src/route/channel.ts";
import { eventually, NETWORK } from "./node-fixture.ts";

const EXTENSION = "io.modelcontextprotocol/tasks";
const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });
const NAME = {
  type: "object" as const,
  properties: { name: { type: "string" as const } },
  required: ["name"],
};

/** What the tests let happen, and what they see of it. */
interface Stage {
  open(): void;
  readonly opened: Promise<void>;
  aborted: number;
}

function stage(): Stage {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise, aborted: 0 };
}

function agentOn(on: Stage): McpFactory {
  return () => {
    const server = new McpServer({ name: "jobs", version: "1" });
    server.registerTool("quick", {}, () => text("at once"));
    server.registerTool("slow", {}, async (ctx) => {
      ctx.mcpReq.signal.addEventListener("abort", () => (on.aborted += 1));
      await on.opened;
      return text("after a while");
    });
    server.registerTool("strict", {}, () => text("for those who know tasks"));
    server.registerTool("broken", {}, async () => {
      await on.opened;
      return { content: [{ type: "nonsense" }] } as never;
    });
    server.registerTool("asking", {}, async (ctx) => {
      const one = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "one");
      const two = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "two");
      if (one !== undefined && two !== undefined) return text(`${one.name} and ${two.name}`);
      await on.opened;
      const elicit = (message: string) => inputRequired.elicit({ message, requestedSchema: NAME });
      return inputRequired({ inputRequests: { one: elicit("One?"), two: elicit("Two?") } });
    });
    return server;
  };
}

const taskTools = {
  quick: "optional",
  slow: "optional",
  strict: "required",
  broken: "optional",
  asking: "optional",
} as const;

async function nodeOn(on: Stage): Promise<AgentNode> {
  const network = memory({ hub: memoryHub({ seed: 8 }) });
  const definition = { capabilities: [], mcp: agentOn(on), taskTools };
  return createNode({ network, networkName: NETWORK, agents: [{ name: "jobs", definition }] });
}

interface Told {
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly data?: unknown };
}

/** One caller's channel, a request at a time. */
class Talk {
  readonly #channel: AgentChannel;
  readonly #extensions: object;
  #lastId = 0;

  constructor(channel: AgentChannel, extensions: object) {
    this.#channel = channel;
    this.#extensions = extensions;
  }

  static async open(node: AgentNode, options: { user?: string; plain?: boolean } = {}): Promise<Talk> {
    const { user, plain = false } = options;
    const as = user === undefined ? {} : { as: { user } };
    const channel = await node.open("jobs", { proto: "mcp", mode: "call", ...as });
    return new Talk(channel, plain ? {} : { [EXTENSION]: {} });
  }

  async ask(method: string, params: object = {}): Promise<Told> {
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": { elicitation: {}, extensions: this.#extensions },
    };
    const id = (this.#lastId += 1);
    this.#channel.send(JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta } }));
    for await (const line of this.#channel.lines) {
      const message = JSON.parse(line) as Told & { readonly id?: number };
      if (message.id === id) return message;
    }
    throw new Error("the agent ended");
  }

  call(name: string): Promise<Told> {
    return this.ask("tools/call", { name, arguments: {} });
  }

  /** The task's fields once it has the status. */
  async until(taskId: unknown, status: string): Promise<Readonly<Record<string, unknown>>> {
    let last: Readonly<Record<string, unknown>> = {};
    for (;;) {
      last = (await this.ask("tasks/get", { taskId })).result ?? {};
      if (last["status"] === status) return last;
      assert.ok(["working", "input_required"].includes(String(last["status"])), JSON.stringify(last));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  leave(): void {
    this.#channel.reset("gone");
  }
}

test("a call that takes longer is a task, whose result waits for its caller; a quick one is a call", async () => {
  const on = stage();
  await using node = await nodeOn(on);
  const talk = await Talk.open(node);
  const { capabilities } = (await talk.ask("server/discover")).result ?? {};
  assert.deepEqual((capabilities as { extensions: unknown }).extensions, { [EXTENSION]: {} });
  assert.equal((await talk.call("quick")).result?.["resultType"], "complete");
  const made = (await talk.call("slow")).result ?? {};
  const { taskId, createdAt, lastUpdatedAt, ...fields } = made;
  assert.deepEqual(fields, {
    resultType: "task",
    status: "working",
    ttlMs: 3_600_000,
    pollIntervalMs: 500,
  });
  assert.match(String(createdAt), /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/);
  assert.equal(createdAt, lastUpdatedAt);
  assert.equal((await talk.ask("tasks/get", { taskId })).result?.["status"], "working");
  on.open();
  const done = await talk.until(taskId, "completed");
  assert.partialDeepStrictEqual(done["result"], text("after a while"));
  assert.deepEqual((await talk.ask("tasks/cancel", { taskId })).result, { resultType: "complete" });
  assert.equal((await talk.ask("tasks/get", { taskId })).result?.["status"], "completed");
});

test("a task outlives its caller's channel, and is its caller's own", async () => {
  const on = stage();
  await using node = await nodeOn(on);
  const first = await Talk.open(node, { user: "ann" });
  const { taskId } = (await first.call("slow")).result ?? {};
  first.leave();
  on.open();
  const other = await Talk.open(node, { user: "bob" });
  for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
    assert.equal((await other.ask(method, { taskId, inputResponses: {} })).error?.code, -32_602);
  }
  const again = await Talk.open(node, { user: "ann" });
  await again.until(taskId, "completed");
  assert.equal((await again.ask("tasks/get", { taskId: "none" })).error?.code, -32_602);
});

test("who does not know tasks gets plain results, and is refused by a tool that must be one", async () => {
  const on = stage();
  await using node = await nodeOn(on);
  const talk = await Talk.open(node, { plain: true });
  on.open();
  assert.equal((await talk.call("slow")).result?.["resultType"], "complete");
  for (const told of [await talk.call("strict"), await talk.ask("tasks/get", { taskId: "x" })]) {
    assert.equal(told.error?.code, -32_021);
    const data = { requiredCapabilities: { extensions: { [EXTENSION]: {} } } };
    assert.deepEqual(told.error?.data, data);
  }
  assert.equal((await talk.ask("tasks/list")).error?.code, -32_601);
});

test("a cancelled task is cancelled in its tool, and a protocol error fails its task", async () => {
  const on = stage();
  await using node = await nodeOn(on);
  const talk = await Talk.open(node);
  const { taskId } = (await talk.call("slow")).result ?? {};
  assert.deepEqual((await talk.ask("tasks/cancel", { taskId })).result, { resultType: "complete" });
  await talk.until(taskId, "cancelled");
  await eventually("the tool hears of it", () => on.aborted === 1);
  const { taskId: broken } = (await talk.call("broken")).result ?? {};
  on.open();
  const failed = await talk.until(broken, "failed");
  assert.equal((failed["error"] as { code: number }).code, -32_602);
  assert.equal(failed["result"], undefined);
});

test("a task asks its caller, who answers one thing after the other", async () => {
  const on = stage();
  await using node = await nodeOn(on);
  const talk = await Talk.open(node);
  const { taskId } = (await talk.call("asking")).result ?? {};
  on.open();
  const asking = await talk.until(taskId, "input_required");
  assert.deepEqual(Object.keys(asking["inputRequests"] as object), ["one", "two"]);
  assert.equal("requestState" in asking, false);
  const answer = (key: string, name: string) => ({
    taskId,
    inputResponses: { [key]: { action: "accept", content: { name } }, strange: {} },
  });
  assert.deepEqual((await talk.ask("tasks/update", answer("one", "Ann"))).result, {
    resultType: "complete",
  });
  const still = await talk.until(taskId, "input_required");
  assert.deepEqual(Object.keys(still["inputRequests"] as object), ["two"]);
  await talk.ask("tasks/update", answer("two", "Bob"));
  const done = await talk.until(taskId, "completed");
  assert.partialDeepStrictEqual(done["result"], text("Ann and Bob"));
});

test("a caller has room for 32 open tasks", async () => {
  const on = stage();
  await using node = await nodeOn(on);
  const talks = await Promise.all(Array.from({ length: 33 }, () => Talk.open(node)));
  const made = await Promise.all(talks.slice(0, 32).map((talk) => talk.call("slow")));
  assert.ok(made.every(({ result }) => result?.["resultType"] === "task"));
  assert.equal((await talks[32]?.call("slow"))?.error?.code, -31_213);
  on.open();
});
