/** What stands between a caller and an agent, with an agent that does as the test says and time that moves when told. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type JsonObject, ProtocolError } from "@gridmesh/protocol";
import { ChannelGuard, type GuardOptions } from "../src/route/channel-guard.ts";
import type { AgentChannel, ChannelMode, ChannelProto } from "../src/route/channel.ts";
import { channelPair } from "../src/route/channel-pair.ts";
import { Expiry } from "../src/route/expiry.ts";
import { ManualClock, settle } from "./manual-clock.ts";

class End {
  readonly channel: AgentChannel;
  readonly heard: JsonObject[] = [];
  ended = false;
  failed: unknown;

  constructor(channel: AgentChannel) {
    this.channel = channel;
    void this.#read();
  }

  say(message: JsonObject | string): void {
    const whole = typeof message === "string" ? message : JSON.stringify({ jsonrpc: "2.0", ...message });
    this.channel.send(whole);
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.channel.lines) this.heard.push(JSON.parse(line) as JsonObject);
      this.ended = true;
    } catch (error) {
      this.failed = error;
    }
  }

  /** What was heard since the last look, without its constant part. */
  async news(): Promise<JsonObject[]> {
    await settle();
    return this.heard.splice(0).map(({ jsonrpc: _jsonrpc, ...rest }) => rest);
  }
}

function between(mode: ChannelMode, more: Partial<GuardOptions> & { readonly proto?: ChannelProto } = {}) {
  const clock = new ManualClock();
  const facts = { era: "dual", versions: [] } as const;
  const [near, outside] = channelPair(facts);
  const [inside, far] = channelPair(facts);
  const over: (string | undefined)[] = [];
  let dropped = 0;
  const guard = new ChannelGuard({
    outside,
    inside,
    proto: "mcp",
    mode,
    clock,
    expiry: new Expiry(clock),
    admit: () => undefined,
    enter: () => () => undefined,
    room: () => Promise.resolve(() => undefined),
    filter: (_asked, line) => line,
    onOver: (_asked, error) => void over.push(error instanceof ProtocolError ? error.code : undefined),
    onDrop: () => void (dropped += 1),
    ...more,
  });
  const running = guard.run();
  return { clock, guard, running, caller: new End(near), agent: new End(far), over, dropped: () => dropped };
}

const ask = (id: number | string, more: JsonObject = {}) => ({
  id,
  method: "tools/call",
  params: { name: "x" },
  ...more,
});
const codes = (messages: readonly JsonObject[]) =>
  messages.map(({ id, error }) => [id, (error as JsonObject | undefined)?.["code"]]);

test("each line that is no message is answered in place of the agent, which hears none of them", async () => {
  const { caller, agent } = between("call");
  const bad: readonly [line: string, id: unknown, code: number][] = [
    ["nonsense", null, -32700],
    ["[]", null, -32600],
    ["[1]", null, -32600],
    ['{"jsonrpc":"2.0","id":null,"method":"a"}', null, -32600],
    ['{"jsonrpc":"2.0","id":1.5,"method":"a"}', null, -32600],
    ['{"jsonrpc":"1.0","id":4,"method":"a"}', 4, -32600],
    ['{"jsonrpc":"2.0","id":5,"method":"a","params":[1]}', 5, -32600],
    ['{"jsonrpc":"2.0","id":6,"method":"a","params":null}', 6, -32600],
    ['{"jsonrpc":"2.0","id":7,"method":"a","meth\\u006fd":"b"}', 7, -32600],
    ['{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"a","name":"b"}}', 8, -32600],
    [`{"jsonrpc":"2.0","id":9,"method":"a","params":${"[".repeat(70)}${"]".repeat(70)}}`, null, -32600],
  ];
  for (const [line, id, code] of bad) {
    caller.say(line);
    assert.deepEqual(codes(await caller.news()), [[id, code]], line);
  }
  assert.deepEqual(await agent.news(), []);
});

test("a doubled id is refused while the first is under way, and may be used again after", async () => {
  const { caller, agent } = between("call");
  caller.say(ask(1));
  caller.say(ask(1));
  assert.deepEqual(codes(await caller.news()), [[1, -32600]]);
  agent.say({ id: 1, result: {} });
  assert.deepEqual(await caller.news(), [{ id: 1, result: {} }]);
  caller.say(ask(1));
  caller.say(ask("1"));
  assert.equal((await agent.news()).length, 3);
});

