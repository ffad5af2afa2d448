/** Who goes first, how often, and who is dropped when not everything fits. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { messageSchemas, priorities, type Priority, priorityOf, PriorityQueue } from "@gridmesh/protocol";

interface Item {
  readonly priority: Priority;
  readonly number: number;
  readonly atMs: number;
}

const stranger = { isAllowListed: false };
const friend = { isAllowListed: true };

/** A queue that is told classes by name and counts what it is given. */
function queueOf(bounds: ConstructorParameters<typeof PriorityQueue>[0] = {}) {
  const queue = new PriorityQueue<Item>(bounds);
  let number = 0;
  const push = (priority: Priority, atMs = 0, bytes = 1) => {
    number += 1;
    return queue.push({ priority, number, atMs }, { priority, bytes, nowMs: atMs });
  };
  return { queue, push };
}

const names = (items: readonly (Item | undefined)[]) => items.map((item) => item?.priority);

test("what keeps connections and leases alive is critical, whoever sends it", () => {
  for (const type of ["hello", "heartbeat", "error_response", "task_cancel", "task_heartbeat", "task_ack"]) {
    assert.equal(priorityOf(type, stranger), "critical", type);
  }
});

test("a stranger's critical is high, an allow-listed signer's stays critical", () => {
  for (const facts of [{ type: "ext:security.alert" }, { type: "task_request", claimed: "critical" }]) {
    const { type, ...claim } = facts;
    assert.equal(priorityOf(type, { ...stranger, ...claim }), "high");
    assert.equal(priorityOf(type, { ...friend, ...claim }), "critical");
  }
});

test("work has the class it claims, and what claims nothing readable is normal", () => {
  assert.equal(priorityOf("task_request", { ...stranger, claimed: "low" }), "low");
  assert.equal(priorityOf("task_request", { ...stranger, claimed: "urgent" }), "normal");
  assert.equal(priorityOf("task_request", stranger), "normal");
  assert.equal(priorityOf("ext:vendor.thing", { ...stranger, claimed: "low" }), "low");
  for (const type of messageSchemas.keys()) assert.ok(priorities.includes(priorityOf(type, stranger)));
});

test("high, normal and low share 8 : 4 : 1 within 5 %", () => {
  const { queue, push } = queueOf({ messages: 100 });
  const served = { critical: 0, high: 0, normal: 0, low: 0 };
  for (const name of ["high", "normal", "low"] as const) push(name);
  for (let turn = 0; turn < 13_000; turn++) {
    const item = queue.shift(0);
    assert.ok(item);
    served[item.priority] += 1;
    push(item.priority);
  }
  for (const [name, share] of [
    ["high", 8],
    ["normal", 4],
    ["low", 1],
  ] as const) {
    const expected = (13_000 * share) / 13;
    assert.ok(Math.abs(served[name] - expected) <= expected * 0.05, `${name}: ${served[name]}`);
  }
});

test("shares hold within any thirteen turns", () => {
  const { queue, push } = queueOf();
  for (let i = 0; i < 200; i++) for (const name of ["high", "normal", "low"] as const) push(name);
  for (let round = 0; round < 10; round++) {
    const turns = names(Array.from({ length: 13 }, () => queue.shift(0)));
    assert.deepEqual(
      ["high", "normal", "low"].map((name) => turns.filter((one) => one === name).length),
      [8, 4, 1],
    );
  }
});

test("a class that waits alone has every turn", () => {
  const { queue, push } = queueOf();
  for (let i = 0; i < 20; i++) push("low");
  assert.equal(names(Array.from({ length: 20 }, () => queue.shift(0))).filter(Boolean).length, 20);
  assert.equal(queue.shift(0), undefined);
});

test("critical goes first, but takes one turn in five at most while others wait", () => {
  const { queue, push } = queueOf();
  for (let i = 0; i < 100; i++) push("critical");
  for (let i = 0; i < 80; i++) push("low");
  const turns = names(Array.from({ length: 100 }, () => queue.shift(0)));
  assert.equal(turns[0], "critical");
  for (let at = 0; at + 5 <= 100; at++) {
    assert.ok(turns.slice(at, at + 5).filter((name) => name === "critical").length <= 1, `turn ${at}`);
  }
  assert.equal(turns.filter((name) => name === "critical").length, 20);
  const rest = names(Array.from({ length: 80 }, () => queue.shift(0)));
  assert.ok(rest.every((name) => name === "critical"));
});

