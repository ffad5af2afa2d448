import assert from "node:assert/strict";
import { test } from "node:test";
import { SendMessageRequest, type StreamResponse, Task, TaskState } from "@a2a-js/sdk";
import type { JsonObject } from "@gridmesh/protocol";
import { Client } from "@modelcontextprotocol/client";
import { inputRequired, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { AgentDefinition, Caller, McpFactory } from "../src/agent.ts";
import { systemClock } from "../src/clock.ts";
import { withBothFaces } from "../src/host/adapters.ts";
import { channelTransportFactory } from "../src/host/a2a-transport.ts";
import { hostInProcess, type HostedAgent } from "../src/host/in-process.ts";
import { channelTransport } from "../src/host/mcp-transport.ts";
import { TaskRoom } from "../src/host/a2a-task-room.ts";
import { silentLog } from "../src/log.ts";
import type { ChannelMode } from "../src/route/channel.ts";
import { SampleExecutor, sampleCard } from "./a2a-agents.ts";
import { ALICE, agentKey, BOB, clientOf, nodeIdentity } from "./a2a-rig.ts";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** One tool of each kind of content, and those that report, fail, ask and wait. */
const factory: McpFactory = () => {
  const server = new McpServer({ name: "fixture", version: "1" });
  const content: Readonly<Record<string, object[]>> = {
    text: [{ type: "text", text: "plain", annotations: { priority: 0.5 } }],
    image: [{ type: "image", data: PNG, mimeType: "image/png" }],
    audio: [{ type: "audio", data: "UklGRg==", mimeType: "audio/wav" }],
    resource: [{ type: "resource", resource: { uri: "test://a", mimeType: "text/plain", text: "inside" } }],
    blob: [{ type: "resource", resource: { uri: "test://b", mimeType: "image/png", blob: PNG } }],
    link: [{ type: "resource_link", uri: "test://c", name: "c", mimeType: "text/plain" }],
    mixed: [
      { type: "text", text: "two:" },
      { type: "image", data: PNG, mimeType: "image/png" },
    ],
  };
  for (const [name, blocks] of Object.entries(content)) {
    server.registerTool(name, { description: `Gives ${name}` }, () => ({ content: blocks as never }));
  }
  const numbers = z.object({ a: z.number(), b: z.number() });
  server.registerTool("add", { description: "Adds", inputSchema: numbers }, ({ a, b }) => ({
    content: [{ type: "text", text: String(a + b) }],
    structuredContent: { sum: a + b },
  }));
  server.registerTool("steps", {}, async ({ mcpReq }) => {
    for (const progress of [1, 2, 3]) {
      const progressToken = mcpReq._meta?.progressToken ?? 0;
      await mcpReq.notify({
        method: "notifications/progress",
        params: { progressToken, progress, total: 3 },
      });
    }
    return { content: [{ type: "text", text: "done" }] };
  });
  server.registerTool("fails", {}, () => ({ content: [{ type: "text", text: "no luck" }], isError: true }));
  server.registerTool("ask", {}, ({ mcpReq }) => {
    const name = mcpReq.inputResponses?.["name"] as { content?: { name?: string } } | undefined;
    if (name?.content?.name !== undefined) {
      return { content: [{ type: "text", text: `Hello, ${name.content.name}!` }] };
    }
    const requestedSchema = { type: "object" as const, properties: { name: { type: "string" as const } } };
    return inputRequired({
      inputRequests: { name: inputRequired.elicit({ message: "Your name?", requestedSchema }) },
      requestState: "opaque",
    });
  });
  server.registerTool("wait", {}, ({ mcpReq }) => {
    return new Promise((_resolve, reject) => {
      mcpReq.signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
    });
  });
  return server;
};

type Allows = (
  caller: Caller,
  asked: { readonly method: string; readonly item: string | undefined },
) => boolean;

function hosted(definition: Omit<AgentDefinition, "capabilities">, allows: Allows = () => true): HostedAgent {
  const inner = hostInProcess({
    name: "sample",
    agentId: agentKey.signer.agentId,
    access: "network",
    log: silentLog(),
    definition: { capabilities: ["test"], ...definition },
  });
  let ids = 0;
  const agent = withBothFaces(inner, {
    name: "sample",
    nodeId: nodeIdentity.peerId,
    signer: agentKey.signer,
    clock: systemClock(),
    log: silentLog(),
    newId: () => `id-${(ids += 1)}`,
    allows,
    tasks: new TaskRoom(),
  });
  agent.become("ready");
  return agent;
}

const signal = new AbortController().signal;

async function a2a(agent: HostedAgent, caller = ALICE) {
  const transport = await channelTransportFactory(() => (opening) => agent.open(opening, { caller, signal }));
  const card = await agent.call("GetAgentCard", {}, { caller, signal, deadlineMs: Infinity });
  return clientOf(transport, card);
}

async function mcp(agent: HostedAgent, mode: ChannelMode = "call", caller = ALICE): Promise<Client> {
  const versionNegotiation = { mode: mode === "session" ? "legacy" : { pin: "2026-07-28" } } as const;
  const client = new Client(
    { name: "caller", version: "1" },
    { versionNegotiation, capabilities: { elicitation: { form: {} } } },
  );
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { text: "Ada" } }));
  await client.connect(channelTransport(await agent.open({ proto: "mcp", mode }, { caller, signal })));
  return client;
}

