/** A year of homes, whatever it came from: a file of measurements or the generator. */

import { mulDiv, ProtocolError } from "@gridmesh/protocol";

const DAY_S = 86_400;
const HOUR_S = 3_600;
const HOURS_PER_DAY = 24;

/** Load and PV of one home, one value per step, mWh. */
export interface HomeYear {
  readonly home: number;
  /** Nameplate of the PV that `pvMilliWh` comes from, W; null when the source does not say. */
  readonly ratedPvW: number | null;
  readonly loadMilliWh: Float64Array;
  readonly pvMilliWh: Float64Array;
}

export interface Dataset {
  /** `citylearn2022`, `homes.csv` or `generator`: what a report names as its source. */
  readonly name: string;
  /** Unix seconds of the first step, market time. */
  readonly startS: number;
  /** Divides 3,600. */
  readonly stepS: number;
  readonly steps: number;
  /** Homes there are; null: as many as are asked for. */
  readonly homes: readonly number[] | null;
  /** Steps filled in from their neighbours. */
  readonly interpolated: number;
  /** @throws INVALID_PARAMS when there is no such home. */
  home(home: number): HomeYear;
}

/** A day of a home, hour by hour: 24 integers each, mWh. */
export interface DaySeries {
  readonly loadMilliWh: readonly number[];
  readonly pvMilliWh: readonly number[];
}

/** Unix seconds of midnight of `YYYY-MM-DD`. @throws INVALID_PARAMS when it is no such date. */
export function dayStartS(day: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(ms) || dayOf(ms / 1000) !== day) {
    throw new ProtocolError("INVALID_PARAMS", `no day: "${day.slice(0, 40)}", expected YYYY-MM-DD`);
  }
  return ms / 1000;
}

/** `YYYY-MM-DD` of a market time in Unix seconds. */
export function dayOf(atS: number): string {
  return new Date(atS * 1000).toISOString().slice(0, 10);
}

/** First and last day that a dataset covers from 00:00 to 24:00. */
export function daysOf(dataset: Dataset): {
  readonly first: string;
  readonly last: string;
  readonly count: number;
} {
  const first = Math.ceil(dataset.startS / DAY_S);
  const end = Math.floor((dataset.startS + dataset.steps * dataset.stepS) / DAY_S);
  if (end <= first) throw new ProtocolError("INVALID_PARAMS", `${dataset.name} holds no whole day`);
  return { first: dayOf(first * DAY_S), last: dayOf((end - 1) * DAY_S), count: end - first };
}

/** The day after; after the last one the first again. @throws INVALID_PARAMS. */
export function nextDay(dataset: Dataset, day: string): string {
  const { first, last } = daysOf(dataset);
  return day === last ? first : dayOf(dayStartS(day) + DAY_S);
}

/**
 * The 24 hours of a home on a day; `pvW` scales the PV to another nameplate (0: none).
 * @throws INVALID_PARAMS for a day or home the dataset lacks, or a scale without a known nameplate.
 */
export function homeSeries(
  dataset: Dataset,
  wanted: { readonly home: number; readonly day: string; readonly pvW?: number },
): DaySeries {
  const { first, last } = daysOf(dataset);
  if (wanted.day < first || wanted.day > last || dayStartS(wanted.day) < dataset.startS) {
    throw new ProtocolError("INVALID_PARAMS", `${dataset.name} holds ${first} … ${last}, not ${wanted.day}`);
  }
  const year = dataset.home(wanted.home);
  const firstStep = (dayStartS(wanted.day) - dataset.startS) / dataset.stepS;
  const stepsPerHour = HOUR_S / dataset.stepS;
  const hours = (values: Float64Array): number[] =>
    Array.from({ length: HOURS_PER_DAY }, (_, hour) => {
      const from = firstStep + hour * stepsPerHour;
      return values.subarray(from, from + stepsPerHour).reduce((sum, value) => sum + value, 0);
    });
  return {
    loadMilliWh: hours(year.loadMilliWh),
    pvMilliWh: hours(year.pvMilliWh).map((milliWh) => scalePv(milliWh, year, wanted.pvW)),
  };
}

function scalePv(milliWh: number, year: HomeYear, pvW: number | undefined): number {
  if (pvW === undefined || pvW === year.ratedPvW) return milliWh;
  if (pvW === 0) return 0;
  if (year.ratedPvW === null || year.ratedPvW === 0) {
    throw new ProtocolError(
      "INVALID_PARAMS",
      `home ${year.home}: PV of unknown size cannot be scaled to ${pvW} W`,
    );
  }
  return mulDiv(milliWh, pvW, year.ratedPvW);
}