test("a waiting message rises by one class every 30 seconds, up to high", () => {
  const { queue, push } = queueOf();
  push("low");
  push("high", 60_000);
  assert.deepEqual(names([queue.shift(60_000), queue.shift(60_000)]), ["low", "high"]);
  push("low");
  for (let i = 0; i < 30; i++) push("normal", 29_999);
  const turns = names(Array.from({ length: 3 }, () => queue.shift(30_000)));
  assert.equal(turns[0], "low", "as normal as the others, and older");
  push("normal", 0);
  push("critical", 90_000_000);
  assert.equal(queue.shift(90_000_000)?.priority, "critical", "nothing rises above high");
});

/** 100 turns a second; high, normal and low come faster than they can go. */
test("a low message waits at most 61 seconds under a load that never ends", () => {
  const { queue, push } = queueOf({ messages: 1_000_000, bytes: 1e9 });
  let longestMs = 0;
  let lows = 0;
  for (let nowMs = 0; nowMs < 300_000; nowMs += 10) {
    push(nowMs % 30 === 0 ? "normal" : "high", nowMs);
    if (nowMs % 50 === 0) push("low", nowMs);
    const item = queue.shift(nowMs);
    if (item?.priority === "low") {
      lows += 1;
      longestMs = Math.max(longestMs, nowMs - item.atMs);
    }
  }
  assert.ok(lows > 2_000, `${lows}`);
  assert.ok(longestMs <= 61_000, `${longestMs} ms`);
});

test("a full queue drops the oldest low ones, then normal ones, and keeps what is urgent", () => {
  const { push } = queueOf({ messages: 4 });
  push("low");
  push("normal");
  push("low");
  push("high");
  const overflow = push("high");
  assert.deepEqual([overflow.dropped.map(({ number }) => number), overflow.isFull], [[1], false]);
  assert.deepEqual(
    push("high").dropped.map(({ number }) => number),
    [3],
  );
  assert.deepEqual(
    push("critical").dropped.map(({ number }) => number),
    [2],
  );
  const refused = push("high");
  assert.deepEqual([names(refused.dropped), refused.isFull], [["high"], false]);
  assert.equal(refused.dropped[0]?.number, 8, "the newcomer itself");
});

test("a queue full of critical messages says that the connection is to be closed", () => {
  const { queue, push } = queueOf({ messages: 3 });
  push("high");
  for (let i = 0; i < 3; i++) assert.equal(push("critical").isFull, false);
  assert.equal(queue.sizeOf("high"), 0);
  assert.equal(push("critical").isFull, true);
  assert.equal(queue.size, 3);
});

test("by default 1,000 messages or 8 MiB wait for one peer", () => {
  const { queue, push } = queueOf();
  for (let i = 0; i < 1_000; i++) assert.equal(push("low").dropped.length, 0);
  assert.equal(push("normal").dropped.length, 1);
  assert.equal(queue.size, 1_000);
  const heavy = queueOf();
  for (let i = 0; i < 8; i++) assert.equal(heavy.push("normal", 0, 1024 * 1024).dropped.length, 0);
  assert.equal(heavy.push("normal", 0, 1).dropped.length, 1);
  assert.ok(heavy.queue.bytes <= 8 * 1024 * 1024);
});

test("whatever is pushed comes out once, in order within its class, or was dropped", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...priorities, "shift" as const), fc.nat(20_000)), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, (all) => {
      const { queue, push } = queueOf({ messages: 20 });
      let nowMs = 0;
      let pushed = 0;
      const gone: Item[] = [];
      const taken: Item[] = [];
      for (const [step, afterMs] of all) {
        nowMs += afterMs;
        if (step === "shift") {
          const item = queue.shift(nowMs);
          if (item !== undefined) taken.push(item);
        } else {
          pushed += 1;
          gone.push(...push(step, nowMs).dropped);
        }
        assert.ok(queue.size <= 20);
      }
      taken.push(...queue.clear());
      assert.equal(queue.size + queue.bytes, 0);
      const numbers = [...gone, ...taken].map(({ number }) => number).toSorted((a, b) => a - b);
      assert.deepEqual(
        numbers,
        Array.from({ length: pushed }, (_, i) => i + 1),
      );
      for (const name of priorities) {
        const order = taken.filter(({ priority }) => priority === name).map(({ number }) => number);
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        );
      }
    }),
    { numRuns: 300 },
  );
});
