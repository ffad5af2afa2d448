/** E2: how far a neighbourhood's batteries lower its peak, and what a time-of-use price does to it unguarded. */

import type { Dataset } from "../data/dataset.ts";
import { mean7 } from "../forecast/naive.ts";
import { chargeBattery, dischargeBattery } from "../models/battery.ts";
import type { Battery } from "../models/battery.ts";
import { planBattery } from "../models/plan-battery.ts";
import { leastImportLimit } from "../models/plan-peak.ts";
import { planHour } from "../models/surplus.ts";
import { experimentHomes, guideCommunity, pooledBattery, total } from "./community.ts";
import type { ExperimentHome } from "./community.ts";

const HOUR_MS = 3_600_000;
const HOURS_PER_DAY = 24;
const HOURS_PER_WEEK = 168;

export interface PeakRow {
  readonly strategy: string;
  /** Mean over days of the day's highest import, mW. */
  readonly meanDailyPeakMilliW: number;
  readonly annualPeakMilliW: number;
}

export interface PeakTable {
  /** The Guide's ten homes; `no agent` is what the others are measured against. */
  readonly rows: readonly PeakRow[];
  /** No strategy can have a lower annual peak: with each week known (half full at both ends), with the year known. */
  readonly boundByWeekMilliW: number;
  readonly boundByYearMilliW: number;
}

/** Hourly data; days are counted from the first step. The year's bound looks at every hour at once. */
export function peakExperiment(dataset: Dataset): PeakTable {
  const homes = experimentHomes(dataset, guideCommunity);
  const load = total(homes, (home) => home.loadMilliWh);
  const pv = total(homes, (home) => home.pvMilliWh);
  const net = load.map((value, step) => value - (pv[step] ?? 0));
  const battery = pooledBattery(homes);
  const series = { loadMilliWh: load, pvMilliWh: pv };
  return {
    rows: [
      peaksOf("no agent", net),
      peaksOf("greedy, each home its own battery", greedy(homes)),
      peaksOf("forecast and battery", shaved(net, battery)),
    ],
    boundByWeekMilliW: Math.max(...weeklyBounds(series, battery)),
    boundByYearMilliW:
      leastImportLimit({ ...series, battery, storedMilliWh: 0, endMinMilliWh: 0 }) ?? Number.NaN,
  };
}

function peaksOf(strategy: string, importMilliWh: Float64Array): PeakRow {
  const peaks: number[] = [];
  for (let from = 0; from + HOURS_PER_DAY <= importMilliWh.length; from += HOURS_PER_DAY) {
    peaks.push(Math.max(0, ...importMilliWh.subarray(from, from + HOURS_PER_DAY)));
  }
  return {
    strategy,
    meanDailyPeakMilliW: Math.round(peaks.reduce((sum, peak) => sum + peak, 0) / peaks.length),
    annualPeakMilliW: Math.max(...peaks),
  };
}

function greedy(homes: readonly ExperimentHome[]): Float64Array {
  const stored = new Float64Array(homes.length);
  return new Float64Array(homes[0]?.loadMilliWh.length ?? 0).map((_, step) =>
    homes.reduce((sum, { battery, loadMilliWh, pvMilliWh }, index) => {
      const plan = planHour({
        battery,
        storedMilliWh: stored[index] ?? 0,
        loadMilliWh: loadMilliWh[step] ?? 0,
        pvMilliWh: pvMilliWh[step] ?? 0,
      });
      stored[index] = plan.storedEndMilliWh;
      return sum + plan.needMilliWh - plan.surplusMilliWh;
    }, 0),
  );
}

/** So much of the battery a day's forecast may ask for; the rest is for what it misses. */
const USED_SHARE = 0.95;
/** The level that is held lies so far above the one the forecast would allow. */
const CAUTION = 1.1;

/** Each midnight a level from the week's mean day, then hour by hour: above it discharge, below it charge up to it. */
function shaved(net: Float64Array, battery: Battery): Float64Array {
  const forecaster = mean7();
  const result = Float64Array.from(net);
  let stored = 0;
  for (let from = 0; from + HOURS_PER_DAY <= net.length; from += HOURS_PER_DAY) {
    const day = net.subarray(from, from + HOURS_PER_DAY);
    const expected = forecaster.next(0);
    forecaster.learn(day, 0);
    if (expected === null) continue;
    const level = CAUTION * peakLevel(expected, USED_SHARE * battery.capacityMilliWh);
    day.forEach((value, hour) => {
      const above = Math.round(value - level);
      const flow =
        above > 0
          ? dischargeBattery(battery, stored, { wantedMilliWh: above, durationMs: HOUR_MS })
          : chargeBattery(battery, stored, { offeredMilliWh: -above, durationMs: HOUR_MS });
      stored = flow.storedMilliWh;
      result[from + hour] = value + (above > 0 ? -flow.movedMilliWh : flow.movedMilliWh);
    });
  }
  return result;
}

