import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { SendMessageRequest, type StreamResponse, type Task, TaskState } from "@a2a-js/sdk";
import { isProtocolError, type JsonObject } from "@gridmesh/protocol";
import { systemClock } from "../src/clock.ts";
import { hostRemoteA2a } from "../src/host/a2a-remote.ts";
import { withBothFaces } from "../src/host/adapters.ts";
import { channelTransportFactory } from "../src/host/a2a-transport.ts";
import type { HostedAgent } from "../src/host/in-process.ts";
import { guardedFetch } from "../src/host/ssrf-fetch.ts";
import { TaskRoom } from "../src/host/a2a-task-room.ts";
import { silentLog } from "../src/log.ts";
import { type Elsewhere, a2aElsewhere } from "./a2a-elsewhere.ts";
import { SampleExecutor, sampleCard } from "./a2a-agents.ts";
import { agentKey, ALICE, BOB, clientOf, nodeIdentity } from "./a2a-rig.ts";

const ownFetch = guardedFetch({ from: "operator" });
let elsewhere: Elsewhere;
const signal = new AbortController().signal;

before(async () => {
  elsewhere = await a2aElsewhere(new SampleExecutor(), sampleCard);
});

after(() => elsewhere[Symbol.asyncDispose]());

function hosted(card = elsewhere.url): HostedAgent {
  const { agentId } = agentKey.signer;
  const headers = () => Promise.resolve({ authorization: "Bearer own" });
  const agent = withBothFaces(
    hostRemoteA2a({
      name: "far",
      agentId,
      access: "network",
      definition: { card, headers },
      fetch: ownFetch,
    }),
    {
      name: "far",
      nodeId: nodeIdentity.peerId,
      signer: agentKey.signer,
      clock: systemClock(),
      log: silentLog(),
      newId: () => crypto.randomUUID(),
      allows: () => true,
      tasks: new TaskRoom(),
    },
  );
  agent.become("ready");
  return agent;
}

async function client(agent: HostedAgent, caller = ALICE) {
  const transport = await channelTransportFactory(() => (opening) => agent.open(opening, { caller, signal }));
  return clientOf(transport, await agent.call("GetAgentCard", {}, { caller, signal, deadlineMs: Infinity }));
}

const asks = (skillId: string, more: JsonObject = {}) =>
  SendMessageRequest.fromJSON({
    message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "go" }], metadata: { skillId }, ...more },
  });

test("an A2A agent elsewhere is reached by its card, with the operator's own credentials", async () => {
  const caller = await client(hosted());
  const task = (await caller.sendMessage(asks("chunks"))) as Task;
  assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED);
  assert.equal(elsewhere.authorization(), "Bearer own");
  const card = await caller.getAgentCard();
  assert.equal(card.supportedInterfaces[0]?.url, `gridmesh://${nodeIdentity.peerId}/far`);
  assert.deepEqual(
    card.skills.map(({ id }) => id),
    (sampleCard.skills ?? []).map(({ id }) => id),
  );
});

test("its streams come through in order, and are joined by a second", async () => {
  const caller = await client(hosted());
  const stream = caller.sendMessageStream(asks("wait"));
  const { payload } = (await stream.next()).value as StreamResponse;
  assert.ok(payload?.$case === "task");
  const { id } = payload.value;
  const second = caller.resubscribeTask({ tenant: "", id });
  assert.equal(((await second.next()).value as StreamResponse).payload?.$case, "task");
  await caller.cancelTask({ tenant: "", id, metadata: undefined });
  for (const one of [stream, second]) {
    const last = (await one.next()).value as StreamResponse;
    assert.ok(last.payload?.$case === "statusUpdate");
    assert.equal(last.payload.value.status?.state, TaskState.TASK_STATE_CANCELED);
  }
});

test("to that agent the node is one caller; here each sees its own tasks alone", async () => {
  const agent = hosted();
  const [alice, bob] = await Promise.all([client(agent), client(agent, BOB)]);
  const task = (await alice.sendMessage(asks("ask"))) as Task;
  const id = { tenant: "", id: task.id };
  await assert.rejects(bob.getTask(id), { name: /TaskNotFound/ });
  await assert.rejects(bob.cancelTask({ ...id, metadata: undefined }), { name: /TaskNotFound/ });
  const intruding = asks("ask", { taskId: task.id, parts: [{ text: "Eve" }] });
  await assert.rejects(bob.sendMessage(intruding), { name: /TaskNotFound/ });
  await assert.rejects(bob.sendMessage(asks("chunks", { contextId: task.contextId })));
  const list = { tenant: "", contextId: "", status: 0, pageToken: "", statusTimestampAfter: undefined };
  assert.equal((await bob.listTasks(list)).tasks.length, 0);
  assert.deepEqual(
    (await alice.listTasks(list)).tasks.map((one) => one.id),
    [task.id],
  );
  const done = (await alice.sendMessage(asks("ask", { taskId: task.id, parts: [{ text: "Ada" }] }))) as Task;
  assert.equal(done.status?.state, TaskState.TASK_STATE_COMPLETED);
});

test("its skills are tools of MCP, and its short calls work", async () => {
  const agent = hosted();
  const context = { caller: ALICE, signal, deadlineMs: Infinity };
  const { structuredContent } = (await agent.call(
    "tools/call",
    { name: "get_soc_data" },
    context,
  )) as JsonObject;
  assert.deepEqual(structuredContent, { percent: 64.5 });
  const short = { message: { skillId: "get_soc_data" } };
  const answer = (await agent.call("createTask", short, context)) as JsonObject;
  assert.deepEqual(answer["result"], { percent: 64.5 });
});

test("an agent that is not there is told as unavailable, and its own errors as its own", async () => {
  const context = { caller: ALICE, signal, deadlineMs: Infinity };
  const missing = hosted("http://127.0.0.1:1/card.json");
  const params = { message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "go" }] } };
  await assert.rejects(missing.call("SendMessage", params, context), { code: "AGENT_UNAVAILABLE" });
  const caller = await client(hosted());
  const done = (await caller.sendMessage(asks("chunks"))) as Task;
  await assert.rejects(caller.sendMessage(asks("chunks", { taskId: done.id })), {
    name: /UnsupportedOperation/,
  });
  assert.throws(() => hosted("ftp://somewhere"), { code: "INVALID_PARAMS" });
});

test("a card that leads inside is not followed, and sees no credentials", async () => {
  const seen: (string | undefined)[] = [];
  const inside = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end("{}");
  });
  await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
  const { port } = inside.address() as AddressInfo;
  await using lure = await a2aElsewhere(new SampleExecutor(), sampleCard, `http://127.0.0.1:${port}/`);
  const context = { caller: ALICE, signal, deadlineMs: Infinity };
  const params = { message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "go" }] } };
  await assert.rejects(hosted(lure.url).call("SendMessage", params, context), isProtocolError);
  inside.close();
  assert.deepEqual(seen, []);
});
