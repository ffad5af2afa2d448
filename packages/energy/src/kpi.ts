/** Figures of a report, each with its baseline's name; a ratio without a denominator is null, never 0 or 100. */

import { amountMicro } from "@gridmesh/protocol";

/** What the utility takes and gives, micro-currency per kWh. */
export interface Tariff {
  readonly retailMicroPerKWh: number;
  readonly feedInMicroPerKWh: number;
}

/** A: the same homes, PV and batteries, all else with the utility. B: no assets either, all load bought. */
export type Baseline = "same-assets-utility-only" | "all-from-utility";

/** What a home lacked and had to spare in one slot after its own PV and battery, mWh. */
export interface SlotBalance {
  readonly needMilliWh: number;
  readonly surplusMilliWh: number;
}

/** Baseline A: every need at retail, every surplus at feed-in; rounded per slot, as a meter bills. */
export function sameAssetsBillMicro(slots: Iterable<SlotBalance>, tariff: Tariff): number {
  let bill = 0;
  for (const { needMilliWh, surplusMilliWh } of slots) {
    bill +=
      amountMicro(needMilliWh, tariff.retailMicroPerKWh) -
      amountMicro(surplusMilliWh, tariff.feedInMicroPerKWh);
  }
  return bill;
}

/** Baseline B: all load at retail. */
export function allFromUtilityBillMicro(loadMilliWh: Iterable<number>, tariff: Tariff): number {
  let bill = 0;
  for (const load of loadMilliWh) bill += amountMicro(load, tariff.retailMicroPerKWh);
  return bill;
}

export interface Saving {
  readonly baseline: Baseline;
  readonly baselineMicro: number;
  readonly actualMicro: number;
  readonly savedMicro: number;
  /** One decimal; null when the baseline costs nothing. */
  readonly savedPercent: number | null;
}

/** saving = 1 − bill/baseline. */
export function savingOf(baseline: Baseline, baselineMicro: number, actualMicro: number): Saving {
  const savedMicro = baselineMicro - actualMicro;
  const savedPercent = baselineMicro > 0 ? percent(savedMicro, baselineMicro) : null;
  return { baseline, baselineMicro, actualMicro, savedMicro, savedPercent };
}

export interface OwnUse {
  /** PV → load and storage → load inside the boundary, mWh. */
  readonly ownUseMilliWh: number;
  readonly selfSufficiencyPercent: number | null;
  readonly selfConsumptionPercent: number | null;
}

/** Own use is the load that no import served; what charged storage counts when it serves load. */
export function ownUse(total: {
  readonly loadMilliWh: number;
  readonly productionMilliWh: number;
  readonly importMilliWh: number;
}): OwnUse {
  const ownUseMilliWh = Math.max(0, total.loadMilliWh - total.importMilliWh);
  return {
    ownUseMilliWh,
    selfSufficiencyPercent: percent(ownUseMilliWh, total.loadMilliWh),
    selfConsumptionPercent: percent(ownUseMilliWh, total.productionMilliWh),
  };
}

/** part/whole in percent with one decimal; null when there is no whole. */
export function percent(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 1000) / 10;
}

/** Least and median; null of nothing. */
export function spreadOf(
  values: readonly number[],
): { readonly least: number; readonly median: number } | null {
  const sorted = [...values].sort((a, b) => a - b);
  const least = sorted[0];
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (least === undefined || upper === undefined || lower === undefined) return null;
  return { least, median: (lower + upper) / 2 };
}

/** Jain's index (Σx)²/(nΣx²): 1 when all get the same; null when nobody gets anything. */
export function fairness(values: readonly number[]): number | null {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? null : (sum * sum) / (values.length * squares);
}
