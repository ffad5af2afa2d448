/** Figures of a report that compare two runs, or a part with its whole; null where there is nothing to compare with. */

import { percent } from "./kpi.ts";

const MILLI_WH_PER_KWH = 1_000_000;

export interface PeakRatio {
  /** Highest import of all, over the same without the measure. */
  readonly annual: number | null;
  /** Mean over whole days of the day's highest import, over the same without. */
  readonly meanDaily: number | null;
}

/** Both, always: a year's one worst hour says little, and the mean of days says nothing about it. */
export function peakRatio(
  withMilliWh: ArrayLike<number>,
  withoutMilliWh: ArrayLike<number>,
  stepsPerDay: number,
): PeakRatio {
  const after = peaks(withMilliWh, stepsPerDay);
  const before = peaks(withoutMilliWh, stepsPerDay);
  return {
    annual: before.annual === 0 ? null : after.annual / before.annual,
    meanDaily: before.meanDaily === 0 ? null : after.meanDaily / before.meanDaily,
  };
}

function peaks(values: ArrayLike<number>, stepsPerDay: number): { annual: number; meanDaily: number } {
  const days: number[] = [];
  for (let from = 0; from + stepsPerDay <= values.length; from += stepsPerDay) {
    let peak = 0;
    for (let step = from; step < from + stepsPerDay; step += 1) peak = Math.max(peak, values[step] ?? 0);
    days.push(peak);
  }
  const sum = days.reduce((total, peak) => total + peak, 0);
  return { annual: Math.max(0, ...days), meanDaily: days.length === 0 ? 0 : sum / days.length };
}

/** Grams per kWh of load: what was imported at the grid's intensity then, all else counted as free of carbon. */
export function carbonGPerKWh(
  importMilliWh: ArrayLike<number>,
  intensityGPerKWh: ArrayLike<number>,
  loadMilliWh: number,
): number | null {
  if (loadMilliWh <= 0) return null;
  let grams = 0;
  for (let step = 0; step < importMilliWh.length; step += 1) {
    grams += ((importMilliWh[step] ?? 0) / MILLI_WH_PER_KWH) * (intensityGPerKWh[step] ?? 0);
  }
  return grams / (loadMilliWh / MILLI_WH_PER_KWH);
}

/** A part and its whole, in the same unit. */
export interface Share {
  readonly part: number;
  readonly whole: number;
}

export interface MarketShares {
  /** Welfare reached of the optimum's. */
  readonly welfare?: Share;
  /** Fees of all that was paid. */
  readonly fees?: Share;
  /** Energy accepted of what was offered, mWh. */
  readonly accepted?: Share;
  /** Demand response delivered of what was asked, mWh. */
  readonly response?: Share;
  /** Samples in band of all. */
  readonly inBand?: Share;
  /** Agents that answered of those known. */
  readonly answered?: Share;
  /** A forecast's mean absolute error over that of last week's values. */
  readonly forecastError?: Share;
}

/** Each share in percent with one decimal, under its own name; what was not measured is not there. */
export function marketShares(shares: MarketShares): Partial<Record<keyof MarketShares, number | null>> {
  return Object.fromEntries(
    Object.entries(shares).map(([name, { part, whole }]: [string, Share]) => [name, percent(part, whole)]),
  );
}
