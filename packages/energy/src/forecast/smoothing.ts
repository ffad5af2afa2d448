/** Forecasts that forget exponentially. */

import type { DayForecaster } from "./method.ts";

const ALPHA = 0.3;
const WEEK = 7;

/** Half the smoothed hour, half the smoothed hour of this weekday. */
export function smoothing(): DayForecaster {
  const byWeekday: (Float64Array | undefined)[] = Array.from({ length: WEEK });
  let byHour: Float64Array | undefined;
  const smoothed = (known: Float64Array | undefined, day: ArrayLike<number>): Float64Array =>
    known === undefined
      ? Float64Array.from(day)
      : known.map((value, step) => value + ALPHA * ((day[step] ?? 0) - value));
  return {
    method: "smoothing",
    learn(day, weekday) {
      byHour = smoothed(byHour, day);
      byWeekday[weekday] = smoothed(byWeekday[weekday], day);
    },
    next(weekday) {
      const week = byWeekday[weekday];
      if (byHour === undefined || week === undefined) return null;
      return byHour.map((value, step) => (value + (week[step] ?? 0)) / 2);
    },
  };
}

const LEVEL_RATES = [0.02, 0.05, 0.1, 0.2] as const;
const SEASON_RATES = [0.05, 0.1, 0.2, 0.3] as const;
/** Days that decide which rates are used from then on. */
const TUNING_DAYS = 56;
/** Before this the season is its own first guess. */
const WARM_UP_DAYS = 7;

interface HoltWinters {
  readonly levelRate: number;
  readonly seasonRate: number;
  level: number;
  readonly season: Float64Array;
  error: number;
}

/**
 * Additive Holt-Winters over the day: a level and a value per hour. With the trend's rate 0 it never leaves 0, so
 * its damping has nothing to damp. The two rates are those with the least error over the first 56 days.
 */
export function holtWinters(): DayForecaster {
  let candidates: HoltWinters[] = [];
  let days = 0;
  const best = (): HoltWinters | undefined =>
    candidates.reduce<HoltWinters | undefined>(
      (least, next) => (least === undefined || next.error < least.error ? next : least),
      undefined,
    );
  return {
    method: "holtWinters",
    learn(day) {
      if (days === 0) candidates = startingFrom(day);
      for (const candidate of candidates) {
        if (days >= WARM_UP_DAYS && days < TUNING_DAYS) candidate.error += errorOf(candidate, day);
        update(candidate, day);
      }
      days += 1;
      const chosen = best();
      if (days === TUNING_DAYS && chosen !== undefined) candidates = [chosen];
    },
    next() {
      const chosen = best();
      return chosen === undefined ? null : chosen.season.map((value) => chosen.level + value);
    },
  };
}

function startingFrom(day: ArrayLike<number>): HoltWinters[] {
  let level = 0;
  for (let step = 0; step < day.length; step += 1) level += (day[step] ?? 0) / day.length;
  return LEVEL_RATES.flatMap((levelRate) =>
    SEASON_RATES.map((seasonRate) => ({
      levelRate,
      seasonRate,
      level,
      season: Float64Array.from(day, (value) => value - level),
      error: 0,
    })),
  );
}

function errorOf(model: HoltWinters, day: ArrayLike<number>): number {
  let error = 0;
  model.season.forEach((value, step) => {
    error += Math.abs(model.level + value - (day[step] ?? 0));
  });
  return error;
}

function update(model: HoltWinters, day: ArrayLike<number>): void {
  model.season.forEach((value, step) => {
    const seen = day[step] ?? 0;
    const before = model.level;
    model.level = before + model.levelRate * (seen - value - before);
    model.season[step] = value + model.seasonRate * (seen - before - value);
  });
}
