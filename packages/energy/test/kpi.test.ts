import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allFromUtilityBillMicro,
  carbonGPerKWh,
  ceilMulDiv,
  fairness,
  floorMulDiv,
  marketShares,
  meterStep,
  ownUse,
  peakRatio,
  percent,
  sameAssetsBillMicro,
  savingOf,
  spreadOf,
} from "@gridmesh/energy";
import * as fc from "fast-check";

const tariff = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 };
const safe = fc.maxSafeInteger();

test("a ratio without a whole is null", () => {
  assert.equal(percent(1, 0), null);
  assert.equal(percent(1, 3), 33.3);
  const dark = ownUse({ loadMilliWh: 10, productionMilliWh: 0, importMilliWh: 10 });
  assert.deepEqual(dark, { ownUseMilliWh: 0, selfSufficiencyPercent: 0, selfConsumptionPercent: null });
  assert.equal(savingOf("same-assets-utility-only", 0, 5).savedPercent, null);
});

test("own use is the load no import served", () => {
  const use = ownUse({ loadMilliWh: 1_000, productionMilliWh: 800, importMilliWh: 400 });
  assert.deepEqual(use, { ownUseMilliWh: 600, selfSufficiencyPercent: 60, selfConsumptionPercent: 75 });
});

test("a saving names the baseline it is measured against", () => {
  const saving = savingOf("same-assets-utility-only", 49_200_000, 38_260_000);
  assert.equal(saving.baseline, "same-assets-utility-only");
  assert.equal(saving.savedMicro, 10_940_000);
  assert.equal(saving.savedPercent, 22.2);
});

test("baseline A buys at retail and feeds in, baseline B buys all", () => {
  const slots = [
    { needMilliWh: 2_000_000, surplusMilliWh: 0 },
    { needMilliWh: 0, surplusMilliWh: 1_000_000 },
  ];
  assert.equal(sameAssetsBillMicro(slots, tariff), 450_000);
  assert.equal(allFromUtilityBillMicro([1_000_000, 3_000_000], tariff), 1_000_000);
});

test("spread and fairness of savings", () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { least: 1, median: 2 });
  assert.deepEqual(spreadOf([4, 1, 2, 3]), { least: 1, median: 2.5 });
  assert.equal(spreadOf([]), null);
  assert.equal(fairness([2, 2, 2]), 1);
  assert.equal(fairness([1, 0, 0, 0]), 0.25);
  assert.equal(fairness([0, 0]), null);
});

test("floor and ceiling of a product over a divisor are exact for all safe integers", () => {
  fc.assert(
    fc.property(safe, safe, fc.integer({ min: 1, max: 1_000_000_000 }), (a, b, c) => {
      const product = BigInt(a) * BigInt(b);
      const divisor = BigInt(c);
      const down = product / divisor - (product % divisor < 0n ? 1n : 0n);
      const up = product / divisor + (product % divisor > 0n ? 1n : 0n);
      assert.equal(floorMulDiv(a, b, c), Number(down));
      assert.equal(ceilMulDiv(a, b, c), Number(up));
    }),
  );
});

test("a meter's readings add up to what passed, however it is cut into steps", () => {
  const step = fc.record({
    milliW: fc.integer({ min: -1_000_000_000_000, max: 1_000_000_000_000 }),
    elapsedMs: fc.integer({ min: 0, max: 86_400_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let rest = 0;
      let shown = 0n;
      let passed = 0n;
      for (const { milliW, elapsedMs } of steps) {
        const read = meterStep(milliW, elapsedMs, rest);
        rest = read.restMilliWMs;
        assert.equal(rest >= 0 && rest < 3_600_000, true);
        shown += BigInt(read.milliWh);
        passed += BigInt(milliW) * BigInt(elapsedMs);
      }
      assert.equal(shown * 3_600_000n + BigInt(rest), passed);
    }),
  );
});

test("a peak is compared by the year's worst hour and by the mean of the days' worst", () => {
  const before = [1, 4, 2, 8];
  assert.deepEqual(peakRatio([1, 2, 2, 8], before, 2), { annual: 1, meanDaily: 10 / 12 });
  assert.deepEqual(peakRatio([1], [0, 0], 2), { annual: null, meanDaily: null });
});

test("carbon is what the imports carried, over all that was used", () => {
  assert.equal(carbonGPerKWh([1_000_000, 0, 2_000_000], [100, 900, 200], 5_000_000), 100);
  assert.equal(carbonGPerKWh([1], [100], 0), null);
});

test("shares carry their names, and none is made up where nothing was measured", () => {
  assert.deepEqual(
    marketShares({
      welfare: { part: 95, whole: 100 },
      response: { part: 0, whole: 0 },
      inBand: { part: 999, whole: 1_000 },
    }),
    { welfare: 95, response: null, inBand: 99.9 },
  );
});
