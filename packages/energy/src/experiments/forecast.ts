/** E12: how far each method misses the next day, and whether its spread and its alerts can be trusted. */

import { randomStream } from "../data/random-stream.ts";
import { forecastAlerts, reviseForecast, selectForecaster } from "../forecast/forecast.ts";
import type { DayForecaster, ForecastMethod } from "../forecast/method.ts";
import { mean7, naive168, naive24 } from "../forecast/naive.ts";
import { ridge } from "../forecast/ridge.ts";
import { holtWinters, smoothing } from "../forecast/smoothing.ts";

const WEEK = 7;
const HOURS_PER_DAY = 24;
const HOUR_S = 3_600;
const HOUR_MS = 3_600_000;
/** Nothing is counted before every method could learn for so long. */
const LEARNING_DAYS = 56;

/** A series of whole days, one value an hour. */
export interface ForecastSeries {
  readonly name: string;
  readonly unit: string;
  readonly values: Float64Array;
  /** Whether it can be negative, as a price can. */
  readonly signed?: boolean;
}

export interface ForecastRow {
  readonly name: string;
  readonly unit: string;
  readonly days: number;
  /** Mean absolute error of the day ahead by method, in the series' unit. */
  readonly mae: Readonly<Record<TableMethod | "select", number>>;
  /** MAE of the selection by MAE of naive168: below 1 it knows more than last week. */
  readonly ratioToNaive168: number;
  /** Share of the hours with p10 < p90 that fell between them, %. */
  readonly coveragePercent: number;
}

export type TableMethod = Exclude<ForecastMethod, "clearSky">;

const METHODS: readonly (() => DayForecaster)[] = [naive24, naive168, mean7, smoothing, holtWinters, ridge];

/** Every method over every day after the first 56, each forecast issued at midnight with the past alone. */
export function forecastExperiment(series: readonly ForecastSeries[]): readonly ForecastRow[] {
  return series.map((one) => row(one));
}

function row(series: ForecastSeries): ForecastRow {
  const contestants = METHODS.map((make) => ({ forecaster: make(), error: 0 }));
  const selector = newSelector(series);
  let selected = 0;
  let inside = 0;
  let uncertain = 0;
  let hours = 0;
  eachDay(series.values, (day, index) => {
    const weekday = index % WEEK;
    const counts = index >= LEARNING_DAYS;
    if (counts) hours += day.length;
    for (const contestant of contestants) {
      const expected = contestant.forecaster.next(weekday);
      if (counts && expected !== null) contestant.error += absoluteError(expected, day);
      contestant.forecaster.learn(day, weekday);
    }
    const forecast = counts
      ? selector.next({ weekday, issuedAtMs: index * HOURS_PER_DAY * HOUR_MS, stepS: HOUR_S })
      : null;
    forecast?.points.forEach(({ value, p10, p90 }, step) => {
      const seen = day[step] ?? 0;
      selected += Math.abs(value - seen);
      // At night nothing is uncertain about the sun, and nothing is proved by being right.
      if (p90 === p10) return;
      uncertain += 1;
      if (seen >= p10 && seen <= p90) inside += 1;
    });
    selector.learn(day, weekday);
  });
  const maeOf = (method: TableMethod): number =>
    (contestants.find(({ forecaster }) => forecaster.method === method)?.error ?? Number.NaN) / hours;
  return {
    name: series.name,
    unit: series.unit,
    days: hours / HOURS_PER_DAY,
    mae: {
      naive24: maeOf("naive24"),
      naive168: maeOf("naive168"),
      mean7: maeOf("mean7"),
      smoothing: maeOf("smoothing"),
      holtWinters: maeOf("holtWinters"),
      ridge: maeOf("ridge"),
      select: selected / hours,
    },
    ratioToNaive168: selected / hours / maeOf("naive168"),
    coveragePercent: (100 * inside) / uncertain,
  };
}

function newSelector(series: ForecastSeries): ReturnType<typeof selectForecaster> {
  return selectForecaster(
    METHODS.map((make) => make()),
    series.signed === true ? {} : { least: 0 },
  );
}

function eachDay(values: Float64Array, visit: (day: Float64Array, index: number) => void): void {
  for (let index = 0; (index + 1) * HOURS_PER_DAY <= values.length; index += 1) {
    visit(values.subarray(index * HOURS_PER_DAY, (index + 1) * HOURS_PER_DAY), index);
  }
}

function absoluteError(expected: Float64Array, seen: Float64Array): number {
  return expected.reduce((sum, value, step) => sum + Math.abs(value - (seen[step] ?? 0)), 0);
}

export interface AlertFigures {
  readonly ramps: number;
  /** Ramps on whose day an alert was raised after they began. */
  readonly found: number;
  readonly alertDays: number;
  /** Days with an alert on which there was a ramp, of all days with one, %; null when there was no alert. */
  readonly precisionPercent: number | null;
}

/** How an injected ramp is drawn: six deviations on top of what was, from some hour of the day to its end. */
const RAMP_SIGMAS = 6;
const RAMP_HOURS = [8, 16] as const;
/** The forecast is issued anew when the ramp has shown itself for so long, and at that hour on other days. */
const SEEN_HOURS = 2;
const RAMP_EVERY_DAYS = 7;

/** Ramps are put into one day of each week; each day's forecast is revised once and compared with itself. */
export function alertExperiment(series: ForecastSeries, seed: number): AlertFigures {
  const draws = randomStream(seed, `ramps/${series.name}`);
  const selector = newSelector(series);
  const counts = { ramps: 0, found: 0, alertDays: 0 };
  eachDay(series.values, (day, index) => {
    const weekday = index % WEEK;
    const start = draws.integer(...RAMP_HOURS);
    const forecast = selector.next({ weekday, issuedAtMs: index * HOURS_PER_DAY * HOUR_MS, stepS: HOUR_S });
    if (index >= LEARNING_DAYS && forecast !== null) {
      const sigma = selector.sigma();
      const ramp = index % RAMP_EVERY_DAYS === 0;
      const seen = Float64Array.from(
        day.subarray(0, start + SEEN_HOURS),
        (value, hour) => value + (ramp && hour >= start ? RAMP_SIGMAS * (sigma[hour] ?? 0) : 0),
      );
      const revised = reviseForecast(forecast, seen, sigma);
      const alerts = forecastAlerts(forecast, revised, sigma.subarray(seen.length));
      if (ramp) counts.ramps += 1;
      if (alerts.length > 0) counts.alertDays += 1;
      if (ramp && alerts.length > 0) counts.found += 1;
    }
    selector.learn(day, weekday);
  });
  const precisionPercent = counts.alertDays === 0 ? null : (100 * counts.found) / counts.alertDays;
  return { ...counts, precisionPercent };
}
