import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { share, shareRest, WideSum } from "../src/market/exact.ts";

const safe = { min: 0, max: Number.MAX_SAFE_INTEGER };

test("shares of any size are those of whole numbers, and so is what they leave", () => {
  const parts = fc
    .integer({ ...safe, min: 1 })
    .chain((c) =>
      fc
        .tuple(fc.integer({ min: 0, max: c }), fc.integer(safe), fc.constant(c))
        .filter(([a, b, c]) => a * b < c * 2 ** 53),
    );
  fc.assert(
    fc.property(parts, ([a, b, c]) => {
      const q = share(a, b, c);
      assert.equal(BigInt(q), (BigInt(a) * BigInt(b)) / BigInt(c));
      assert.equal(BigInt(shareRest(a, b, { q, c })), (BigInt(a) * BigInt(b)) % BigInt(c));
    }),
    { numRuns: 5_000 },
  );
});

test("a wide sum is exact and rounds once, half to even", () => {
  const terms = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 1_000_000_000_000 }),
      fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }),
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(terms, (rows) => {
      const sum = new WideSum();
      let exact = 0n;
      for (const [qty, price] of rows) {
        sum.add(qty, price);
        exact += BigInt(qty) * BigInt(price);
      }
      const off = BigInt(sum.toMicro()) * 1_000_000n - exact;
      assert.ok(off >= -500_000n && off <= 500_000n);
    }),
    { numRuns: 1_000 },
  );
  const half = new WideSum();
  half.add(500_000, 5);
  assert.equal(half.toMicro(), 2);
});
