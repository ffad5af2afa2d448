import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  AgentCard,
  SendMessageRequest,
  type StreamResponse,
  type Task,
  TaskState,
  verifyAgentCardSignature,
} from "@a2a-js/sdk";
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
} from "@a2a-js/sdk/client";
import { type JsonObject, keyFromAgentId, keyFromPeerId } from "@gridmesh/protocol";
import { a2aElsewhere, type Elsewhere } from "../../node/test/a2a-elsewhere.ts";
import { SampleExecutor, sampleCard } from "../../node/test/a2a-agents.ts";
import { openedGateway, type TestGateway } from "./gateway-kit.ts";
import { configOf, startedDaemon, temporaryHome } from "./running.ts";

const AGENT = fileURLToPath(new URL("gateway-a2a-agent.ts", import.meta.url));
const ROW = `[[agents]]\nname = "sample"\naccess = "network"\nmodule = ${JSON.stringify(AGENT)}\nfactory = "sample"\n`;

const opened = new AsyncDisposableStack();
let gateway: TestGateway;
let base: string;
/** An A2A agent that knows nothing of gridmesh. */
let elsewhere: Elsewhere;

before(async () => {
  elsewhere = opened.use(await a2aElsewhere(new SampleExecutor(), sampleCard));
  const far = `[[agents]]\nname = "far"\naccess = "network"\ncard = "${elsewhere.url}"\n`;
  gateway = opened.use(await openedGateway("a2a-door", `${ROW}${far}`));
  base = `${gateway.daemon.node.gateway}/a2a/local:sample`;
});

after(() => opened.disposeAsync());

/** A caller as anybody writes one: the SDK, the card's address and a token. */
async function client(token?: string, legacy = false): Promise<Client> {
  const fetchImpl: typeof fetch = (url, init) =>
    fetch(url, { ...init, headers: { ...(init?.headers as object), ...gateway.bearer(token) } });
  const legacyCompat = { enabled: legacy };
  const factory = new ClientFactory(
    ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
      transports: [new JsonRpcTransportFactory({ fetchImpl, legacyCompat })],
      cardResolver: new DefaultAgentCardResolver({ fetchImpl, legacyCompat }),
    }),
  );
  return factory.createFromUrl(`${base}/`);
}

const asks = (skillId: string) =>
  SendMessageRequest.fromJSON({
    message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "go" }], metadata: { skillId } },
  });

function post(path: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${gateway.daemon.node.gateway}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...gateway.bearer(), ...headers },
    body,
  });
}

const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${gateway.daemon.node.gateway}${path}`, { headers: { ...gateway.bearer(), ...headers } });

const verifySignature = verifyAgentCardSignature((kid) => {
  const raw = kid.startsWith("ed25519:") ? keyFromAgentId(kid) : keyFromPeerId(kid);
  const key = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  return Promise.resolve(createPublicKey({ key, format: "der", type: "spki" }));
});

const kidOf = (card: AgentCard) =>
  (JSON.parse(Buffer.from(card.signatures[0]?.protected ?? "", "base64url").toString()) as { kid: string })
    .kid;

async function all(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

test("the SDK finds the agent by its card's address, sends and streams", async () => {
  const caller = await client();
  const task = (await caller.sendMessage(asks("chunks"))) as Task;
  assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED);
  const events = await all(caller.sendMessageStream(asks("chunks")));
  assert.equal(events.filter(({ payload }) => payload?.$case === "artifactUpdate").length, 3);
});

test("a caller of 0.3 does so too", async () => {
  const caller = await client(undefined, true);
  const task = (await caller.sendMessage(asks("get_soc_data"))) as Task;
  assert.ok(task.id);
  const answer = await post(
    "/a2a/local:sample",
    '{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"x"}}',
  );
  assert.equal(answer.status, 200);
  assert.equal(((await answer.json()) as { error: { code: number } }).error.code, -32_001);
});

test("the card names this gateway first, is signed by the node, and its original by the agent", async () => {
  const shown = await get("/a2a/local:sample/.well-known/agent-card.json", { "a2a-version": "1.0" });
  const card = AgentCard.fromJSON(await shown.json());
  assert.equal(card.supportedInterfaces[0]?.url, base);
  assert.equal(card.supportedInterfaces[0]?.protocolBinding, "JSONRPC");
  await verifySignature(card);
  assert.equal(kidOf(card), gateway.daemon.node.peerId);
  await assert.rejects(verifySignature({ ...card, description: "Better" }));
  const first = await get("/a2a/local:sample/.well-known/agent-card.original.json");
  const original = AgentCard.fromJSON(await first.json());
  assert.equal(original.supportedInterfaces[0]?.url, `gridmesh://${gateway.daemon.node.peerId}/sample`);
  await verifySignature(original);
  assert.ok(kidOf(original).startsWith("ed25519:"));
});

