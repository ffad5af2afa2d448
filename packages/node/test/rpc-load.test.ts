/** What calls keep when there are many, large ones, or long pauses. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isProtocolError, type JsonValue } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { createPacer } from "../src/gate/pace.ts";
import { nodeLimits } from "../src/limits.ts";
import { libp2p, memory, memoryHub } from "../src/network/index.ts";
import { Expiry } from "../src/route/expiry.ts";
import { createForwarder } from "../src/route/forward.ts";
import { IdTable } from "../src/route/id-table.ts";
import { eachMessage, type RpcMessage } from "../src/route/rpc-lines.ts";
import { wanProxy } from "../src/testing/index.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { eventually, NETWORK, rawPeer } from "./node-fixture.ts";

const RPC = "/gridmesh/rpc/1";
const rates = { perSecond: 100_000, burst: 1_000_000, peakPerSecond: 1_000_000, peakBurst: 1_000_000 };

const agents = [
  {
    name: "echo",
    definition: {
      capabilities: [],
      methods: {
        echo: (params: JsonValue) => params,
        large: () => ({ text: "x".repeat(200_000) }),
        hang: () => new Promise<JsonValue>(() => undefined),
      },
    },
  },
];

async function pair(kind: "memory" | "libp2p") {
  const hub = memoryHub({ seed: 5 });
  const stack = new AsyncDisposableStack();
  const common = { networkName: NETWORK, messageRates: rates };
  const callee = await createNode({
    network: kind === "memory" ? memory({ hub }) : libp2p(),
    ...common,
    agents,
  });
  stack.defer(() => callee.stop({ deadlineMs: 0 }));
  const caller = await createNode({ network: kind === "memory" ? memory({ hub }) : libp2p(), ...common });
  stack.defer(() => caller.stop({ deadlineMs: 0 }));
  await caller.connect(callee.addresses[0] ?? "");
  const call = (method: string, params: JsonValue, timeoutMs = 20_000) =>
    caller.call(`${callee.id}:echo/${method}`, params, { timeoutMs });
  // Each side has one for what it asks the other, its records first.
  const streams = () => callee.snapshot().streamsByProtocol[RPC] ?? 0;
  await call("echo", {});
  await eventually("one stream each way", () => streams() === 2);
  return { caller, callee, call, streams, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

for (const kind of ["memory", "libp2p"] as const) {
  test(`${kind}: ten thousand calls in a row and five hundred at once lose none and share one stream`, async () => {
    await using net = await pair(kind);
    const inRow = kind === "memory" ? 10_000 : 1_000;
    for (let n = 0; n < inRow; n += 1) assert.deepEqual(await net.call("echo", { n }), { n });
    const many = Array.from({ length: 500 }, (_, n) => net.call("echo", { n }));
    assert.deepEqual(
      await Promise.all(many),
      many.map((_, n) => ({ n })),
    );
    assert.equal(net.streams(), 2);
    await net.caller.stop();
    await eventually("no stream is left", () => net.streams() === 0);
  });

  test(`${kind}: large calls take a second stream`, async () => {
    await using net = await pair(kind);
    const text = "y".repeat(300_000);
    const [large, small] = await Promise.all([net.call("echo", { text }), net.call("echo", { n: 1 })]);
    assert.deepEqual([large, small], [{ text }, { n: 1 }]);
    assert.equal(net.streams(), 3);
  });
}

test("what was answered at length is asked for on the second stream from then on", async () => {
  await using net = await pair("memory");
  await net.call("large", {});
  assert.equal(net.streams(), 2);
  await net.call("large", {});
  assert.equal(net.streams(), 3);
});

test("params over a line's limit, or no JSON at all, end their call alone", async () => {
  await using net = await pair("memory");
  const code = (expected: string) => (error: unknown) => isProtocolError(error) && error.code === expected;
  await assert.rejects(net.call("echo", { text: "z".repeat(5_000_000) }), code("FRAME_TOO_LARGE"));
  await assert.rejects(net.call("echo", { n: 1n } as never), code("INVALID_PARAMS"));
  assert.deepEqual(await net.call("echo", { n: 2 }), { n: 2 });
});

test("the call after 64 under way and 1,024 waiting is QUEUE_FULL, and all others end in their time", async () => {
  await using net = await pair("memory");
  await net.call("echo", {});
  const calls = Array.from({ length: 64 + 1_024 }, () => net.call("hang", {}, 1_500));
  const ends = Promise.allSettled(calls);
  await assert.rejects(net.call("hang", {}), { code: "QUEUE_FULL" });
  for (const end of await ends) {
    // The last to get a place may still meet the work of those before them.
    const code = end.status === "rejected" && isProtocolError(end.reason) && end.reason.code;
    assert.ok(code === "CALL_TIMEOUT" || code === "TOO_MANY_STREAMS", String(code));
  }
});

test("the stream of calls ends after a minute without one, and none is left", async () => {
  const hub = memoryHub({ seed: 8 });
  await using callee = await createNode({ network: memory({ hub }), networkName: NETWORK, agents });
  await using peer = await rawPeer(memory({ hub }), 4);
  await peer.transport.dial({ addresses: callee.addresses }, { timeoutMs: 1_000 });
  const clock = new ManualClock();
  const forwarder = createForwarder({
    transport: peer.transport,
    clock,
    pacer: createPacer(clock),
    reach: () => Promise.resolve(),
  });
  const call = { method: `${callee.id}:echo/echo`, params: { n: 1 } };
  assert.deepEqual(await forwarder.call(callee.id, call, {}), { n: 1 });
  const open = () => peer.transport.snapshot().streamsByProtocol[RPC] ?? 0;
  assert.equal(open(), 1);
  await clock.advance(nodeLimits.rpcIdleMs - 1);
  assert.equal(open(), 1);
  await clock.advance(1);
  await eventually("the stream has ended", () => open() === 0);
  forwarder.close();
});

test("each of many ends comes at its own time, and those that are done do not", async () => {
  const clock = new ManualClock();
  using expiry = new Expiry(clock);
  const ended: number[] = [];
  const item = (endMs: number) => ({
    endMs: clock.monotonicMs() + endMs,
    place: -1,
    expire: () => void ended.push(endMs),
  });
  const done = item(20);
  for (const one of [item(30), item(10), done, item(10)]) expiry.add(one);
  expiry.delete(done);
  await clock.advance(9);
  assert.deepEqual(ended, []);
  await clock.advance(1);
  assert.deepEqual(ended, [10, 10]);
  await clock.advance(20);
  assert.deepEqual(ended, [10, 10, 30]);
  expiry.add(item(5));
  await clock.advance(5);
  assert.deepEqual(ended, [10, 10, 30, 5]);
  await settle();
});

test("what is under way is found by its id, whatever ids others have", () => {
  const table = new IdTable<{ readonly id: string | number }>();
  const items = [1, 1_025, "1", "a", -3, 0, 2_049].map((id) => ({ id }));
  for (const item of items) table.add(item);
  for (const item of items) assert.equal(table.get(item.id), item);
  assert.equal(table.get(3_073), undefined);
  assert.ok(table.delete(items[0]!) && !table.delete(items[0]!));
  assert.equal(table.get(1), undefined);
  assert.equal(table.get(1_025), items[1]);
  assert.equal(table.all().length, items.length - 1);
});

test("lines are read alike together and alone, whatever is among them", () => {
  const good = '{"jsonrpc":"2.0","id":1,"method":"a"}';
  const deep = `{"jsonrpc":"2.0","id":1,"method":"a","params":${"[".repeat(70)}${"]".repeat(70)}}`;
  const wide = `{${Array.from({ length: 10_001 }, (_, n) => `"k${n}":0`).join(",")}}`;
  const read = (bytes: Uint8Array) => {
    const messages: RpcMessage[] = [];
    eachMessage(bytes, (message) => messages.push(message));
    return messages.map((message) => (message.kind === "unreadable" ? message.error.code : message.kind));
  };
  const lines = [good, "", "\r", "nonsense", deep, wide, `${good}\r`, '{"id":"{[","result":"{[{["}'];
  const expected = ["request", "PARSE_ERROR", "INVALID_REQUEST", "INVALID_REQUEST", "request", "result"];
  assert.deepEqual(read(Buffer.from(`${lines.join("\n")}\n`)), expected);
  const broken = Buffer.concat([
    Buffer.from(`${good}\n`),
    Uint8Array.of(0xff, 0x0a),
    Buffer.from(`${good}\n`),
  ]);
  assert.deepEqual(read(broken), ["request", "PARSE_ERROR", "request"]);
});

test("a call and its answer cost one cipher message each", async () => {
  await using proxy = await wanProxy();
  const callee = await createNode({ network: libp2p(), networkName: NETWORK, messageRates: rates, agents });
  await using _1 = { [Symbol.asyncDispose]: () => callee.stop({ deadlineMs: 0 }) };
  proxy.pointAt(Number(/\/tcp\/(\d+)/u.exec(callee.addresses[0] ?? "")?.[1]));
  const caller = await createNode({ network: libp2p(), networkName: NETWORK, messageRates: rates });
  await using _2 = { [Symbol.asyncDispose]: () => caller.stop({ deadlineMs: 0 }) };
  await caller.connect(`${proxy.address}/p2p/${callee.id}`);
  await caller.call(`${callee.id}:echo/echo`, { n: 0 });
  // Others of the node's messages may come between: the quietest of a few looks is the cost of the call.
  let least = Infinity;
  for (let look = 0; look < 20; look += 1) {
    const before = proxy.bytes.back;
    for (let n = 0; n < 10; n += 1) await caller.call(`${callee.id}:echo/echo`, { n });
    least = Math.min(least, proxy.bytes.back - before);
  }
  // Answer 41 or 42 bytes, Yamux header 12, cipher 18: the window's update would be 30 more.
  assert.ok(least <= 10 * 75, `${least} bytes for ten answers`);
});