test("a request ends at its deadline, the agent is told, and its late answer is dropped", async () => {
  const { caller, agent, clock, over, dropped } = between("call");
  caller.say(ask(1, { x: { deadlineMs: 5_000 } }));
  assert.deepEqual(
    await agent.news(),
    [{ id: 1, method: "tools/call", params: { name: "x" } }],
    "x stays outside",
  );
  await clock.advance(4_999);
  assert.deepEqual(await caller.news(), []);
  await clock.advance(1);
  assert.deepEqual(codes(await caller.news()), [[1, -31006]]);
  assert.deepEqual(
    (await agent.news()).map(({ method }) => method),
    ["notifications/cancelled"],
  );
  agent.say({ id: 1, result: {} });
  assert.deepEqual(await caller.news(), []);
  assert.equal(dropped(), 1);
  assert.deepEqual(over, ["CALL_TIMEOUT"]);
});

test("without a deadline a call has 30 s, renewed by progress, and 600 s in all", async () => {
  const { caller, agent, clock } = between("call");
  caller.say(ask(1, { params: { name: "x", _meta: { progressToken: "t" } } }));
  await settle();
  for (let second = 0; second < 598; second += 26) {
    await clock.advance(26_000);
    agent.say({ method: "notifications/progress", params: { progressToken: "t", progress: second } });
    const heard = await caller.news();
    if (heard.some(({ error }) => error !== undefined)) {
      assert.ok(clock.monotonicMs() >= 600_000);
      return;
    }
    assert.equal(heard.length, 1);
  }
  await clock.advance(26_000);
  assert.deepEqual(codes(await caller.news()), [[1, -31006]]);
  assert.ok(clock.monotonicMs() <= 640_000);
});

test("a cancelled request has no answer, and frees its place", async () => {
  let inFlight = 0;
  const enter = () => {
    inFlight += 1;
    return () => void (inFlight -= 1);
  };
  const { caller, agent, over } = between("call", { enter });
  caller.say(ask(1));
  await settle();
  assert.equal(inFlight, 1);
  caller.say({ method: "notifications/cancelled", params: { requestId: 1 } });
  assert.equal((await agent.news()).at(-1)?.["method"], "notifications/cancelled");
  agent.say({ id: 1, result: {} });
  assert.deepEqual(await caller.news(), []);
  assert.deepEqual([inFlight, over], [0, ["CALL_CANCELLED"]]);
});

test("who has said its last gets its answers, then both halves end", async () => {
  const { caller, agent, running } = between("call");
  caller.say(ask(1));
  caller.channel.end();
  await settle();
  assert.equal(caller.ended, false);
  agent.say({ id: 1, result: { done: true } });
  assert.deepEqual(await caller.news(), [{ id: 1, result: { done: true } }]);
  assert.ok(caller.ended && agent.ended);
  agent.channel.end();
  await running;
});

test("an agent that dies or goes leaves each of its callers with an error, at once", async () => {
  const dying = between("call");
  dying.caller.say(ask(1));
  dying.caller.say(ask(2));
  await settle();
  dying.agent.channel.reset("it crashed");
  assert.deepEqual(codes(await dying.caller.news()), [
    [1, -31009],
    [2, -31009],
  ]);
  assert.ok(dying.caller.ended);
  const going = between("call");
  going.caller.say(ask(1));
  await settle();
  going.agent.channel.end();
  assert.deepEqual(codes(await going.caller.news()), [[1, -31005]]);
});

test("a caller that breaks off takes its requests with it", async () => {
  const { caller, agent, over } = between("call");
  caller.say(ask(1));
  await settle();
  caller.channel.reset("gone");
  await settle();
  assert.ok(agent.failed instanceof ProtocolError);
  assert.deepEqual(over, ["STREAM_RESET"]);
});

test("a stream that listens has one request, no deadline, and ends with its answer", async () => {
  const { caller, agent, clock } = between("listen");
  caller.say({ id: 1, method: "subscriptions/listen", params: {} });
  caller.say({ id: 2, method: "subscriptions/listen", params: {} });
  assert.deepEqual(codes(await caller.news()), [[2, -32600]]);
  await clock.advance(3_600_000);
  agent.say({ method: "notifications/tools/list_changed" });
  assert.deepEqual(await caller.news(), [{ method: "notifications/tools/list_changed" }]);
  agent.say({ id: 1, result: {} });
  assert.deepEqual(await caller.news(), [{ id: 1, result: {} }]);
  assert.ok(caller.ended);
});