/** The least level whose excess over the day fits into `energyMilliWh`: exact, from the highest hour down. */
export function peakLevel(day: ArrayLike<number>, energyMilliWh: number): number {
  const falling = Array.from(day).sort((a, b) => b - a);
  let sum = 0;
  for (let count = 1; count <= falling.length; count += 1) {
    sum += falling[count - 1] ?? 0;
    const level = (sum - energyMilliWh) / count;
    if (level >= (falling[count] ?? Number.NEGATIVE_INFINITY)) return level;
  }
  return 0;
}

interface Series {
  readonly loadMilliWh: Float64Array;
  readonly pvMilliWh: Float64Array;
}

function weekOf(series: Series, from: number): Series {
  return {
    loadMilliWh: series.loadMilliWh.subarray(from, from + HOURS_PER_WEEK),
    pvMilliWh: series.pvMilliWh.subarray(from, from + HOURS_PER_WEEK),
  };
}

function weeklyBounds(series: Series, battery: Battery): number[] {
  const half = battery.capacityMilliWh / 2;
  const bounds: number[] = [];
  for (let from = 0; from < series.loadMilliWh.length; from += HOURS_PER_WEEK) {
    const bound = leastImportLimit({
      ...weekOf(series, from),
      battery,
      storedMilliWh: half,
      endMinMilliWh: half,
    });
    bounds.push(bound ?? Number.NaN);
  }
  return bounds;
}

export interface ReboundTable {
  readonly weeks: number;
  readonly noBatteryPeakMilliW: number;
  /** All batteries follow the price alone. */
  readonly priceAlone: { readonly peakMilliW: number; readonly costMicro: number };
  /** The same under the least import limit that every week allows. */
  readonly gridAgent: {
    readonly limitMilliW: number;
    readonly peakMilliW: number;
    readonly costMicro: number;
    readonly dearerPercent: number;
  };
}

/**
 * Homes with their measured PV and a battery each, pooled, planned week by week with perfect foresight under hourly
 * prices and no feed-in. `weeks` from the first on; default all.
 */
export function reboundExperiment(
  dataset: Dataset,
  priceMicroPerKWh: ArrayLike<number>,
  options: { readonly homes?: number; readonly weeks?: number } = {},
): ReboundTable {
  const homes = experimentHomes(dataset, {
    homes: options.homes ?? 17,
    pvW: () => null,
    hasBattery: () => true,
  });
  const hours = Math.min(dataset.steps, (options.weeks ?? Number.POSITIVE_INFINITY) * HOURS_PER_WEEK);
  const series = {
    loadMilliWh: total(homes, (home) => home.loadMilliWh).subarray(0, hours),
    pvMilliWh: total(homes, (home) => home.pvMilliWh).subarray(0, hours),
  };
  const battery = pooledBattery(homes);
  const prices = Array.from(priceMicroPerKWh).slice(0, hours);
  const limitMilliW = Math.max(...weeklyBounds(series, battery));
  const priceAlone = planned(series, { battery, prices });
  const guarded = planned(series, { battery, prices, limitMilliW });
  const net = series.loadMilliWh.map((value, step) => value - (series.pvMilliWh[step] ?? 0));
  return {
    weeks: Math.ceil(hours / HOURS_PER_WEEK),
    noBatteryPeakMilliW: peaksOf("no battery", net).annualPeakMilliW,
    priceAlone,
    gridAgent: {
      limitMilliW,
      ...guarded,
      dearerPercent: 100 * (guarded.costMicro / priceAlone.costMicro - 1),
    },
  };
}

function planned(
  series: Series,
  how: { readonly battery: Battery; readonly prices: readonly number[]; readonly limitMilliW?: number },
): { peakMilliW: number; costMicro: number } {
  const { battery, prices, limitMilliW } = how;
  const half = battery.capacityMilliWh / 2;
  let peakMilliW = 0;
  let costMicro = 0;
  for (let from = 0; from < series.loadMilliWh.length; from += HOURS_PER_WEEK) {
    const week = weekOf(series, from);
    const plan = planBattery({
      ...week,
      battery,
      storedMilliWh: half,
      endMinMilliWh: half,
      importMicroPerKWh: prices.slice(from, from + HOURS_PER_WEEK),
      exportMicroPerKWh: new Float64Array(week.loadMilliWh.length),
      ...(limitMilliW === undefined ? {} : { importLimitMilliWh: limitMilliW }),
    });
    // The limit is one that every week can keep, so a week without a plan has a hole in its data.
    if (plan === null) return { peakMilliW: Number.NaN, costMicro: Number.NaN };
    costMicro += plan.optimumMicro;
    for (const slot of plan.slots) peakMilliW = Math.max(peakMilliW, slot.importMilliWh);
  }
  return { peakMilliW, costMicro };
}
