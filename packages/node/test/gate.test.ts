import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, isProtocolError, ProtocolError } from "@gridmesh/protocol";
import { createBans } from "../src/gate/admit.ts";
import { createNonceMemory } from "../src/gate/fresh.ts";
import { createPacer, patiently } from "../src/gate/pace.ts";
import { createRateGate } from "../src/gate/rate-limit.ts";
import { memoryStore } from "../src/store/memory.ts";
import type { StateStore } from "../src/store/types.ts";
import { manualClock } from "../src/testing/index.ts";

const PEER = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
const OTHER = "12D3KooWBdJqV7f55m2WZN1UAkdr4VsYMqwu86JAifbZ9y9WYfVb";
const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;

test("ten malformed messages within a minute ban, nine do not, nor ten over an hour", async () => {
  for (const [count, apartMs, expected] of [
    [10, 6_500, true],
    [9, 0, false],
    [10, 360_000, false],
  ] as const) {
    const clock = manualClock();
    const bans = createBans(memoryStore(), clock);
    for (let n = 0; n < count; n += 1) {
      bans.offence(PEER, "MESSAGE_MALFORMED");
      await clock.advance(apartMs);
    }
    assert.equal(bans.banned(PEER), expected, `${count} each ${apartMs} ms`);
  }
});

test("a ban lasts five minutes, the next twice as long, up to a day; seven quiet days halve it", async () => {
  const clock = manualClock();
  const store = memoryStore();
  const bans = createBans(store, clock);
  const lasts: number[] = [];
  for (let n = 0; n < 12; n += 1) {
    bans.ban(PEER, "MESSAGE_MALFORMED");
    const ms = bans.left(PEER).data.retry_after_ms;
    lasts.push(ms / 1000);
    assert.throws(() => bans.check(PEER), code("PEER_BANNED"));
    clock.shiftWall(ms + 1);
    assert.doesNotThrow(() => bans.check(PEER));
  }
  assert.deepEqual(lasts.slice(0, 4), [300, 600, 1_200, 2_400]);
  assert.equal(lasts.at(-1), 86_400);
  clock.shiftWall(8 * 86_400_000);
  bans.ban(PEER, "MESSAGE_MALFORMED");
  assert.ok((store.bans()[0]?.strikes ?? 0) <= 7);
  bans.lift(PEER);
  assert.ok(!bans.banned(PEER));
  bans.ban(PEER, "EQUIVOCATION");
  assert.equal(bans.left(PEER).data.retry_after_ms, 30 * 86_400_000);
  assert.equal(createBans(store, clock).banned(PEER), true, "kept in the store");
});

test("errors of time, state and policy cost nothing; being over the rate counts once a second", async () => {
  const clock = manualClock();
  const bans = createBans(memoryStore(), clock);
  for (let n = 0; n < 1_000; n += 1) {
    for (const harmless of [
      "MESSAGE_STALE",
      "MESSAGE_REPLAYED",
      "ORDER_CONFLICT",
      "AGENT_NOT_FOUND",
    ] as const) {
      assert.equal(bans.offence(PEER, harmless), false);
    }
    assert.equal(bans.offence(PEER, "RATE_LIMITED"), false);
  }
  let seconds = 1;
  while (!bans.banned(PEER) && seconds < 100) {
    await clock.advance(1_000);
    bans.offence(PEER, "RATE_LIMITED");
    seconds += 1;
  }
  assert.equal(seconds, 10);
});

test("a peer over its rate is refused with the time to wait, another is not", async () => {
  const clock = manualClock();
  const rates = createRateGate(clock);
  for (let n = 0; n < 20; n += 1) rates.admit(PEER);
  assert.throws(
    () => rates.admit(PEER),
    (error: unknown) =>
      code("RATE_LIMITED")(error) && (error as ProtocolError).data?.["retry_after_ms"] === 5,
  );
  assert.doesNotThrow(() => rates.admit(OTHER));
  assert.equal(rates.mayTellError(PEER), true);
  assert.equal(rates.mayTellError(PEER), false);
  await clock.advance(1_000);
  assert.equal(rates.mayTellError(PEER), true);
  assert.doesNotThrow(() => rates.admit(PEER));
});

test("other rates given to both ends hold for the pace and for the gate", async () => {
  const clock = manualClock();
  const allowed = { perSecond: 10_000, burst: 10_000, peakPerSecond: 20_000, peakBurst: 4_000 };
  const rates = createRateGate(clock, allowed);
  const pacer = createPacer(clock, { allowed });
  const never = new AbortController().signal;
  for (let n = 0; n < 1_500; n += 1) {
    await pacer.turn(PEER, never);
    rates.admit(PEER);
  }
  for (let n = 0; n < 2_500; n += 1) rates.admit(PEER);
  assert.throws(() => rates.admit(PEER), code("RATE_LIMITED"));
});

test("who keeps the pace is never refused, in order, over twenty seconds of wanting more", async () => {
  const clock = manualClock();
  const pacer = createPacer(clock);
  const rates = createRateGate(clock);
  const never = new AbortController().signal;
  const order: number[] = [];
  let refused = 0;
  for (let n = 0; n < 3_000; n += 1) {
    void pacer.turn(PEER, never).then(() => {
      order.push(n);
      try {
        rates.admit(PEER);
      } catch {
        refused += 1;
      }
    });
  }
  await clock.advance(20_000);
  assert.equal(refused, 0);
  assert.ok(order.length > 1_800, `${order.length} went out`);
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  const gone = new AbortController();
  const waits = assert.rejects(pacer.turn(PEER, gone.signal), code("CALL_CANCELLED"));
  gone.abort(new ProtocolError("CALL_CANCELLED", "gone"));
  await clock.advance(40_000);
  await waits;
});

