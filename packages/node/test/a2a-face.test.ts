import assert from "node:assert/strict";
import { test } from "node:test";
import { SendMessageRequest, type StreamResponse, type Task, TaskState } from "@a2a-js/sdk";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { SampleExecutor, sampleCard } from "./a2a-agents.ts";
import { ALICE, BOB, faceRig } from "./a2a-rig.ts";
import { ManualClock } from "./manual-clock.ts";

const rig = (executor = new SampleExecutor()) => faceRig(executor, sampleCard);

function message(skillId: string, more: JsonObject = {}): JsonObject {
  return {
    message: { messageId: "m1", role: "ROLE_USER", parts: [{ text: "go" }], metadata: { skillId }, ...more },
  };
}

const request = (skillId: string, more: JsonObject = {}) =>
  SendMessageRequest.fromJSON(message(skillId, more));

async function all(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function errorOf(answer: JsonObject): { code: number; message: string; data?: JsonValue } {
  return answer["error"] as never;
}

function reasonOf(answer: JsonObject): JsonValue | undefined {
  const [first] = errorOf(answer).data as JsonObject[];
  return first?.["reason"];
}

test("the SDK sends a message and has the task with its artifact", async () => {
  const { client } = await rig();
  const task = (await (await client()).sendMessage(request("chunks"))) as Task;
  assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED);
  const texts = task.artifacts[0]?.parts.map((part) => part.content?.value);
  assert.deepEqual(texts, ["one ", "two ", "three"]);
});

test("a stream is the task, then each chunk, then the end", async () => {
  const { client } = await rig();
  const events = await all((await client()).sendMessageStream(request("chunks")));
  assert.deepEqual(
    events.map(({ payload }) => payload?.$case),
    ["task", "statusUpdate", "artifactUpdate", "artifactUpdate", "artifactUpdate", "statusUpdate"],
  );
});

test("a second stream of a task gets the same events, and closing one changes nothing", async () => {
  const executor = new SampleExecutor();
  executor.gated = true;
  const { client } = await rig(executor);
  const first = await client();
  const stream = first.sendMessageStream(request("chunks"));
  const began = await stream.next();
  const { payload } = began.value as StreamResponse;
  assert.ok(payload?.$case === "task");
  const second = (await client()).resubscribeTask({ tenant: "", id: payload.value.id });
  assert.equal(((await second.next()).value as StreamResponse).payload?.$case, "task");
  await stream.return();
  executor.go();
  const events = await all(second);
  assert.deepEqual(
    events.map((event) => event.payload?.$case),
    ["statusUpdate", "artifactUpdate", "artifactUpdate", "artifactUpdate", "statusUpdate"],
  );
  const task = await first.getTask({ tenant: "", id: payload.value.id });
  assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED);
  assert.equal(task.artifacts[0]?.parts.length, 3);
});

test("a task is cancelled once; ended ones are not cancelable and take no message", async () => {
  const { client, ask } = await rig();
  const caller = await client();
  const options = { ...request("wait"), configuration: undefined };
  const stream = caller.sendMessageStream(options);
  const first = (await stream.next()).value as StreamResponse;
  assert.ok(first.payload?.$case === "task");
  const { id } = first.payload.value;
  const cancelled = await caller.cancelTask({ tenant: "", id, metadata: undefined });
  assert.equal(cancelled.status?.state, TaskState.TASK_STATE_CANCELED);
  const last = (await all(stream)).at(-1);
  assert.ok(last?.payload?.$case === "statusUpdate");

  const done = (await caller.sendMessage(request("chunks"))) as Task;
  const again = await ask({ id: 1, method: "CancelTask", params: { id: done.id } });
  assert.equal(errorOf(again).code, -32_002);
  const more = await ask({ id: 2, method: "SendMessage", params: message("chunks", { taskId: done.id }) });
  assert.equal(errorOf(more).code, -32_004);
  const late = await ask({ id: 3, method: "GetTask", params: { id: "nobody's" } });
  assert.equal(errorOf(late).code, -32_001);
  assert.equal(reasonOf(late), "TASK_NOT_FOUND");
});

