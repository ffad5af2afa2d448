import assert from "node:assert/strict";
import { test } from "node:test";
import {
  batteryConformance,
  type BatteryPlan,
  type BatteryPlanInput,
  canPlan,
  createBattery,
  leastImportLimit,
  planBattery,
  planHour,
} from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import * as fc from "fast-check";
import { asProgram, batteryCases, loadHighs, lpText } from "./battery-cases.ts";
import { solve } from "./linear-program.ts";
import { cityLearn, outsideText, without, withoutCityLearn } from "./outside-data.ts";

const KWH = 1_000_000;

const cases = batteryCases({ least: 1, most: 5 });

function keepsEveryLimit(input: BatteryPlanInput, plan: BatteryPlan): void {
  const { battery } = input;
  const slack = plan.slots.length + 1;
  let stored = input.storedMilliWh;
  plan.slots.forEach((slot, index) => {
    const load = input.loadMilliWh[index]!;
    const pv = input.pvMilliWh[index]!;
    assert.equal(
      load + slot.chargeMilliWh + slot.exportMilliWh,
      pv + slot.dischargeMilliWh + slot.importMilliWh,
    );
    assert.equal(
      slot.storedMilliWh,
      stored + slot.chargeMilliWh - slot.dischargeMilliWh - slot.lossMilliWh,
      "what is stored is what went in less what came out and what was lost",
    );
    for (const value of Object.values(slot)) assert.equal(Number.isSafeInteger(value) && value >= 0, true);
    assert.equal(slot.chargeMilliWh <= battery.maxMilliW && slot.dischargeMilliWh <= battery.maxMilliW, true);
    assert.equal(slot.storedMilliWh <= battery.capacityMilliWh, true);
    if (slot.dischargeMilliWh > 0) assert.equal(slot.storedMilliWh >= battery.reserveMilliWh, true);
    if (input.importLimitMilliWh !== undefined)
      assert.equal(slot.importMilliWh <= input.importLimitMilliWh + slack, true, `${slot.importMilliWh}`);
    stored = slot.storedMilliWh;
  });
  assert.equal(stored >= input.endMinMilliWh - slack, true, `ends with ${stored}`);
}

test("a plan costs what an independent simplex finds, in 1,000 random homes, and keeps every limit", () => {
  let planned = 0;
  let impossible = 0;
  fc.assert(
    fc.property(cases, (input) => {
      const plan = planBattery(input);
      const optimum = solve(asProgram(input));
      if (optimum === null || plan === null) {
        assert.equal(
          plan === null && optimum === null,
          true,
          `plan ${plan?.optimumMicro}, program ${optimum}`,
        );
        // A limit may ask for what a negative price forbids, which canPlan, knowing no prices, allows.
        if (Array.from(input.importMicroPerKWh).every((price) => price >= 0))
          assert.equal(canPlan(input), false);
        impossible += 1;
        return;
      }
      planned += 1;
      assert.equal(canPlan(input), true);
      const difference = Math.abs(plan.optimumMicro - optimum);
      assert.equal(difference <= 1, true, `plan ${plan.optimumMicro}, program ${optimum}`);
      keepsEveryLimit(input, plan);
      const missed = Math.abs(paidMicro(input, plan) - plan.optimumMicro);
      assert.equal(missed <= 3 * plan.slots.length, true, `whole mWh cost ${missed} micro more`);
    }),
    { numRuns: 1_000 },
  );
  assert.equal(planned > 500 && impossible > 20, true, `${planned} planned, ${impossible} impossible`);
});

/** Bill and wear of the whole mWh that a plan moves. */
function paidMicro(input: BatteryPlanInput, plan: BatteryPlan): number {
  let paid = 0;
  let stored = input.storedMilliWh;
  plan.slots.forEach((slot, index) => {
    const buy = input.importMicroPerKWh[index]!;
    const sell = Math.min(buy, input.exportMicroPerKWh[index]!);
    const kept = stored * (1 - input.battery.selfDischargePpmPerH / 1e6);
    const changed = Math.abs(slot.storedMilliWh - kept);
    paid += slot.importMilliWh * buy - slot.exportMilliWh * sell + changed * input.battery.wearMicroPerKWh;
    stored = slot.storedMilliWh;
  });
  return paid / KWH;
}

test("a day's plan costs what HiGHS finds, to a micro, in random homes", async () => {
  const highs = await loadHighs();
  let planned = 0;
  fc.assert(
    fc.property(batteryCases({ least: 12, most: 24 }), (input) => {
      const plan = planBattery(input);
      const { Status, ObjectiveValue } = highs.solve(lpText(asProgram(input)));
      if (plan === null) {
        assert.equal(Status, "Infeasible");
        return;
      }
      planned += 1;
      assert.equal(Status, "Optimal");
      assert.equal(
        Math.abs(plan.optimumMicro - ObjectiveValue) <= 1,
        true,
        `${plan.optimumMicro}, HiGHS ${ObjectiveValue}`,
      );
      keepsEveryLimit(input, plan);
    }),
    { numRuns: 60 },
  );
  assert.equal(planned >= 20, true, `${planned} planned`);
});