test("a card has its ETag, its time and its variants", async () => {
  const path = "/a2a/local:sample/.well-known/agent-card.json";
  const [now, old] = await Promise.all([get(path, { "a2a-version": "1.0" }), get(path)]);
  assert.equal(now.headers.get("cache-control"), "max-age=60");
  assert.equal(now.headers.get("vary"), "A2A-Version");
  const etag = now.headers.get("etag") ?? "";
  assert.notEqual(etag, old.headers.get("etag"));
  const again = await get(path, { "a2a-version": "1.0", "if-none-match": etag });
  assert.equal(again.status, 304);
  const { url, preferredTransport, supportedInterfaces } = (await old.json()) as JsonObject;
  assert.deepEqual([url, preferredTransport], [base, "JSONRPC"]);
  assert.ok(Array.isArray(supportedInterfaces));
});

test("the card of whoever has a capability names that agent, which keeps its tasks", async () => {
  const shown = await get("/a2a/cap:sample/.well-known/agent-card.json", { "a2a-version": "1.0" });
  const card = AgentCard.fromJSON(await shown.json());
  const { gateway: url, peerId } = gateway.daemon.node;
  assert.equal(card.supportedInterfaces[0]?.url, `${url}/a2a/${peerId}:sample`);
});

test("the node's own card is of its meta-agent, by which an A2A caller reaches every other", async () => {
  const card = AgentCard.fromJSON(await (await get("/.well-known/agent-card.json")).json());
  await verifySignature(card);
  assert.equal(kidOf(card), gateway.daemon.node.peerId);
  assert.equal(card.supportedInterfaces[0]?.url, `${gateway.daemon.node.gateway}/a2a`);
  assert.deepEqual(
    card.skills.map(({ id }) => id),
    ["network.search", "network.describe", "network.call"],
  );
  const parameters = { agent: "local:demo", tool: "add", arguments: { a: 2, b: 3 } };
  const params = { message: { skillId: "network.call", parameters } };
  const told = await post("/a2a", JSON.stringify({ jsonrpc: "2.0", id: 1, method: "createTask", params }));
  const { result } = (await told.json()) as { result: JsonObject };
  assert.equal(result["status"], "completed");
  assert.match(JSON.stringify(result["result"]), /5/);
});

test("createTask is answered with an id, and accepted without one", async () => {
  const params = '"params":{"message":{"skillId":"get_soc_data"}}';
  for (const path of ["/a2a/local:sample", "/a2a/local:sample/a2a"]) {
    const told = await post(path, `{"jsonrpc":"2.0","id":"7","method":"createTask",${params}}`);
    const { id, result } = (await told.json()) as { id: string; result: JsonObject };
    assert.deepEqual([id, result["status"], result["result"]], ["7", "completed", { percent: 64.5 }]);
  }
  const quiet = await post("/a2a/local:sample", `{"jsonrpc":"2.0","method":"createTask",${params}}`);
  assert.deepEqual([quiet.status, await quiet.text()], [202, ""]);
});

test("an MCP agent answers in A2A too, its tools being its skills", async () => {
  const path = "/a2a/local:demo/.well-known/agent-card.json";
  const card = AgentCard.fromJSON(await (await get(path, { "a2a-version": "1.0" })).json());
  assert.ok(card.skills.some(({ id }) => id === "add"));
  const params = { message: { skillId: "add", parameters: { a: 2, b: 3 } } };
  const told = await post(
    "/a2a/local:demo",
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "createTask", params }),
  );
  assert.equal(((await told.json()) as { result: JsonObject }).result["result"], "5");
});

test("an A2A agent elsewhere, named by its card, is an agent of the node with both faces", async () => {
  const params = { message: { skillId: "get_soc_data" } };
  const told = await post(
    "/a2a/local:far",
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "createTask", params }),
  );
  assert.deepEqual(((await told.json()) as { result: JsonObject }).result["result"], { percent: 64.5 });
  const tool = await gateway.ask("local:far", "tools/call", { name: "get_soc_data", arguments: {} });
  const { result } = JSON.parse(tool.text) as { result: JsonObject };
  assert.deepEqual(result["structuredContent"], { percent: 64.5 });
});