test("what came too fast is sent again a few times, anything else is not", async () => {
  const clock = manualClock();
  const never = new AbortController().signal;
  let tries = 0;
  const limited = () => {
    tries += 1;
    if (tries < 3) throw new ProtocolError("RATE_LIMITED", "slow down", { data: { retry_after_ms: 100 } });
    return Promise.resolve("done");
  };
  const sent = patiently(clock, never, async () => limited());
  await clock.advance(1_000);
  assert.equal(await sent, "done");
  await assert.rejects(
    patiently(clock, never, () => Promise.reject(new ProtocolError("CALL_TIMEOUT", "late"))),
    code("CALL_TIMEOUT"),
  );
});

test("nonces are written together and come back with the store; a store that fails is fatal", async () => {
  const clock = manualClock();
  const written: number[] = [];
  const store: StateStore = {
    ...memoryStore(),
    nonces: () => [{ senderId: "a", nonce: "old", keepUntilS: clock.nowMs() / 1000 + 10 }],
    saveNonces(batch) {
      written.push(batch.length);
      if (batch.length > 2) throw new ProtocolError("DISK_FAILED", "full");
    },
  };
  const fatal: unknown[] = [];
  const memory = createNonceMemory(store, clock, (error) => fatal.push(error));
  assert.ok(memory.seen("a", "old"));
  memory.add("a", "one");
  memory.add("b", "one");
  assert.throws(() => memory.add("a", "one"), code("MESSAGE_REPLAYED"));
  assert.deepEqual(written, []);
  await clock.advance(50);
  assert.deepEqual(written, [2]);
  memory.add("a", "two");
  memory.close();
  assert.deepEqual(written, [2, 1]);
  for (const nonce of ["3", "4", "5"]) memory.add("a", nonce);
  await clock.advance(50);
  assert.ok(code("DISK_FAILED")(fatal[0]));
});

test("messages for a slow peer wait by class: critical first, then 8 to 4 to 1, and none is lost below the bound", async () => {
  const clock = manualClock();
  const pacer = createPacer(clock);
  const never = new AbortController().signal;
  const gone: string[] = [];
  const classes = ["low", "normal", "high", "critical"] as const;
  for (let n = 0; n < 200; n += 1) {
    for (const priority of classes) {
      void pacer.send(PEER, { priority, bytes: 100, signal: never }, async () => void gone.push(priority));
    }
  }
  await clock.advance(2_500);
  const taken = gone.slice(100, 165);
  const share = (priority: string) => taken.filter((one) => one === priority).length;
  assert.ok(Math.abs(share("critical") - 13) <= 1, "one in five");
  assert.ok(Math.abs(share("high") - 32) <= 2 && Math.abs(share("normal") - 16) <= 2);
  assert.ok(share("low") >= 3 && share("low") <= 5);
  await clock.advance(20_000);
  assert.equal(gone.length, 800);
});

test("towards a peer that reads nothing a thousand messages wait, the oldest low ones are dropped, and critical ones end it", async () => {
  const clock = manualClock();
  const stuck: string[] = [];
  const pacer = createPacer(clock, { onStuck: (peerId) => stuck.push(peerId) });
  const never = new AbortController().signal;
  const hang = () => new Promise<never>(() => undefined);
  const codes: string[] = [];
  const send = (priority: "critical" | "normal" | "low", bytes = 10) =>
    void pacer.send(PEER, { priority, bytes, signal: never }, hang).catch((error: unknown) => {
      codes.push(`${priority} ${isProtocolError(error) ? error.code : ""}`);
    });
  for (let n = 0; n < 16; n += 1) send("normal");
  await clock.advance(1_000);
  for (let n = 0; n < 500; n += 1) send("low");
  for (let n = 0; n < 500; n += 1) send("normal");
  assert.equal(pacer.waiting(PEER), 1_000);
  send("normal");
  await clock.advance(0);
  assert.deepEqual(codes, ["low OVERLOADED"]);
  for (let n = 0; n < 999; n += 1) send("critical");
  await clock.advance(0);
  assert.equal(codes.filter((one) => one === "low OVERLOADED").length, 500);
  assert.equal(codes.filter((one) => one === "normal OVERLOADED").length, 500);
  assert.deepEqual(stuck, []);
  for (let n = 0; n < 2; n += 1) send("critical");
  await clock.advance(0);
  assert.deepEqual(stuck, [PEER], "the connection is to be closed");
  const other = createPacer(clock);
  const big = other.send(OTHER, { priority: "low", bytes: 9 * 1024 * 1024, signal: never }, hang);
  await assert.rejects(big, code("OVERLOADED"), "more than eight MiB");
});

test("a busy node refuses the least urgent first, and critical messages last", () => {
  const clock = manualClock();
  const rates = createRateGate(clock);
  const passed: Record<string, number> = {};
  for (const priority of ["low", "normal", "high", "critical"] as const) {
    let count = 0;
    for (; count < 5_000; count += 1) {
      try {
        rates.load(priority);
      } catch (error) {
        assert.ok(code("OVERLOADED")(error));
        break;
      }
    }
    passed[priority] = count;
  }
  assert.deepEqual(passed, { low: 1_000, normal: 500, high: 300, critical: 200 });
});