test("an A2A stream has many answers under one id, and ends when the agent does", async () => {
  const { caller, agent, over } = between("listen", { proto: "a2a" });
  caller.say({ id: 1, method: "SendStreamingMessage", params: {} });
  await settle();
  for (const n of [1, 2, 3]) agent.say({ id: 1, result: { n } });
  assert.equal((await caller.news()).length, 3);
  assert.ok(!caller.ended);
  agent.channel.end();
  assert.deepEqual(await caller.news(), []);
  assert.ok(caller.ended);
  assert.deepEqual(over, [undefined]);
});

test("in a session both sides ask, and an answer that nobody asked for goes nowhere", async () => {
  const { caller, agent, dropped } = between("session");
  agent.say({ id: 9, method: "sampling/createMessage", params: {} });
  assert.equal((await caller.news())[0]?.["method"], "sampling/createMessage");
  caller.say({ id: 9, result: { text: "yes" } });
  caller.say({ id: 9, result: { text: "again" } });
  assert.deepEqual(await agent.news(), [{ id: 9, result: { text: "yes" } }]);
  assert.equal(dropped(), 1);
  const call = between("call");
  call.agent.say({ id: 9, method: "sampling/createMessage", params: {} });
  assert.deepEqual(await call.caller.news(), [], "no agent asks on a stream of calls");
});

test("a session in which nothing is said for 300 s ends, one in which something is under way does not", async () => {
  const idle = between("session");
  await idle.clock.advance(299_000);
  assert.ok(!idle.caller.ended);
  await idle.clock.advance(1_000);
  await settle();
  assert.ok(idle.caller.ended && idle.agent.ended);
  const busy = between("session");
  busy.caller.say(ask(1));
  await busy.clock.advance(500_000);
  assert.ok(!busy.caller.ended);
});

test("one request too many is refused with its code, and so is what is not allowed", async () => {
  const refuse = (code: "TOO_MANY_STREAMS" | "UNAUTHORIZED") => () => {
    throw new ProtocolError(code, "no", { data: { retry_after_ms: 100 } });
  };
  const full = between("call", { enter: refuse("TOO_MANY_STREAMS") });
  full.caller.say(ask(1));
  const [answer] = await full.caller.news();
  assert.deepEqual(codes([answer ?? {}]), [[1, -31216]]);
  assert.equal(
    ((answer?.["error"] as JsonObject | undefined)?.["data"] as JsonObject | undefined)?.["retry_after_ms"],
    100,
  );
  const denied = between("call", { enter: refuse("UNAUTHORIZED") });
  denied.caller.say(ask("a"));
  assert.deepEqual(codes(await denied.caller.news()), [["a", -31112]]);
  assert.deepEqual(await denied.agent.news(), []);
});

test("a slow caller holds the agent back, and a slow agent its caller", async () => {
  const { caller, agent } = between("call");
  assert.ok(caller.channel.era === "dual" && agent.channel.versions.length === 0);
  const [near, outside] = channelPair({ era: "dual", versions: [] });
  const [inside, far] = channelPair({ era: "dual", versions: [] });
  const clock = new ManualClock();
  void new ChannelGuard({
    outside,
    inside,
    proto: "mcp",
    mode: "call",
    clock,
    expiry: new Expiry(clock),
    admit: () => undefined,
    enter: () => () => undefined,
    room: () => Promise.resolve(() => undefined),
    filter: (_asked, line) => line,
    onOver: () => undefined,
  }).run();
  const big = JSON.stringify({ jsonrpc: "2.0", method: "n", params: { text: "x".repeat(50_000) } });
  for (let sent = 0; sent < 5; sent += 1) near.send(big);
  let calm = false;
  const waiting = near.calm().then(() => (calm = true));
  await settle();
  assert.equal(calm, false, "nobody reads at the agent's end");
  const reading = (async () => {
    let count = 0;
    for await (const _line of far.lines) if ((count += 1) === 5) return count;
    return count;
  })();
  await waiting;
  assert.equal(await reading, 5);
});
