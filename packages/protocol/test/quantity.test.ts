import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  amountMicro,
  checkSlot,
  isProtocolError,
  mulDiv,
  parseSlotId,
  slotAt,
  slotId,
} from "@gridmesh/protocol";

/** Half to even by definition: the nearest multiple, and of two equally near the even one. */
function nearestEven(numerator: bigint, divisor: bigint): bigint {
  const floor = (numerator - (((numerator % divisor) + divisor) % divisor)) / divisor;
  const below = numerator - floor * divisor;
  const above = divisor - below;
  if (below !== above) return below < above ? floor : floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}

test("a · b / c is exact and rounds half to even", () => {
  const factor = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -1_000, max: 1_000 }));
  const divisor = fc.oneof(
    fc.integer({ min: 1, max: 20 }),
    fc.constant(1_000_000),
    fc.nat().map((n) => n + 1),
  );
  fc.assert(
    fc.property(factor, factor, divisor, (a, b, c) => {
      const exact = nearestEven(BigInt(a) * BigInt(b), BigInt(c));
      const fits = exact >= BigInt(Number.MIN_SAFE_INTEGER) && exact <= BigInt(Number.MAX_SAFE_INTEGER);
      if (fits) assert.equal(BigInt(mulDiv(a, b, c)), exact);
      else assert.throws(() => mulDiv(a, b, c), { code: "AMOUNT_INVALID" });
    }),
    { numRuns: 2_000 },
  );
});

test("halves go to the even side and zero has no sign", () => {
  assert.deepEqual(
    [1, 3, 5, -1, -3, -5].map((a) => mulDiv(a, 1, 2)),
    [0, 2, 2, 0, -2, -2],
  );
  assert.ok(Object.is(mulDiv(-1, 1, 2), 0));
});

test("what is no safe integer is AMOUNT_INVALID", () => {
  for (const bad of [0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
    assert.throws(() => mulDiv(bad, 1, 1), { code: "AMOUNT_INVALID" });
    assert.throws(() => mulDiv(1, bad, 1), { code: "AMOUNT_INVALID" });
  }
  assert.throws(() => mulDiv(1, 1, 0), { code: "AMOUNT_INVALID" });
  assert.throws(() => mulDiv(1, 1, -1), { code: "AMOUNT_INVALID" });
});

test("10 kWh at 0.15 a kWh cost 1.5", () => {
  assert.equal(amountMicro(10_000_000, 150_000), 1_500_000);
  assert.equal(amountMicro(1, 500_000), 0);
  assert.equal(amountMicro(3, 500_000), 2);
});

test("a slot is its text and the text is the slot", () => {
  const slot = fc.record(
    {
      area: fc.stringMatching(/^[a-z0-9-]{1,10}(?:\.[a-z0-9-]{1,10})?$/),
      index: fc.nat(1_000_000),
      durationS: fc.constantFrom(300, 900, 1_800, 3_600, 86_400),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(slot, ({ area, index, durationS }) => {
      const it = { area, startS: index * durationS, durationS };
      assert.deepEqual(parseSlotId(slotId(it)), it);
      assert.deepEqual(slotAt(area, (it.startS + durationS) * 1_000 - 1, durationS), it);
      assert.deepEqual(slotAt(area, it.startS * 1_000, durationS), it);
    }),
  );
});

test("a slot off the grid is SLOT_INVALID, and so is any text that is none", () => {
  const bad = [
    { area: "a", startS: 1, durationS: 900 },
    { area: "a", startS: 0, durationS: 7_000 },
    { area: "a", startS: -900, durationS: 900 },
    { area: "a", startS: 0, durationS: 0 },
    { area: "A", startS: 0, durationS: 900 },
    { area: "a".repeat(65), startS: 0, durationS: 900 },
  ];
  for (const slot of bad) assert.throws(() => checkSlot(slot), { code: "SLOT_INVALID" });
  for (const text of ["", "a", "a/0", "a/0/900/1", "a/x/900", "a/0/7000", "a/ 0/900"]) {
    assert.throws(() => parseSlotId(text), { code: "SLOT_INVALID" }, text);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseSlotId(text);
      } catch (error) {
        assert.ok(isProtocolError(error));
      }
    }),
  );
});