const asks = (skillId: string, data: JsonObject = {}, more: JsonObject = {}) =>
  SendMessageRequest.fromJSON({
    message: { messageId: "m", role: "ROLE_USER", parts: [{ data }], metadata: { skillId }, ...more },
  });

async function all(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** What a skill gave, as the tool would have said it. */
function resultOf(task: Task): JsonObject {
  const { artifacts = [] } = Task.toJSON(task) as { artifacts?: { parts: JsonObject[] }[] };
  const parts = artifacts.flatMap((artifact) => artifact.parts);
  const blocks = parts.map((part) => {
    const { "urn:gridmesh:mcp:1": block } = part["metadata"] as { "urn:gridmesh:mcp:1": JsonObject };
    return { part, block };
  });
  const structured = blocks.find(({ block }) => block["type"] === "structuredContent");
  const content = blocks
    .filter((one) => one !== structured)
    .map(({ part, block }) => {
      const { text, raw, url } = part;
      if (block["type"] === "resource") {
        const said = text === undefined ? { blob: raw ?? null } : { text };
        return { ...block, resource: { ...(block["resource"] as JsonObject), ...said } };
      }
      if (url !== undefined) return { ...block, uri: url };
      return text === undefined ? { ...block, data: raw ?? null } : { ...block, text };
    });
  return {
    content,
    ...(structured === undefined ? {} : { structuredContent: structured.part["data"] ?? null }),
  };
}

test("every tool is a skill with its schema, and a skill called gives what the tool gives", async () => {
  const agent = hosted({ mcp: factory });
  const [caller, direct] = await Promise.all([a2a(agent), mcp(agent)]);
  const { tools } = await direct.listTools();
  const card = await caller.getAgentCard();
  assert.deepEqual(
    card.skills.map(({ id }) => id),
    tools.map(({ name }) => name),
  );
  const [extension] = card.capabilities?.extensions ?? [];
  const schemas = extension?.params?.["inputSchemas"] as Record<string, JsonObject>;
  assert.deepEqual(schemas["add"]?.["required"], ["a", "b"]);
  for (const name of ["text", "image", "audio", "resource", "blob", "link", "mixed", "add"]) {
    const given = name === "add" ? { a: 2, b: 3 } : {};
    const task = (await caller.sendMessage(asks(name, given))) as Task;
    assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED, name);
    const { content, structuredContent } = await direct.callTool({ name, arguments: given });
    assert.deepEqual(resultOf(task), {
      content,
      ...(structuredContent === undefined ? {} : { structuredContent }),
    });
  }
  await direct.close();
});

