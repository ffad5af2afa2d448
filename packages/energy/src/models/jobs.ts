/** When to run what must run: jobs of a factory and cars to be charged, exact for prices that are known. */

import { floorMulDiv, HOUR_MS } from "../units.ts";

/** Prices of slots one after another. */
export interface PriceSlots {
  /** Beginning of the first slot, Unix seconds. */
  readonly startS: number;
  readonly slotS: number;
  readonly priceMicroPerKWh: ArrayLike<number>;
}

export interface Job {
  readonly energyMilliWh: number;
  readonly durationS: number;
  readonly earliestS: number;
  /** It must be done by then. */
  readonly deadlineS: number;
  /** It may rest between slots. */
  readonly interruptible: boolean;
}

/** Energy by slot, mWh; what a plan leaves undone is said, not hidden. */
export interface LoadPlan {
  readonly energyMilliWh: Float64Array;
  /** Float: Σ energy × price. */
  readonly costMicro: number;
  /** Not to be had between the two times, mWh. */
  readonly shortfallMilliWh: number;
}

const MICRO_PER_MILLI_WH = 1e-6;

/**
 * The cheapest start of a job, or its cheapest slots when it may be interrupted; equal prices: the earliest. It runs
 * in whole slots, an equal share of its energy in each. Null: no slots are left before the deadline.
 */
export function planJob(job: Job, prices: PriceSlots): LoadPlan | null {
  const open = openSlots(prices, job.earliestS, job.deadlineS);
  const needed = Math.max(1, Math.ceil(job.durationS / prices.slotS));
  if (open.length < needed) return null;
  const price = (slot: number): number => prices.priceMicroPerKWh[slot] ?? 0;
  const chosen = job.interruptible
    ? cheapest(open, price).slice(0, needed)
    : cheapestRun(open, needed, price);
  const energyMilliWh = new Float64Array(prices.priceMicroPerKWh.length);
  [...chosen]
    .sort((a, b) => a - b)
    .forEach((slot, index) => {
      const before = floorMulDiv(job.energyMilliWh, index, needed);
      energyMilliWh[slot] = floorMulDiv(job.energyMilliWh, index + 1, needed) - before;
    });
  return { energyMilliWh, costMicro: costOf(energyMilliWh, prices), shortfallMilliWh: 0 };
}

/** A car at a charger; it gives nothing back. */
export interface Vehicle {
  readonly arriveS: number;
  readonly departS: number;
  readonly needMilliWh: number;
  readonly maxMilliW: number;
}

/** The cheapest slots between arrival and departure, the last one in part; a slot counts for the time it is there. */
export function planVehicle(vehicle: Vehicle, prices: PriceSlots): LoadPlan {
  const energyMilliWh = new Float64Array(prices.priceMicroPerKWh.length);
  const present = Array.from(prices.priceMicroPerKWh, (_, slot) => {
    const from = Math.max(vehicle.arriveS, prices.startS + slot * prices.slotS);
    const to = Math.min(vehicle.departS, prices.startS + (slot + 1) * prices.slotS);
    return Math.max(0, to - from);
  });
  const slots = [...present.keys()].filter((slot) => (present[slot] ?? 0) > 0);
  let left = vehicle.needMilliWh;
  for (const slot of cheapest(slots, (at) => prices.priceMicroPerKWh[at] ?? 0)) {
    const most = floorMulDiv(vehicle.maxMilliW, (present[slot] ?? 0) * 1_000, HOUR_MS);
    energyMilliWh[slot] = Math.min(left, most);
    left -= energyMilliWh[slot] ?? 0;
    if (left <= 0) break;
  }
  return { energyMilliWh, costMicro: costOf(energyMilliWh, prices), shortfallMilliWh: left };
}

/** Slots that lie whole between two times. */
function openSlots(prices: PriceSlots, fromS: number, toS: number): number[] {
  return Array.from(prices.priceMicroPerKWh, (_, slot) => slot).filter((slot) => {
    const startS = prices.startS + slot * prices.slotS;
    return startS >= fromS && startS + prices.slotS <= toS;
  });
}

function cheapest(slots: readonly number[], price: (slot: number) => number): number[] {
  return [...slots].sort((a, b) => price(a) - price(b) || a - b);
}

/** Slots are consecutive, so a window over them is. */
function cheapestRun(slots: readonly number[], needed: number, price: (slot: number) => number): number[] {
  let best: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at + needed <= slots.length; at += 1) {
    const run = slots.slice(at, at + needed);
    const sum = run.reduce((total, slot) => total + price(slot), 0);
    if (sum < least) {
      least = sum;
      best = run;
    }
  }
  return best;
}

function costOf(energyMilliWh: Float64Array, prices: PriceSlots): number {
  return energyMilliWh.reduce(
    (sum, energy, slot) => sum + energy * (prices.priceMicroPerKWh[slot] ?? 0) * MICRO_PER_MILLI_WH,
    0,
  );
}
