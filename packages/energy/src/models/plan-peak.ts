/** The least peak that a battery allows: bisection over the import limit of an exact plan. */

import { canPlan } from "./plan-battery.ts";
import type { BatteryPlanInput } from "./plan-battery.ts";

/**
 * The least whole import limit, mWh per slot, that some plan keeps: what no strategy can go below.
 * Null when not even an unlimited import reaches `endMinMilliWh`.
 */
export function leastImportLimit(
  input: Omit<BatteryPlanInput, "importLimitMilliWh" | "importMicroPerKWh" | "exportMicroPerKWh">,
): number | null {
  const most = Math.ceil((input.battery.maxMilliW * (input.durationMs ?? 3_600_000)) / 3_600_000);
  let high = 0;
  for (let slot = 0; slot < input.loadMilliWh.length; slot += 1) {
    high = Math.max(high, (input.loadMilliWh[slot] ?? 0) - (input.pvMilliWh[slot] ?? 0) + most);
  }
  if (!canPlan({ ...input, importLimitMilliWh: high })) return null;
  let low = -1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (canPlan({ ...input, importLimitMilliWh: middle })) high = middle;
    else low = middle;
  }
  return high;
}
