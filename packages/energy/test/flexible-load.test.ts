import assert from "node:assert/strict";
import { test } from "node:test";
import {
  batteryFaded,
  createBattery,
  createGenerator,
  healthyPv,
  type Job,
  planJob,
  planVehicle,
  type PriceSlots,
  pvHealthStep,
} from "@gridmesh/energy";
import * as fc from "fast-check";

const HOUR_S = 3_600;
const priced = (priceMicroPerKWh: readonly number[], slotS = HOUR_S): PriceSlots => ({
  startS: 0,
  slotS,
  priceMicroPerKWh,
});
const job = (fields: Partial<Job>): Job => ({
  energyMilliWh: 2_000_000,
  durationS: 2 * HOUR_S,
  earliestS: 0,
  deadlineS: 6 * HOUR_S,
  interruptible: false,
  ...fields,
});

test("a job starts where its whole run is cheapest, at the earliest such start", () => {
  const prices = priced([5, 1, 4, 2, 2, 1]);
  assert.deepEqual([...(planJob(job({}), prices)?.energyMilliWh ?? [])], [0, 0, 0, 0, 1_000_000, 1_000_000]);
  assert.deepEqual(
    [...(planJob(job({ deadlineS: 5 * HOUR_S }), prices)?.energyMilliWh ?? [])],
    [0, 0, 0, 1_000_000, 1_000_000, 0],
  );
  const even = planJob(job({}), priced([3, 3, 3, 3]));
  assert.deepEqual([...(even?.energyMilliWh ?? [])], [1_000_000, 1_000_000, 0, 0]);
});

test("a job that may rest takes the cheapest slots, wherever they lie", () => {
  const plan = planJob(job({ interruptible: true }), priced([5, 1, 4, 2, 2, 1]));
  assert.deepEqual([...(plan?.energyMilliWh ?? [])], [0, 1_000_000, 0, 0, 0, 1_000_000]);
  assert.equal(plan?.costMicro, 2);
});

test("a deadline is hard: a job that does not fit before it has no plan", () => {
  assert.equal(planJob(job({ earliestS: 5 * HOUR_S }), priced([1, 1, 1, 1, 1, 1])), null);
  assert.equal(planJob(job({ earliestS: 1, deadlineS: 2 * HOUR_S + 1 }), priced([1, 1, 1])), null);
});

test("no start and no choice of slots is cheaper than the planned one, and all the energy is there", () => {
  const prices = fc.array(fc.integer({ min: -100, max: 600 }), { minLength: 2, maxLength: 9 });
  fc.assert(
    fc.property(
      prices,
      fc.integer({ min: 1, max: 4 }),
      fc.nat({ max: 9_999 }),
      (list, hours, energyMilliWh) => {
        const wanted = job({ energyMilliWh, durationS: hours * HOUR_S, deadlineS: list.length * HOUR_S });
        const plan = planJob(wanted, priced(list));
        const free = planJob({ ...wanted, interruptible: true }, priced(list));
        if (hours > list.length) {
          assert.equal(plan === null && free === null, true);
          return;
        }
        assert.ok(plan !== null && free !== null);
        for (const { energyMilliWh: placed } of [plan, free]) {
          assert.equal(
            placed.reduce((sum, energy) => sum + energy, 0),
            energyMilliWh,
          );
        }
        // Shares differ by at most 1 mWh.
        const slack = (hours * 600) / 1e6;
        const runs = list.slice(hours - 1).map((_, at) => list.slice(at, at + hours));
        const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
        const share = energyMilliWh / hours / 1e6;
        assert.equal(plan.costMicro <= Math.min(...runs.map(sum)) * share + slack, true);
        const lowest = [...list].sort((a, b) => a - b).slice(0, hours);
        assert.equal(Math.abs(free.costMicro - sum(lowest) * share) <= slack, true);
        assert.equal(free.costMicro <= plan.costMicro + slack, true);
      },
    ),
    { numRuns: 300 },
  );
});

test("a car charges in the cheapest time it is there, no faster than it can, and says what it could not get", () => {
  const car = { arriveS: HOUR_S / 2, departS: 4 * HOUR_S, needMilliWh: 9_000_000, maxMilliW: 4_000_000 };
  const plan = planVehicle(car, priced([1, 5, 2, 3, 0]));
  assert.deepEqual([...plan.energyMilliWh], [2_000_000, 0, 4_000_000, 3_000_000, 0]);
  assert.equal(plan.shortfallMilliWh, 0);
  const hungry = planVehicle({ ...car, needMilliWh: 20_000_000 }, priced([1, 5, 2, 3, 0]));
  assert.equal(hungry.shortfallMilliWh, 20_000_000 - 14_000_000);
});

/** Days on which a panel makes `share(day)` of the model. */
function faultDay(share: (day: number) => number, days: number): number | null {
  let state = healthyPv;
  for (let day = 0; day < days; day += 1) {
    state = pvHealthStep(state, { madeMilliWh: 1e6 * share(day), modelMilliWh: 1e6 });
    if (state.fault) return day;
  }
  return null;
}

test("a panel that loses a fifth is found within three days, one that always did as much is not", () => {
  assert.equal(
    faultDay(() => 0.7, 200),
    null,
  );
  assert.equal(
    faultDay((day) => (day % 2 === 0 ? 1.03 : 0.97), 400),
    null,
  );
  assert.equal(
    faultDay((day) => (day < 60 ? 1 : 0.8), 90),
    62,
  );
});

test("a panel that never made 60 % of its model is found after two weeks", () => {
  assert.equal(
    faultDay(() => 0.5, 30),
    13,
  );
});

test("no generated home's panel is called faulty against its own model within 2 %", () => {
  const year = createGenerator(3).home(1).pvMilliWh;
  let state = healthyPv;
  for (let day = 0; day < 365; day += 1) {
    const madeMilliWh = year.subarray(24 * day, 24 * day + 24).reduce((sum, value) => sum + value, 0);
    state = pvHealthStep(state, { madeMilliWh, modelMilliWh: madeMilliWh * (day % 2 === 0 ? 1.02 : 0.98) });
    assert.equal(state.fault, false, `day ${day}`);
  }
});

test("a battery that returns less than 92 % of its rated efficiency has faded", () => {
  const battery = createBattery({ capacityMilliWh: 6_400_000, reserveMilliWh: 0, maxMilliW: 5_000_000 });
  const month = (dischargedMilliWh: number, storedChangeMilliWh = 0) =>
    batteryFaded(battery, { chargedMilliWh: 100_000_000, dischargedMilliWh, storedChangeMilliWh });
  assert.equal(month(90_000_000), false);
  assert.equal(month(82_000_000), true);
  assert.equal(month(80_000_000, 4_000_000), false, "what is still in it is not lost");
  assert.equal(
    batteryFaded(battery, { chargedMilliWh: 0, dischargedMilliWh: 0, storedChangeMilliWh: 0 }),
    false,
  );
});