test("who waits for input gets it in the same task", async () => {
  const { client } = await rig();
  const caller = await client();
  const asked = (await caller.sendMessage(request("ask"))) as Task;
  assert.equal(asked.status?.state, TaskState.TASK_STATE_INPUT_REQUIRED);
  const answer = request("ask", { taskId: asked.id, parts: [{ text: "Ada" }] });
  const done = (await caller.sendMessage(answer)) as Task;
  assert.equal(done.status?.state, TaskState.TASK_STATE_COMPLETED);
  assert.equal(done.artifacts[0]?.parts[0]?.content?.value, "Hello, Ada!");
});

test("a caller sees its own tasks only, its other users' neither", async () => {
  const { client } = await rig();
  const alice = await client();
  const task = (await alice.sendMessage(request("chunks"))) as Task;
  const get = { tenant: "", id: task.id };
  const list = { tenant: "", contextId: "", status: 0, pageToken: "", statusTimestampAfter: undefined };
  assert.equal((await alice.listTasks(list)).totalSize, 1);
  for (const other of [BOB, { ...ALICE, user: "u1" }]) {
    const caller = await client(other);
    await assert.rejects(caller.getTask(get), { name: /TaskNotFound/ });
    await assert.rejects(all(caller.resubscribeTask(get)));
    await assert.rejects(caller.cancelTask({ ...get, metadata: undefined }), { name: /TaskNotFound/ });
    assert.equal((await caller.listTasks(list)).totalSize, 0);
  }
});

test("a message refers to its caller's own tasks alone", async () => {
  const executor = new SampleExecutor();
  const { client, ask } = await rig(executor);
  const own = (await (await client()).sendMessage(request("chunks"))) as Task;
  const others = (await (await client(BOB)).sendMessage(request("chunks"))) as Task;
  const referenceTaskIds = [others.id, own.id, "nobody's"];
  const params = message("references", { referenceTaskIds });
  const { result } = await ask({ id: 1, method: "SendMessage", params });
  const { parts } = (result as { message: { parts: JsonObject[] } }).message;
  assert.deepEqual(parts[0]?.["data"], { references: [own.id] });
});

test("a list of tasks is newest first, in pages, artifacts only if asked", async () => {
  const { client } = await rig();
  const caller = await client();
  const ids: string[] = [];
  for (let n = 0; n < 3; n += 1) ids.unshift(((await caller.sendMessage(request("chunks"))) as Task).id);
  const list = { tenant: "", contextId: "", status: 0, pageToken: "", statusTimestampAfter: undefined };
  const first = await caller.listTasks({ ...list, pageSize: 2 });
  assert.deepEqual(
    first.tasks.map(({ id }) => id),
    ids.slice(0, 2),
  );
  assert.deepEqual(first.tasks[0]?.artifacts, []);
  const second = await caller.listTasks({ ...list, pageToken: first.nextPageToken, includeArtifacts: true });
  assert.deepEqual(
    second.tasks.map(({ id }) => id),
    ids.slice(2),
  );
  assert.equal(second.nextPageToken, "");
  assert.equal(second.tasks[0]?.artifacts.length, 1);
  await assert.rejects(caller.listTasks({ ...list, pageToken: "nowhere" }));
});

test("a version that is not spoken is refused, patch numbers do not count, none at all is 0.3", async () => {
  const { ask } = await rig();
  const list = { id: 1, method: "ListTasks", params: {} };
  const refused = await ask(list, { "a2a-version": "2.0" });
  assert.equal(errorOf(refused).code, -32_009);
  assert.equal(reasonOf(refused), "VERSION_NOT_SUPPORTED");
  assert.ok((await ask(list, { "a2a-version": "1.0.7" }))["result"]);
  assert.equal(errorOf(await ask(list, {})).code, -32_601);
  const { ask: askNew } = await faceRig(new SampleExecutor(), {
    ...sampleCard,
    supportedInterfaces: [{ protocolVersion: "1.0" }],
  });
  assert.equal(errorOf(await askNew(list, {})).code, -32_009);
});

test("a caller of 0.3 sends, gets and cancels in its own words", async () => {
  const { ask } = await rig();
  const parts = [{ kind: "text", text: "go" }];
  const said = { kind: "message", messageId: "m1", role: "user", parts, metadata: { skillId: "chunks" } };
  const params = { message: said, configuration: { blocking: true } };
  const { result } = await ask({ id: "a", method: "message/send", params }, {});
  const { kind, id, status } = result as JsonObject;
  assert.equal(kind, "task");
  assert.equal((status as JsonObject)["state"], "completed");
  const got = await ask(
    { id: "b", method: "tasks/get", params: { id: id ?? null } },
    { "a2a-version": "0.3" },
  );
  assert.equal((got["result"] as JsonObject)["id"], id);
  const none = await ask({ id: "c", method: "tasks/cancel", params: { id: "nobody's" } }, {});
  assert.equal(errorOf(none).code, -32_001);
});

