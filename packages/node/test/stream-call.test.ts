import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptedContent, inputRequired, McpServer } from "@modelcontextprotocol/server";
import { type ErrorCode, isProtocolError, type JsonObject, type JsonValue } from "@gridmesh/protocol";
import type { McpFactory } from "../src/agent.ts";
import {
  createNode,
  memory,
  memoryHub,
  type StreamMessage,
  type StreamOptions,
  systemProcesses,
} from "../src/index.ts";
import type { NodeAgent } from "../src/node-options.ts";
import { program } from "./child-rig.ts";
import { eventually, NETWORK } from "./node-fixture.ts";

const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;
const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });

let waiting = 0;

const factory: McpFactory = () => {
  const server = new McpServer(
    { name: "lively", version: "1" },
    { capabilities: { tools: { listChanged: true } } },
  );
  server.registerTool("steps", {}, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken ?? 0;
    for (const progress of [1, 2, 3]) {
      await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } });
    }
    return text("done");
  });
  server.registerTool("greet", {}, (ctx) => {
    const given = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "who");
    if (given !== undefined) return text(`Hello, ${given.name}`);
    const requestedSchema = { type: "object" as const, properties: { name: { type: "string" as const } } };
    return inputRequired({
      inputRequests: { who: inputRequired.elicit({ message: "Who?", requestedSchema }) },
    });
  });
  server.registerTool("wait", {}, (ctx) => {
    waiting += 1;
    return new Promise<never>((_resolve, reject) => {
      ctx.mcpReq.signal.addEventListener("abort", () => {
        waiting -= 1;
        reject(new Error("stopped"));
      });
    });
  });
  server.registerTool("change", {}, () => {
    server.sendToolListChanged();
    return text("changed");
  });
  return server;
};

async function world(agents: readonly NodeAgent[], more: object = {}) {
  const hub = memoryHub({ seed: 21 });
  const stack = new AsyncDisposableStack();
  const far = await createNode({ network: memory({ hub }), networkName: NETWORK, agents, ...more });
  stack.defer(() => far.stop({ deadlineMs: 0 }));
  const near = await createNode({ network: memory({ hub }), networkName: NETWORK });
  stack.defer(() => near.stop({ deadlineMs: 0 }));
  await near.connect(far.addresses[0] ?? "");
  const stream = (address: string, params: JsonValue, options: StreamOptions = {}) =>
    near.stream(`${far.id}:${address}`, params, options);
  return { near, far, stream, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const lively = [{ name: "lively", definition: { capabilities: ["lively"], mcp: factory } }];

async function all(stream: AsyncIterable<StreamMessage>): Promise<StreamMessage[]> {
  const messages: StreamMessage[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

const textIn = (message: StreamMessage | undefined) =>
  message?.kind === "result"
    ? (message.result as unknown as ReturnType<typeof text>).content[0]?.text
    : undefined;

test("a stream tells progress as it comes and the result last, near and far", async () => {
  await using on = await world(lively);
  for (const stream of [
    on.stream("lively/tools/call", { name: "steps" }),
    on.far.stream("local:lively/tools/call", { name: "steps" }),
  ]) {
    const messages = await all(stream);
    assert.deepEqual(
      messages
        .slice(0, -1)
        .map((note) => note.kind === "notification" && (note.params as JsonObject)["progress"]),
      [1, 2, 3],
    );
    assert.equal(textIn(messages.at(-1)), "done");
  }
});

test("an agent that asks in between is answered, and gets an error where nobody answers", async () => {
  await using on = await world(lively);
  const asked: string[] = [];
  const onInput = ({ method, params }: { method: string; params: JsonValue }) => {
    asked.push(`${method} ${JSON.stringify((params as JsonObject)["message"])}`);
    return { action: "accept", content: { name: "Ada" } };
  };
  const messages = await all(on.stream("lively/tools/call", { name: "greet" }, { onInput }));
  assert.equal(textIn(messages.at(-1)), "Hello, Ada");
  assert.deepEqual(asked, ['elicitation/create "Who?"']);
  await assert.rejects(all(on.stream("lively/tools/call", { name: "greet" })), isProtocolError);
});

test("leaving the loop, or the signal, ends the call at the agent", async () => {
  await using on = await world(lively);
  const gone = new AbortController();
  const left = all(on.stream("lively/tools/call", { name: "wait" }, { signal: gone.signal }));
  await eventually("the call has begun", () => waiting === 1);
  gone.abort();
  await assert.rejects(left, code("CALL_CANCELLED"));
  await eventually("the call has ended", () => waiting === 0);
  const listening = on.stream("lively/subscriptions/listen", { notifications: { toolsListChanged: true } });
  for await (const message of listening) {
    assert.equal(
      message.kind === "notification" && message.method,
      "notifications/subscriptions/acknowledged",
    );
    break;
  }
  await eventually(
    "no stream is left but that of calls",
    () => (on.far.snapshot().streamsByProtocol["/gridmesh/rpc/1"] ?? 0) <= 2,
  );
});

test("a listener hears of changes for as long as it listens", async () => {
  await using on = await world(lively);
  const heard: string[] = [];
  for await (const message of on.stream("lively/subscriptions/listen", {
    notifications: { toolsListChanged: true },
  })) {
    assert.ok(message.kind === "notification");
    heard.push(message.method);
    if (heard.length === 3) break;
    await on.far.call("local:lively/tools/call", { name: "change" });
  }
  assert.deepEqual(heard, [
    "notifications/subscriptions/acknowledged",
    "notifications/tools/list_changed",
    "notifications/tools/list_changed",
  ]);
});

test("an agent of the older revision asks its caller too, in a session of its own", async () => {
  const definition = program("server-everything", "stdio");
  await using on = await world([{ name: "old", definition }], {
    children: { processes: systemProcesses(), env: process.env },
  });
  const onInput = ({ method }: { method: string }) =>
    method === "sampling/createMessage"
      ? { model: "none", role: "assistant", content: { type: "text", text: "a sampled answer" } }
      : { roots: [] };
  const params = { name: "trigger-sampling-request", arguments: { prompt: "Say something" } };
  const messages = await all(on.stream("old/tools/call", params, { onInput }));
  assert.match(textIn(messages.at(-1)) ?? "", /a sampled answer/);
});

test("what is no agent's method, or of no agent, is refused at once", async () => {
  await using on = await world(lively);
  await assert.rejects(all(on.stream("nobody/tools/call", {})), code("AGENT_NOT_FOUND"));
  await assert.rejects(all(on.near.stream("node/get_info")), code("ADDRESS_INVALID"));
  await assert.rejects(
    all(on.near.stream("cap:nothing/tools/call", {}, { timeoutMs: 300 })),
    code("NO_PROVIDER"),
  );
});