test("an agent of plain tools has an A2A face, and takes createTask", async () => {
  const tools = {
    get_soc_data: {
      description: "State of charge",
      inputSchema: { type: "object" },
      handler: () => ({ percent: 64.5 }),
    },
  };
  const agent = hosted({ tools });
  const context = { caller: ALICE, signal, deadlineMs: Infinity };
  const short = { message: { skillId: "get_soc_data" } };
  const answer = (await agent.call("createTask", short, context)) as JsonObject;
  assert.deepEqual([answer["status"], answer["result"]], ["completed", { percent: 64.5 }]);
  const task = (await (await a2a(agent)).sendMessage(asks("get_soc_data"))) as Task;
  assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED);
  // One skill alone needs no name.
  const unnamed = SendMessageRequest.fromJSON({
    message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "?" }] },
  });
  const only = (await (await a2a(agent)).sendMessage(unnamed)) as Task;
  assert.equal(only.status?.state, TaskState.TASK_STATE_COMPLETED);
});

test("a tool's progress is WORKING, its failure FAILED", async () => {
  const caller = await a2a(hosted({ mcp: factory }));
  const events = await all(caller.sendMessageStream(asks("steps")));
  const states = events.flatMap(({ payload }) =>
    payload?.$case === "statusUpdate" ? [payload.value.status?.state] : [],
  );
  const { TASK_STATE_WORKING: working, TASK_STATE_COMPLETED: completed } = TaskState;
  assert.deepEqual(states, [working, working, working, completed]);
  const failed = (await caller.sendMessage(asks("fails"))) as Task;
  assert.equal(failed.status?.state, TaskState.TASK_STATE_FAILED);
  assert.equal(failed.status.message?.parts[0]?.content?.value, "no luck");
  const wrong = (await caller.sendMessage(asks("add", { a: "x" }))) as Task;
  assert.equal(wrong.status?.state, TaskState.TASK_STATE_FAILED);
});

test("a tool that asks waits for input, and goes on with the answer", async () => {
  const caller = await a2a(hosted({ mcp: factory }));
  const asked = (await caller.sendMessage(asks("ask"))) as Task;
  assert.equal(asked.status?.state, TaskState.TASK_STATE_INPUT_REQUIRED);
  const question = asked.status.message?.parts[0]?.content?.value as { inputRequests: JsonObject };
  assert.equal((question.inputRequests["name"] as JsonObject)["method"], "elicitation/create");
  const inputResponses = { name: { action: "accept", content: { name: "Ada" } } };
  const done = (await caller.sendMessage(asks("ask", { inputResponses }, { taskId: asked.id }))) as Task;
  assert.equal(done.artifacts[0]?.parts[0]?.content?.value, "Hello, Ada!");
});

test("a cancelled task stops its tool", async () => {
  const caller = await a2a(hosted({ mcp: factory }));
  const stream = caller.sendMessageStream(asks("wait"));
  const { payload } = (await stream.next()).value as StreamResponse;
  assert.ok(payload?.$case === "task");
  const cancelled = await caller.cancelTask({ tenant: "", id: payload.value.id, metadata: undefined });
  assert.equal(cancelled.status?.state, TaskState.TASK_STATE_CANCELED);
  const last = (await all(stream)).at(-1)?.payload;
  assert.ok(last?.$case === "statusUpdate");
  assert.equal(last.value.status?.state, TaskState.TASK_STATE_CANCELED);
});

