/** The least peak that a battery allows: bisection over the import limit of a plan. */

import { canPlan } from "./plan-battery.ts";
import type { BatteryTask } from "./plan-battery.ts";

/**
 * The least whole import limit, mWh per slot, that some plan keeps: what no strategy can go below.
 * Null when not even an unlimited import reaches `endMinMilliWh`.
 * @throws INVALID_PARAMS for lists of different length.
 */
export function leastImportLimit(task: Omit<BatteryTask, "importLimitMilliWh">): number | null {
  if (!canPlan(task)) return null;
  const most = Math.ceil((task.battery.maxMilliW * (task.durationMs ?? 3_600_000)) / 3_600_000);
  let high = 0;
  for (let slot = 0; slot < task.loadMilliWh.length; slot += 1) {
    high = Math.max(high, (task.loadMilliWh[slot] ?? 0) - (task.pvMilliWh[slot] ?? 0) + most);
  }
  let low = -1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (canPlan({ ...task, importLimitMilliWh: middle })) high = middle;
    else low = middle;
  }
  return high;
}
