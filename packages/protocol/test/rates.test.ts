/** How much a peer may send, and what is remembered of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DualBucket, isProtocolError, NonceTable } from "@gridmesh/protocol";

/** Messages that pass in each of 15 seconds when this many a second are offered evenly. */
function passed(offeredPerSecond: number): number[] {
  const bucket = new DualBucket(0);
  return Array.from({ length: 15 }, (_, second) => {
    let count = 0;
    for (let i = 0; i < offeredPerSecond; i++) {
      const nowMs = second * 1_000 + (i * 1_000) / offeredPerSecond;
      if (bucket.take(nowMs) === 0) count += 1;
    }
    return count;
  });
}

const times = (count: number, value: number) => Array.from({ length: count }, () => value);

test("200 a second pass for nine seconds, then 100", () => {
  assert.deepEqual(passed(200), [...times(9, 200), 199, ...times(5, 100)]);
});

test("1,000 a second pass 219 at first and never more than the peak after", () => {
  assert.deepEqual(passed(1_000), [219, ...times(8, 200), 180, ...times(5, 100)]);
});

test("100 a second always pass", () => {
  assert.deepEqual(passed(100), times(15, 100));
});

test("the bucket is full again after ten seconds of silence", () => {
  const bucket = new DualBucket(0);
  for (let ms = 0; ms < 15_000; ms++) bucket.take(ms);
  assert.equal(bucket.isFull(24_000), false);
  assert.equal(bucket.isFull(25_000), true);
});

test("who waits as long as told gets through, and a clock that stands still gives nothing", () => {
  const bucket = new DualBucket(0);
  let nowMs = 0;
  for (let i = 0; i < 2_000; i++) {
    const waitMs = bucket.take(nowMs);
    if (waitMs === 0) continue;
    assert.ok(bucket.take(nowMs) > 0);
    assert.ok(bucket.take(nowMs - 50) > 0);
    nowMs += waitMs;
    assert.equal(bucket.take(nowMs), 0);
  }
});

test("a nonce is remembered for 180 seconds and not longer", () => {
  const table = new NonceTable();
  table.add("a", "n", 1_000);
  assert.ok(table.has("a", "n"));
  assert.equal(table.has("b", "n"), false);
  assert.throws(() => table.add("a", "n", 1_180), { code: "MESSAGE_REPLAYED" });
  table.add("a", "n", 1_181);
  assert.equal(table.size, 1);
});

test("a full table refuses new nonces and forgets none early", () => {
  const table = new NonceTable({ perSender: 3, total: 5 });
  for (const nonce of ["1", "2", "3"]) table.add("a", nonce, 0);
  assert.throws(() => table.add("a", "4", 0), { code: "OVERLOADED" });
  for (const nonce of ["1", "2"]) table.add("b", nonce, 0);
  assert.throws(() => table.add("c", "1", 0), { code: "OVERLOADED" });
  assert.ok(table.has("a", "1"));
  assert.doesNotThrow(() => table.add("c", "1", 181));
});

test("rows kept over a restart go on refusing replays", () => {
  const before = new NonceTable();
  const rows = [before.add("a", "1", 100), before.add("b", "2", 110)];
  const after = new NonceTable();
  after.restore(rows);
  after.restore(rows);
  assert.equal(after.size, 2);
  assert.throws(() => after.add("a", "1", 200), { code: "MESSAGE_REPLAYED" });
  assert.throws(() => after.add("b", "2", 290), { code: "MESSAGE_REPLAYED" });
});

test("the table behaves as a plain list of (sender, nonce, second) would", () => {
  const step = fc.record({ sender: fc.constantFrom("a", "b"), nonce: fc.nat(30), waitS: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new NonceTable({ perSender: 8, total: 12, keptS: 20 });
      let model: { sender: string; nonce: string; untilS: number }[] = [];
      let nowS = 0;
      for (const { sender, nonce, waitS } of steps) {
        nowS += waitS;
        model = model.filter(({ untilS }) => untilS >= nowS);
        const seen = model.some((row) => row.sender === sender && row.nonce === `${nonce}`);
        const full = model.length >= 12 || model.filter((row) => row.sender === sender).length >= 8;
        const expected = seen ? "MESSAGE_REPLAYED" : full ? "OVERLOADED" : undefined;
        let thrown: string | undefined;
        try {
          table.add(sender, `${nonce}`, nowS);
        } catch (error) {
          assert.ok(isProtocolError(error));
          thrown = error.code;
        }
        assert.equal(thrown, expected);
        if (expected === undefined) model.push({ sender, nonce: `${nonce}`, untilS: nowS + 20 });
      }
    }),
    { numRuns: 200 },
  );
});