test("a stream of 0.3 ends with the update that says so", async () => {
  const { open } = await rig();
  const channel = open(ALICE, { mode: "listen" });
  const parts = [{ kind: "text", text: "go" }];
  const said = { kind: "message", messageId: "m1", role: "user", parts, metadata: { skillId: "chunks" } };
  channel.send(
    JSON.stringify({ jsonrpc: "2.0", id: 7, method: "message/stream", params: { message: said } }),
  );
  const answers: JsonObject[] = [];
  for await (const line of channel.lines) answers.push(JSON.parse(line) as JsonObject);
  assert.ok(answers.every(({ id }) => id === 7));
  const last = answers.at(-1)?.["result"] as JsonObject;
  assert.deepEqual([last["kind"], last["final"]], ["status-update", true]);
});

test("createTask answers with the skill's data, getTask and cancelTask likewise", async () => {
  const { ask } = await rig();
  const params = { message: { skillId: "get_soc_data" } };
  const { result } = await ask({ id: 1, method: "createTask", params }, {});
  const { id, ...rest } = result as JsonObject;
  assert.deepEqual(rest, { status: "completed", result: { percent: 64.5 } });
  const got = await ask({ id: 2, method: "getTask", params: { id: id ?? null } }, {});
  assert.deepEqual(got["result"], result);
  const late = await ask({ id: 3, method: "cancelTask", params: { id: id ?? null } }, {});
  assert.equal(errorOf(late).code, -32_002);
});

test("createTask without an id runs and is not answered", async () => {
  const { open, client } = await rig();
  const channel = open(ALICE);
  const params = { message: { skillId: "get_soc_data" } };
  channel.send(JSON.stringify({ jsonrpc: "2.0", method: "createTask", params }));
  channel.end();
  for await (const line of channel.lines) assert.fail(line);
  const list = { tenant: "", contextId: "", status: 0, pageToken: "", statusTimestampAfter: undefined };
  assert.equal(
    (await (await client()).listTasks(list)).tasks[0]?.status?.state,
    TaskState.TASK_STATE_COMPLETED,
  );
});

test("an unknown skill is refused with the list of those there are", async () => {
  const { ask } = await rig();
  for (const asked of [
    { id: 1, method: "createTask", params: { message: { skillId: "fly" } } },
    { id: 1, method: "SendMessage", params: message("fly") },
  ]) {
    const answer = await ask(asked);
    assert.equal(errorOf(answer).code, -32_602);
    assert.match(JSON.stringify(errorOf(answer).data), /get_soc_data/);
  }
});

test("an agent that throws fails its task and tells nobody what it said", async () => {
  const { client, ask } = await rig();
  const task = (await (await client()).sendMessage(request("fail"))) as Task;
  assert.equal(task.status?.state, TaskState.TASK_STATE_FAILED);
  assert.doesNotMatch(JSON.stringify(task), /secret/);
  const events = await all((await client()).sendMessageStream(request("fail")));
  assert.deepEqual(
    events.map(({ payload }) => payload?.$case),
    ["task", "statusUpdate"],
  );
  const short = await ask({ id: 1, method: "createTask", params: { message: { skillId: "fail" } } });
  assert.equal((short["result"] as JsonObject)["status"], "failed");
});

test("an agent learns who calls it", async () => {
  const { ask } = await rig();
  const { result } = await ask({ id: 1, method: "SendMessage", params: message("whoami") }, undefined, BOB);
  assert.match(JSON.stringify(result), /12D3KooWBob/);
});

test("what a card does not declare is refused with A2A's own numbers", async () => {
  const { ask } = await rig();
  const push = { taskId: "t", url: "http://x.test/", id: "1" };
  const pushed = await ask({ id: 1, method: "CreateTaskPushNotificationConfig", params: push });
  assert.equal(errorOf(pushed).code, -32_003);
  assert.equal(errorOf(await ask({ id: 1, method: "GetExtendedAgentCard", params: {} })).code, -32_004);
  assert.equal(errorOf(await ask({ id: 1, method: "Fly", params: {} })).code, -32_601);
});

