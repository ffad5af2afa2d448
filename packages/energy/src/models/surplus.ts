/** One slot of a home that uses its own sun and storage first and trades only what is left over or missing. */

import { HOUR_MS } from "../units.ts";
import { chargeBattery, dischargeBattery, keptShare } from "./battery.ts";
import type { Battery } from "./battery.ts";

export interface SlotInput {
  readonly battery: Battery;
  /** In the battery when the slot begins, mWh. */
  readonly storedMilliWh: number;
  readonly loadMilliWh: number;
  readonly pvMilliWh: number;
  /** Default one hour. */
  readonly durationMs?: number;
}

/**
 * pv + discharge + need = load + charge + surplus, and storedEnd = stored + charge − discharge − loss: to the mWh.
 * Of surplus and need at least one is 0.
 */
export interface SlotPlan {
  readonly chargeMilliWh: number;
  readonly dischargeMilliWh: number;
  readonly lossMilliWh: number;
  /** To sell. */
  readonly surplusMilliWh: number;
  /** To buy. */
  readonly needMilliWh: number;
  readonly storedEndMilliWh: number;
}

/** Greedy: own PV serves the load, its excess charges the battery, its lack is discharged; the rest is traded. */
export function planHour(input: SlotInput): SlotPlan {
  const durationMs = input.durationMs ?? HOUR_MS;
  const { battery } = input;
  const storedMilliWh = Math.floor(input.storedMilliWh * keptShare(battery, durationMs));
  const leakedMilliWh = input.storedMilliWh - storedMilliWh;
  const net = input.pvMilliWh - input.loadMilliWh;
  if (net >= 0) {
    const flow = chargeBattery(battery, storedMilliWh, { offeredMilliWh: net, durationMs });
    return {
      chargeMilliWh: flow.movedMilliWh,
      dischargeMilliWh: 0,
      lossMilliWh: leakedMilliWh + flow.lossMilliWh,
      surplusMilliWh: net - flow.movedMilliWh,
      needMilliWh: 0,
      storedEndMilliWh: flow.storedMilliWh,
    };
  }
  const flow = dischargeBattery(battery, storedMilliWh, { wantedMilliWh: -net, durationMs });
  return {
    chargeMilliWh: 0,
    dischargeMilliWh: flow.movedMilliWh,
    lossMilliWh: leakedMilliWh + flow.lossMilliWh,
    surplusMilliWh: 0,
    needMilliWh: -net - flow.movedMilliWh,
    storedEndMilliWh: flow.storedMilliWh,
  };
}
