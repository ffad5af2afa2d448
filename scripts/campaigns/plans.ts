/**
 * Plans of batteries against HiGHS: random homes, each plan's cost equal to a micro, each limit kept.
 *
 *   npm run campaign:plans -- [--seed 1] [--cases 2000] [--slots 24]
 */

import { parseArgs } from "node:util";
import { type BatteryPlan, type BatteryPlanInput, planBattery } from "@gridmesh/energy";
import * as fc from "fast-check";
import { asProgram, batteryCases, loadHighs, lpText } from "../../packages/energy/test/battery-cases.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    cases: { type: "string", default: "2000" },
    slots: { type: "string", default: "24" },
  },
});
const slots = Number(values.slots);
const inputs = fc.sample(batteryCases({ least: Math.max(1, Math.floor(slots / 2)), most: slots }), {
  seed: Number(values.seed),
  numRuns: Number(values.cases),
});

/** Limits that a plan breaks beyond rounding: reserve, capacity, power, import, end. */
function broken(input: BatteryPlanInput, plan: BatteryPlan): string[] {
  const { battery } = input;
  const slack = plan.slots.length;
  const limit = input.importLimitMilliWh ?? Number.POSITIVE_INFINITY;
  const found = plan.slots.flatMap((slot) => [
    ...(slot.storedMilliWh > battery.capacityMilliWh ? ["capacity"] : []),
    ...(slot.dischargeMilliWh > 0 && slot.storedMilliWh < battery.reserveMilliWh ? ["reserve"] : []),
    ...(Math.max(slot.chargeMilliWh, slot.dischargeMilliWh) > battery.maxMilliW ? ["power"] : []),
    ...(slot.importMilliWh > limit + slack ? ["import"] : []),
  ]);
  const end = plan.slots.at(-1)?.storedMilliWh ?? input.storedMilliWh;
  return end < input.endMinMilliWh - slack ? [...found, "end"] : found;
}

const highs = await loadHighs();
let planned = 0;
let impossible = 0;
let worstMicro = 0;
let ourMs = 0;
let theirMs = 0;
const failures: string[] = [];
inputs.forEach((input, index) => {
  const startedMs = performance.now();
  const plan = planBattery(input);
  const plannedMs = performance.now();
  const solution = highs.solve(lpText(asProgram(input)));
  theirMs += performance.now() - plannedMs;
  ourMs += plannedMs - startedMs;
  if (plan === null) {
    impossible += 1;
    if (solution.Status !== "Infeasible")
      failures.push(`case ${index}: no plan, HiGHS says ${solution.Status}`);
    return;
  }
  planned += 1;
  const difference = Math.abs(plan.optimumMicro - solution.ObjectiveValue);
  worstMicro = Math.max(worstMicro, difference);
  if (solution.Status !== "Optimal" || difference > 1)
    failures.push(`case ${index}: ${difference} micro apart`);
  for (const limit of broken(input, plan)) failures.push(`case ${index}: breaks ${limit}`);
});
console.log(`seed ${values.seed}: ${inputs.length} random homes of up to ${slots} slots`);
console.log(`planned                       ${planned}, impossible for both ${impossible}`);
console.log(`largest difference            ${(worstMicro / 1e6).toExponential(1)} of a currency unit`);
console.log(
  `a plan takes                  ${(ourMs / inputs.length).toFixed(3)} ms, HiGHS ${(theirMs / inputs.length).toFixed(1)} ms`,
);
console.log(`failures                      ${failures.length}`);
for (const failure of failures.slice(0, 20)) console.log(`  ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;
