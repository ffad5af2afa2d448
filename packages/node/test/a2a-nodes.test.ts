import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SendMessageRequest, type StreamResponse, type Task, TaskState } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import { isProtocolError, type JsonObject } from "@gridmesh/protocol";
import { a2aTransport, createNode, exchangeA2a, libp2p, type LocalUser } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import { SampleExecutor, sampleCard } from "./a2a-agents.ts";
import { clientOf } from "./a2a-rig.ts";
import { eventually, NETWORK } from "./node-fixture.ts";

/** The agent lives at `far`; it is called from `near` and from `other`, over libp2p. */
const executor = new SampleExecutor();
const nodes = new AsyncDisposableStack();
let far: AgentNode;
let near: AgentNode;
let other: AgentNode;

before(async () => {
  const start = async (agents: Parameters<typeof createNode>[0]["agents"] = []) =>
    nodes.use(
      await createNode({
        network: libp2p({ listen: ["/ip4/127.0.0.1/tcp/0"], bootstrap: [] }),
        networkName: NETWORK,
        agents,
      }),
    );
  const echo = {
    description: "Says it again",
    inputSchema: { type: "object" },
    handler: (given: unknown) => given,
  };
  far = await start([
    { name: "sample", definition: { capabilities: ["sample"], a2a: executor, card: sampleCard } },
    { name: "tools", definition: { capabilities: ["echo"], tools: { echo: echo as never } } },
  ]);
  [near, other] = await Promise.all([start(), start()]);
  for (const node of [near, other]) await node.connect(far.addresses[0] ?? "");
});

after(() => nodes.disposeAsync());

const address = () => `${far.id}:sample`;

async function client(node = near, as?: LocalUser): Promise<Client> {
  return clientOf(await a2aTransport(node, as), await node.cards.read(address()));
}

const asks = (skillId: string, more: JsonObject = {}) =>
  SendMessageRequest.fromJSON({
    message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "go" }], metadata: { skillId }, ...more },
  });

async function all(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** One request as its caller writes it, and the answer. */
async function ask(request: JsonObject, version?: string, node = near): Promise<JsonObject> {
  const exchange = await exchangeA2a((opening) => node.open(address(), opening), {
    body: JSON.stringify({ jsonrpc: "2.0", ...request }),
    version,
  });
  assert.ok(exchange.kind === "answer");
  return JSON.parse(exchange.line) as JsonObject;
}

const codeOf = (answer: JsonObject) => (answer["error"] as JsonObject | undefined)?.["code"];

test("the SDK sends to an agent of another node under gridmesh://", async () => {
  const task = (await (await client()).sendMessage(asks("chunks"))) as Task;
  assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED);
  assert.equal(task.artifacts[0]?.parts.length, 3);
});

test("a task's chunks stream to another node in order", async () => {
  const events = await all((await client()).sendMessageStream(asks("chunks")));
  assert.deepEqual(
    events.map(({ payload }) => payload?.$case),
    ["task", "statusUpdate", "artifactUpdate", "artifactUpdate", "artifactUpdate", "statusUpdate"],
  );
});

test("a second stream joins a task, and a reset of the first does not end it", async () => {
  executor.gated = true;
  const caller = await client();
  const stream = caller.sendMessageStream(asks("chunks"));
  const { payload } = (await stream.next()).value as StreamResponse;
  assert.ok(payload?.$case === "task");
  const { id } = payload.value;
  const second = caller.resubscribeTask({ tenant: "", id });
  assert.equal(((await second.next()).value as StreamResponse).payload?.$case, "task");
  await stream.return();
  executor.gated = false;
  executor.go();
  const events = await all(second);
  assert.equal(events.length, 5);
  assert.equal((await caller.getTask({ tenant: "", id })).status?.state, TaskState.TASK_STATE_COMPLETED);
});

test("a task is cancelled from another node", async () => {
  const caller = await client();
  const stream = caller.sendMessageStream(asks("wait"));
  const { payload } = (await stream.next()).value as StreamResponse;
  assert.ok(payload?.$case === "task");
  const cancelled = await caller.cancelTask({ tenant: "", id: payload.value.id, metadata: undefined });
  assert.equal(cancelled.status?.state, TaskState.TASK_STATE_CANCELED);
  assert.equal((await all(stream)).at(-1)?.payload?.$case, "statusUpdate");
});

test("a node sees its own tasks only, and of its users each their own", async () => {
  const task = (await (await client(near, { user: "ann" })).sendMessage(asks("chunks"))) as Task;
  const asked = { tenant: "", id: task.id };
  assert.equal((await (await client(near, { user: "ann" })).getTask(asked)).id, task.id);
  for (const stranger of [await client(), await client(near, { user: "bob" }), await client(other)]) {
    await assert.rejects(stranger.getTask(asked), { name: /TaskNotFound/ });
    await assert.rejects(all(stranger.resubscribeTask(asked)));
  }
});