test("lines that are no request are answered at once, in A2A's form", async () => {
  const { open } = await rig();
  const lines = ["{", "[]", '{"jsonrpc":"2.0","id":1.5,"method":"x"}', '{"id":4,"method":"x"}'];
  const channel = open(ALICE, { headers: { "a2a-version": "1.0" } });
  for (const line of lines) channel.send(line);
  channel.send('{"jsonrpc":"2.0","id":null,"method":"ListTasks","params":{}}');
  channel.end();
  const answers: JsonObject[] = [];
  for await (const line of channel.lines) answers.push(JSON.parse(line) as JsonObject);
  const codes = answers.slice(0, 4).map((answer) => errorOf(answer).code);
  assert.deepEqual(codes, [-32_700, -32_600, -32_600, -32_600]);
  assert.equal(reasonOf(answers[0] ?? {}), "PARSE_ERROR");
  assert.equal(answers[4]?.["id"], null);
  assert.ok(answers[4]?.["result"]);
});

test("a caller has at most so many open tasks", async () => {
  const { ask } = await rig();
  const params = { ...message("ask"), configuration: { returnImmediately: true } };
  for (let n = 0; n < 64; n += 1) await ask({ id: n, method: "SendMessage", params });
  const over = await ask({ id: 1, method: "SendMessage", params });
  assert.equal(reasonOf(over), "QUOTA_EXCEEDED");
  assert.ok((await ask({ id: 1, method: "SendMessage", params }, undefined, BOB))["result"]);
});

test("open tasks that nobody went on with give way, after their time", async () => {
  const clock = new ManualClock();
  const { ask } = await faceRig(new SampleExecutor(), sampleCard, clock);
  const params = { ...message("ask"), configuration: { returnImmediately: true } };
  for (let n = 0; n < 64; n += 1) await ask({ id: n, method: "SendMessage", params });
  assert.equal(reasonOf(await ask({ id: 1, method: "SendMessage", params })), "QUOTA_EXCEEDED");
  clock.stall(3_600_001);
  assert.ok((await ask({ id: 1, method: "SendMessage", params }))["result"]);
  const { result } = await ask({ id: 2, method: "ListTasks", params: {} });
  assert.equal((result as JsonObject)["totalSize"], 1);
});

test("who waits for an agent that stops is told so", async () => {
  const { open, stop } = await rig();
  const channel = open(ALICE, { mode: "listen", headers: { "a2a-version": "1.0" } });
  channel.send(
    JSON.stringify({ jsonrpc: "2.0", id: 5, method: "SendStreamingMessage", params: message("wait") }),
  );
  const answers: JsonObject[] = [];
  for await (const line of channel.lines) {
    answers.push(JSON.parse(line) as JsonObject);
    stop();
  }
  const last = answers.at(-1) ?? {};
  assert.deepEqual([last["id"], reasonOf(last)], [5, "AGENT_UNAVAILABLE"]);
});

test("a caller's open tasks have a bound in size too, and ended ones give way to others", async () => {
  const { ask } = await rig();
  const parts = [{ text: "x".repeat(3_000_000) }];
  const open = { ...message("ask", { parts }), configuration: { returnImmediately: true } };
  const answers: JsonObject[] = [];
  for (let id = 0; id < 4; id += 1) answers.push(await ask({ id, method: "SendMessage", params: open }));
  assert.deepEqual(
    answers.map((answer) => answer["error"] !== undefined),
    [false, false, false, true],
  );
  assert.equal(reasonOf(answers[3] ?? {}), "QUOTA_EXCEEDED");
  const ended = { ...message("get_soc_data", { parts }), configuration: { historyLength: 0 } };
  const ids: JsonValue[] = [];
  for (let id = 0; id < 22; id += 1) {
    const { result } = await ask({ id, method: "SendMessage", params: ended }, undefined, BOB);
    ids.push((result as { task: { id: string } }).task.id);
  }
  const get = (id: JsonValue | undefined) =>
    ask({ id: 1, method: "GetTask", params: { id: id ?? null, historyLength: 0 } }, undefined, BOB);
  assert.equal(errorOf(await get(ids[0])).code, -32_001);
  assert.ok((await get(ids.at(-1)))["result"]);
});
