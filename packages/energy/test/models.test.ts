import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chargeBattery,
  createBattery,
  dischargeBattery,
  HOUR_MS,
  noBattery,
  planHour,
} from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import * as fc from "fast-check";

const batteries = fc
  .record({
    capacityMilliWh: fc.integer({ min: 0, max: 1_000_000_000_000 }),
    reserveShare: fc.double({ min: 0, max: 1, noNaN: true }),
    maxMilliW: fc.integer({ min: 0, max: 1_000_000_000_000 }),
    etaChargePpm: fc.integer({ min: 1, max: 1_000_000 }),
    etaDischargePpm: fc.integer({ min: 1, max: 1_000_000 }),
    storedShare: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ reserveShare, storedShare, ...fields }) => ({
    battery: createBattery({ ...fields, reserveMilliWh: Math.floor(fields.capacityMilliWh * reserveShare) }),
    storedMilliWh: Math.floor(fields.capacityMilliWh * storedShare),
  }));

const energies = fc.integer({ min: 0, max: 1_000_000_000_000 });
const durations = fc.integer({ min: 1, max: 86_400_000 });

test("an hour of any home balances to the mWh and keeps capacity, reserve and power", () => {
  const slots = fc.record({
    home: batteries,
    loadMilliWh: energies,
    pvMilliWh: energies,
    durationMs: durations,
  });
  fc.assert(
    fc.property(slots, ({ home: { battery, storedMilliWh }, loadMilliWh, pvMilliWh, durationMs }) => {
      const plan = planHour({ battery, storedMilliWh, loadMilliWh, pvMilliWh, durationMs });
      const used = loadMilliWh + plan.chargeMilliWh + plan.surplusMilliWh;
      assert.equal(pvMilliWh + plan.dischargeMilliWh + plan.needMilliWh, used);
      const change = plan.chargeMilliWh - plan.dischargeMilliWh - plan.lossMilliWh;
      assert.equal(plan.storedEndMilliWh, storedMilliWh + change);
      assert.equal(plan.storedEndMilliWh <= battery.capacityMilliWh, true);
      assert.equal(plan.storedEndMilliWh >= Math.min(storedMilliWh, battery.reserveMilliWh), true);
      const most = (BigInt(battery.maxMilliW) * BigInt(durationMs)) / BigInt(HOUR_MS);
      assert.equal(BigInt(plan.chargeMilliWh) <= most && BigInt(plan.dischargeMilliWh) <= most, true);
      assert.equal(Math.min(plan.needMilliWh, plan.surplusMilliWh), 0);
      for (const value of Object.values(plan)) assert.equal(Number.isSafeInteger(value) && value >= 0, true);
    }),
    { numRuns: 500 },
  );
});

test("charging takes no more than it needs to be full, and nothing is left that would have fitted", () => {
  fc.assert(
    fc.property(batteries, energies, ({ battery, storedMilliWh }, offeredMilliWh) => {
      const flow = chargeBattery(battery, storedMilliWh, { offeredMilliWh, durationMs: 86_400_000 });
      if (flow.movedMilliWh === offeredMilliWh || flow.storedMilliWh === battery.capacityMilliWh) return;
      assert.equal(BigInt(flow.movedMilliWh), (BigInt(battery.maxMilliW) * 86_400_000n) / BigInt(HOUR_MS));
    }),
    { numRuns: 300 },
  );
});

test("a battery of 90 % round trip gives back 90 % of what it took", () => {
  const battery = createBattery({ capacityMilliWh: 6_400_000, reserveMilliWh: 0, maxMilliW: 5_000_000 });
  const filled = chargeBattery(battery, 0, { offeredMilliWh: 1_000_000, durationMs: HOUR_MS });
  assert.deepEqual(filled, { storedMilliWh: 948_700, movedMilliWh: 1_000_000, lossMilliWh: 51_300 });
  const emptied = dischargeBattery(battery, filled.storedMilliWh, {
    wantedMilliWh: 5_000_000,
    durationMs: HOUR_MS,
  });
  assert.deepEqual(emptied, { storedMilliWh: 0, movedMilliWh: 900_031, lossMilliWh: 48_669 });
});

test("power limits a short slot: a quarter of an hour at 5 kW moves 1.25 kWh", () => {
  const battery = createBattery({ capacityMilliWh: 6_400_000, reserveMilliWh: 0, maxMilliW: 5_000_000 });
  const flow = chargeBattery(battery, 0, { offeredMilliWh: 9_000_000, durationMs: HOUR_MS / 4 });
  assert.equal(flow.movedMilliWh, 1_250_000);
});

test("a home without a battery buys all it lacks and sells all it has left", () => {
  const home = { battery: noBattery, storedMilliWh: 0 };
  assert.equal(planHour({ ...home, loadMilliWh: 700, pvMilliWh: 0 }).needMilliWh, 700);
  assert.equal(planHour({ ...home, loadMilliWh: 700, pvMilliWh: 1_000 }).surplusMilliWh, 300);
});

test("a battery whose figures make no sense is refused by name", () => {
  const fields = { capacityMilliWh: 1_000, reserveMilliWh: 0, maxMilliW: 1_000 };
  for (const [name, wrong] of [
    ["capacityMilliWh", { capacityMilliWh: -1 }],
    ["reserveMilliWh", { reserveMilliWh: 1_001 }],
    ["maxMilliW", { maxMilliW: 0.5 }],
    ["etaChargePpm", { etaChargePpm: 0 }],
    ["etaDischargePpm", { etaDischargePpm: 1_000_001 }],
  ] as const) {
    assert.throws(
      () => createBattery({ ...fields, ...wrong }),
      (error) => isProtocolError(error) && error.code === "AMOUNT_INVALID" && error.message.includes(name),
    );
  }
});