test(
  "a day and a week of measured homes cost what HiGHS found, within a ten-thousandth of a dollar",
  { skip: without("oracles/battery_lp.json") || withoutCityLearn },
  () => {
    const text = outsideText("oracles/battery_lp.json");
    const { total, passed, failures } = batteryConformance(text, cityLearn());
    assert.deepEqual(failures, []);
    assert.equal(total > 0 && passed === total, true);
    const file = JSON.parse(text) as { cases: { optimal_cost_usd: number }[] };
    file.cases[0]!.optimal_cost_usd -= 2e-4;
    assert.equal(batteryConformance(JSON.stringify(file), cityLearn()).passed, total - 1);
    assert.throws(() => batteryConformance("{}", cityLearn()), /no list of cases/);
  },
);

const home = {
  battery: createBattery({ capacityMilliWh: 6_400_000, reserveMilliWh: 0, maxMilliW: 5_000_000 }),
  storedMilliWh: 0,
  endMinMilliWh: 0,
};

test("under a flat tariff no plan that ends as full is better than greedy", () => {
  const flat = fc.array(
    fc.record({ load: fc.integer({ min: 0, max: 3 * KWH }), pv: fc.integer({ min: 0, max: 5 * KWH }) }),
    { minLength: 1, maxLength: 24 },
  );
  fc.assert(
    fc.property(flat, (slots) => {
      let stored = 0;
      let greedy = 0;
      for (const { load, pv } of slots) {
        const hour = planHour({
          battery: home.battery,
          storedMilliWh: stored,
          loadMilliWh: load,
          pvMilliWh: pv,
        });
        stored = hour.storedEndMilliWh;
        greedy += hour.needMilliWh * 0.25 - hour.surplusMilliWh * 0.05;
      }
      const plan = planBattery({
        ...home,
        endMinMilliWh: stored,
        loadMilliWh: slots.map(({ load }) => load),
        pvMilliWh: slots.map(({ pv }) => pv),
        importMicroPerKWh: slots.map(() => 250_000),
        exportMicroPerKWh: slots.map(() => 50_000),
      });
      assert.equal(Math.abs((plan?.optimumMicro ?? 0) - greedy) <= slots.length, true);
    }),
    { numRuns: 100 },
  );
});

test("an import limit one mWh below the least one has no plan, the least one has", () => {
  const evening = {
    ...home,
    storedMilliWh: 3_000_000,
    loadMilliWh: [1_000_000, 6_000_000, 4_000_000, 500_000],
    pvMilliWh: [2_000_000, 0, 0, 0],
  };
  const least = leastImportLimit(evening);
  assert.ok(least !== null);
  assert.equal(canPlan({ ...evening, importLimitMilliWh: least }), true);
  assert.equal(canPlan({ ...evening, importLimitMilliWh: least - 1 }), false);
  assert.equal(least > 2_000_000 && least < 6_000_000, true, `${least}`);
  assert.equal(
    leastImportLimit({ ...home, endMinMilliWh: 6_400_001, loadMilliWh: [1], pvMilliWh: [0] }),
    null,
  );
});

test("the plan under the least import limit draws no more than it, however tight", () => {
  fc.assert(
    fc.property(cases, (input) => {
      const { importLimitMilliWh: _, ...free } = input;
      const priced = { ...free, importMicroPerKWh: Array.from(free.importMicroPerKWh, Math.abs) };
      const least = leastImportLimit(priced);
      if (least === null) return;
      const plan = planBattery({ ...priced, importLimitMilliWh: least });
      assert.ok(plan !== null);
      const highest = Math.max(...plan.slots.map((slot) => slot.importMilliWh));
      assert.equal(highest <= least + 2 * plan.slots.length, true, `${highest} over ${least}`);
    }),
    { numRuns: 300 },
  );
});

test("nothing is sold for less than nothing: a battery rests while the price of import is negative", () => {
  const plan = planBattery({
    ...home,
    storedMilliWh: 6_400_000,
    loadMilliWh: [1_000_000, 1_000_000],
    pvMilliWh: [0, 0],
    importMicroPerKWh: [-50_000, 200_000],
    exportMicroPerKWh: [0, 0],
  });
  assert.equal(plan?.slots[0]?.dischargeMilliWh, 0);
  assert.equal(plan?.slots[1]?.dischargeMilliWh, 1_000_000);
  assert.equal(Math.round(plan?.optimumMicro ?? 0), -50_000);
});

test("lists of different length are refused", () => {
  assert.throws(
    () =>
      planBattery({
        ...home,
        loadMilliWh: [1, 2],
        pvMilliWh: [0],
        importMicroPerKWh: [1, 1],
        exportMicroPerKWh: [0, 0],
      }),
    (error) =>
      isProtocolError(error) && error.code === "INVALID_PARAMS" && error.message.includes("pvMilliWh"),
  );
});