test("tasks belong to the token that made them", async () => {
  const [ann, bob] = await Promise.all([gateway.token("ann"), gateway.token("bob")]);
  const [hers, his] = await Promise.all([client(ann), client(bob)]);
  const task = (await hers.sendMessage(asks("chunks"))) as Task;
  const asked = { tenant: "", id: task.id };
  assert.equal((await hers.getTask(asked)).id, task.id);
  await assert.rejects(his.getTask(asked), { name: /TaskNotFound/ });
  await assert.rejects((await client()).getTask(asked), { name: /TaskNotFound/ });
});

test("what fails on the way has its HTTP status and A2A's form", async () => {
  const list = '{"jsonrpc":"2.0","id":5,"method":"ListTasks","params":{}}';
  const missing = await post("/a2a/local:nobody", list, { "a2a-version": "1.0" });
  assert.equal(missing.status, 404);
  const { id, error } = (await missing.json()) as { id: number; error: { data: JsonObject[] } };
  assert.equal(id, 5);
  assert.equal(error.data[0]?.["reason"], "AGENT_NOT_FOUND");
  assert.equal((await post("/a2a/local:sample", "{")).status, 400);
  assert.equal((await post("/a2a/local:sample", "[]")).status, 400);
  assert.equal((await post("/a2a/local:sample", list, { authorization: "Bearer no" })).status, 401);
  assert.equal((await get("/a2a/local:sample")).status, 405);
  assert.equal((await post("/a2a/local:sample", list, { "content-type": "text/plain" })).status, 415);
  const a2aJson = { "content-type": "application/a2a+json", "a2a-version": "1.0" };
  assert.equal((await post("/a2a/local:sample", list, a2aJson)).status, 200);
  const query = await post("/a2a/local:sample?A2A-Version=1.0", list);
  assert.ok(((await query.json()) as JsonObject)["result"]);
  const version = await post("/a2a/local:sample", list, { "a2a-version": "9.1" });
  assert.equal(version.status, 200);
  assert.equal(((await version.json()) as { error: { code: number } }).error.code, -32_009);
});

test("a caller that leaves its stream leaves the task alone", async () => {
  const caller = await client();
  const stream = caller.sendMessageStream(asks("wait"));
  const { payload } = (await stream.next()).value as StreamResponse;
  assert.ok(payload?.$case === "task");
  await stream.return();
  const { id } = payload.value;
  assert.equal((await caller.getTask({ tenant: "", id })).status?.state, TaskState.TASK_STATE_SUBMITTED);
  const ended = await caller.cancelTask({ tenant: "", id, metadata: undefined });
  assert.equal(ended.status?.state, TaskState.TASK_STATE_CANCELED);
});

test("a caller at one daemon reaches an agent at another: card, stream, tasks of its own", async () => {
  await using undo = new AsyncDisposableStack();
  const { home } = undo.use(temporaryHome());
  const bootstrap = gateway.daemon.node.addresses;
  const config = configOf({ network: "a2a-door", bootstrap, more: 'control.listen = "127.0.0.1:0"' });
  const near = undo.use(await startedDaemon(home, { config }));
  const authorization = `Bearer ${readFileSync(join(home, "control.token"), "utf8").trim()}`;
  const fetchImpl: typeof fetch = (url, init) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", authorization);
    return fetch(url, { ...init, headers });
  };
  const url = `${near.node.gateway}/a2a/${gateway.daemon.node.peerId}:sample`;
  const options = {
    transports: [new JsonRpcTransportFactory({ fetchImpl })],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  };
  const caller = await new ClientFactory(options).createFromUrl(`${url}/`);
  const card = await caller.getAgentCard();
  assert.equal(card.supportedInterfaces[0]?.url, url);
  assert.equal(kidOf(AgentCard.fromJSON(card)), near.node.peerId);
  await verifySignature(AgentCard.fromJSON(card));
  const original = await (await fetchImpl(`${url}/.well-known/agent-card.original.json`)).json();
  assert.ok(kidOf(AgentCard.fromJSON(original)).startsWith("ed25519:"));
  const events = await all(caller.sendMessageStream(asks("chunks")));
  assert.equal(events.filter(({ payload }) => payload?.$case === "artifactUpdate").length, 3);
  const { payload } = events[0] ?? {};
  assert.ok(payload?.$case === "task");
  const asked = { tenant: "", id: payload.value.id };
  assert.equal((await caller.getTask(asked)).status?.state, TaskState.TASK_STATE_COMPLETED);
  await assert.rejects((await client()).getTask(asked), { name: /TaskNotFound/ });
  const params = '"params":{"message":{"skillId":"get_soc_data"}}';
  const body = `{"jsonrpc":"2.0","method":"createTask",${params}}`;
  const quiet = await fetchImpl(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  assert.equal(quiet.status, 202);
});
