/** Whether equipment does what it should: solar output against its model, a battery's output against its input. */

import { PPM } from "../units.ts";
import type { Battery } from "./battery.ts";

/** Days whose median is what the panel usually does. */
const REFERENCE_DAYS = 30;
/** A day may fall short of it by so much. */
const SLACK = 0.05;
const ALARM = 0.3;
const BROKEN_RATIO = 0.6;
const BROKEN_DAYS = 14;

export interface PvHealth {
  /** Output over model, the last days, oldest first. */
  readonly ratios: readonly number[];
  /** What the days fell short of their reference beyond the slack, added up; never below 0. */
  readonly shortfall: number;
  /** Days in a row below 0.6. */
  readonly poorDays: number;
  readonly fault: boolean;
}

export const healthyPv: PvHealth = { ratios: [], shortfall: 0, poorDays: 0, fault: false };

/** A day's AC energy beside the model's, mWh. A day on which the model expects nothing says nothing. */
export function pvHealthStep(
  state: PvHealth,
  day: { readonly madeMilliWh: number; readonly modelMilliWh: number },
): PvHealth {
  if (day.modelMilliWh <= 0) return state;
  const ratio = day.madeMilliWh / day.modelMilliWh;
  const reference = median(state.ratios);
  const shortfall =
    reference === null || reference <= 0 ? 0 : Math.max(0, state.shortfall + 1 - ratio / reference - SLACK);
  const poorDays = ratio < BROKEN_RATIO ? state.poorDays + 1 : 0;
  return {
    ratios: [...state.ratios, ratio].slice(-REFERENCE_DAYS),
    shortfall,
    poorDays,
    fault: shortfall > ALARM || poorDays >= BROKEN_DAYS,
  };
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[(sorted.length - 1) >> 1];
  const high = sorted[sorted.length >> 1];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

/** A battery below this share of its rated efficiency has faded. */
const FADED = 0.92;

/**
 * Whether a battery returned too little over a time, usually 30 days: what came out and what is stored more than at
 * the beginning (as it would come out), over what went in.
 */
export function batteryFaded(
  battery: Battery,
  moved: {
    readonly chargedMilliWh: number;
    readonly dischargedMilliWh: number;
    readonly storedChangeMilliWh: number;
  },
): boolean {
  if (moved.chargedMilliWh <= 0) return false;
  const out = battery.etaDischargePpm / PPM;
  const returned = moved.dischargedMilliWh + moved.storedChangeMilliWh * out;
  return returned / moved.chargedMilliWh < (FADED * battery.etaChargePpm * out) / PPM;
}