test("errors keep their numbers on the way: -32001, -32004, -32009", async () => {
  const none = await ask({ id: 1, method: "GetTask", params: { id: "none" } }, "1.0");
  assert.equal(codeOf(none), -32_001);
  const task = (await (await client()).sendMessage(asks("chunks"))) as Task;
  const message = { messageId: "n", role: "ROLE_USER", parts: [{ text: "more" }], taskId: task.id };
  assert.equal(codeOf(await ask({ id: 2, method: "SendMessage", params: { message } }, "1.0")), -32_004);
  const version = await ask({ id: 3, method: "ListTasks", params: {} }, "3.0");
  assert.equal(codeOf(version), -32_009);
  assert.match(JSON.stringify(version), /VERSION_NOT_SUPPORTED/);
});

test("a caller of 0.3 at another node has its answers in 0.3", async () => {
  const parts = [{ kind: "text", text: "go" }];
  const message = { kind: "message", messageId: "m", role: "user", parts, metadata: { skillId: "chunks" } };
  const params = { message, configuration: { blocking: true } };
  const { result } = await ask({ id: "x", method: "message/send", params });
  const { kind, status } = result as JsonObject;
  assert.deepEqual([kind, (status as JsonObject)["state"]], ["task", "completed"]);
});

test("createTask crosses nodes with an id, and without one its task runs", async () => {
  const params = { message: { skillId: "get_soc_data" } };
  const { result } = await ask({ id: 7, method: "createTask", params });
  const { status, result: data } = result as JsonObject;
  assert.deepEqual([status, data], ["completed", { percent: 64.5 }]);
  const caller = await client(other);
  const list = { tenant: "", contextId: "", status: 0, pageToken: "", statusTimestampAfter: undefined };
  const count = async () => (await caller.listTasks(list)).totalSize;
  const known = await count();
  const quiet = await exchangeA2a((opening) => other.open(address(), opening), {
    body: JSON.stringify({ jsonrpc: "2.0", method: "createTask", params }),
  });
  assert.equal(quiet.kind, "accepted");
  let now = known;
  void count().then((size) => (now = size));
  await eventually("the task that nobody waits for", () => {
    void count().then((size) => (now = size));
    return now > known;
  });
});

test("a card of another node verifies by the agent's key, and an altered one is refused", async () => {
  const card = await near.cards.read(address());
  const [first] = card["supportedInterfaces"] as JsonObject[];
  assert.equal(first?.["url"], `gridmesh://${far.id}/sample`);
  assert.deepEqual(await near.cards.check(card, address()), card);
  const invalid = (error: unknown) => isProtocolError(error) && error.code === "SIGNATURE_INVALID";
  await assert.rejects(near.cards.check({ ...card, description: "Better" }, address()), invalid);
  // It is a card, but not this agent's.
  await assert.rejects(near.cards.check(card, `${near.id}:sample`), invalid);
});

test("a card given out again under another address is the node's, and verifies", async () => {
  const card = await near.cards.read(address());
  const url = "http://127.0.0.1:4880/a2a/x";
  const again = await near.cards.readdress(card, [
    { url, protocolBinding: "JSONRPC", protocolVersion: "1.0" },
  ]);
  const [signature] = again["signatures"] as JsonObject[];
  const header = JSON.parse(
    Buffer.from(signature?.["protected"] as string, "base64url").toString(),
  ) as JsonObject;
  assert.equal(header["kid"], near.id);
  assert.deepEqual(again["skills"], card["skills"]);
});

test("an MCP agent of another node is called as an A2A agent, and an A2A agent by plain calls", async () => {
  const transport = await a2aTransport(near);
  const caller = await clientOf(transport, await near.cards.read(`${far.id}:tools`));
  const message = { messageId: "m", role: "ROLE_USER", parts: [{ data: { a: 1 } }] };
  const task = (await caller.sendMessage(SendMessageRequest.fromJSON({ message }))) as Task;
  assert.deepEqual(task.artifacts[0]?.parts.at(-1)?.content?.value, { a: 1 });
  const short = (await near.call(`${far.id}:sample/createTask`, {
    message: { skillId: "get_soc_data" },
  })) as JsonObject;
  assert.deepEqual(short["result"], { percent: 64.5 });
  await assert.rejects(near.call(`${far.id}:sample/GetTask`, { id: "none" }), (error: unknown) => {
    return isProtocolError(error) && error.foreign?.code === -32_001;
  });
});