for (const mode of ["call", "session"] as const) {
  test(`every skill is a tool and gives the same, on a ${mode} channel`, async () => {
    const agent = hosted({ a2a: new SampleExecutor(), card: sampleCard });
    const [caller, direct] = await Promise.all([mcp(agent, mode), a2a(agent)]);
    const { tools } = await caller.listTools();
    assert.deepEqual(
      tools.map(({ name }) => name),
      (sampleCard.skills ?? []).map(({ id }) => id),
    );
    for (const name of ["chunks", "get_soc_data", "whoami"]) {
      const said = await direct.sendMessage(asks(name));
      const parts = "artifacts" in said ? said.artifacts.flatMap((artifact) => artifact.parts) : said.parts;
      const { content, structuredContent } = await caller.callTool({ name });
      const values = parts.map((part) => part.content?.value as unknown);
      const texts = content.map((block) => (block.type === "text" ? block.text : ""));
      if (name === "chunks") assert.deepEqual(texts, values);
      else assert.deepEqual(structuredContent, values[0]);
    }
    const failed = await caller.callTool({ name: "fail" });
    assert.equal(failed.isError, true);
    assert.doesNotMatch(JSON.stringify(failed), /secret/);
    await caller.close();
  });

  test(`an A2A agent that waits for input asks an MCP caller, on a ${mode} channel`, async () => {
    const caller = await mcp(hosted({ a2a: new SampleExecutor(), card: sampleCard }), mode);
    const { content } = await caller.callTool({ name: "ask" });
    assert.deepEqual(content, [{ type: "text", text: "Hello, Ada!" }]);
    await caller.close();
  });
}

test("another caller cannot go on with a question's state", async () => {
  const agent = hosted({ a2a: new SampleExecutor(), card: sampleCard });
  const context = (caller = ALICE) => ({ caller, signal, deadlineMs: Infinity });
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
  };
  const asked = (await agent.call("tools/call", { name: "ask", _meta }, context())) as JsonObject;
  assert.equal(asked["resultType"], "input_required");
  const { requestState } = asked;
  const inputResponses = { answer: { action: "accept", content: { text: "Ada" } } };
  const next = { name: "ask", requestState: requestState ?? null, inputResponses, _meta };
  await assert.rejects(agent.call("tools/call", next, context(BOB)), /not found/i);
  const done = (await agent.call("tools/call", next, context())) as JsonObject;
  assert.match(JSON.stringify(done["content"]), /Hello, Ada!/);
});

test("a tool that does not exist, and resources, are refused as MCP refuses them", async () => {
  const agent = hosted({ a2a: new SampleExecutor(), card: sampleCard });
  const caller = await mcp(agent);
  await assert.rejects(caller.callTool({ name: "fly" }), { code: -32_602 });
  const context = { caller: ALICE, signal, deadlineMs: Infinity };
  await assert.rejects(agent.call("resources/list", {}, context), { code: "METHOD_NOT_FOUND" });
  await caller.close();
});

test("a skill's message knows who called the tool", async () => {
  const caller = await mcp(hosted({ a2a: new SampleExecutor(), card: sampleCard }), "call", BOB);
  const { structuredContent } = await caller.callTool({ name: "whoami" });
  assert.deepEqual(structuredContent, { ...BOB });
  await caller.close();
});

test("a tool that a caller may not call is no skill for it, by whichever name the rule has it", async () => {
  for (const method of ["tools/call", "SendMessage"]) {
    const forbids: Allows = (caller, asked) =>
      caller.peerId !== BOB.peerId || asked.item !== "add" || asked.method !== method;
    const agent = hosted({ mcp: factory }, forbids);
    const [alice, bob] = await Promise.all([a2a(agent), a2a(agent, BOB)]);
    const seen = (await bob.getAgentCard()).skills.map(({ id }) => id);
    assert.ok(seen.includes("text") && !seen.includes("add"));
    await assert.rejects(bob.sendMessage(asks("add", { a: 1, b: 2 })), /no skill "add"/);
    const task = (await alice.sendMessage(asks("add", { a: 1, b: 2 }))) as Task;
    assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED);
  }
});

test("a right that was taken away in between stops a task that waits", async () => {
  let allowed = true;
  const agent = hosted({ mcp: factory }, () => allowed);
  const caller = await a2a(agent);
  const asked = (await caller.sendMessage(asks("ask"))) as Task;
  allowed = false;
  const inputResponses = { name: { action: "accept", content: { name: "Ada" } } };
  const done = (await caller.sendMessage(
    asks("", { inputResponses }, { taskId: asked.id, metadata: {} }),
  )) as Task;
  assert.equal(done.status?.state, TaskState.TASK_STATE_FAILED);
  assert.match(JSON.stringify(done.status.message), /not allowed/);
});
