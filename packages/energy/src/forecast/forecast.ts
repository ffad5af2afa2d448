/** A forecast with its spread, by the method that was best of late. */

import type { DayForecaster, ForecastMethod } from "./method.ts";

const MS_PER_S = 1_000;

export interface ForecastPoint {
  readonly value: number;
  /** One in ten falls below this. */
  readonly p10: number;
  /** One in ten rises above this. */
  readonly p90: number;
}

export interface Forecast {
  /** Beginning of the first step, and when nothing later was known. */
  readonly issuedAtMs: number;
  readonly stepS: number;
  /** In the unit of what was learnt, one per step. */
  readonly points: readonly ForecastPoint[];
  readonly method: ForecastMethod;
}

export interface DaySelector {
  learn(day: ArrayLike<number>, weekday: number): void;
  /** Null until a method has learnt enough. */
  next(day: {
    readonly weekday: number;
    readonly issuedAtMs: number;
    readonly stepS: number;
  }): Forecast | null;
  /** Standard deviation of the chosen method's errors, by step; empty before there are any. */
  sigma(): Float64Array;
}

/** Days whose mean absolute error decides. */
const CONTEST_DAYS = 28;
/** Days whose errors, hour by hour, make p10 and p90. */
const SPREAD_DAYS = 56;
const LOW = 0.1;
const HIGH = 0.9;

interface Contestant {
  readonly forecaster: DayForecaster;
  /** Seen less forecast, the last days, oldest first. */
  readonly residuals: Float64Array[];
}

/** Asks all, learns how each errs, speaks for the best of the last 28 days; `least` bounds all it says from below. */
export function selectForecaster(
  forecasters: readonly DayForecaster[],
  options: { readonly least?: number } = {},
): DaySelector {
  const contestants: readonly Contestant[] = forecasters.map((forecaster) => ({ forecaster, residuals: [] }));
  const least = options.least ?? Number.NEGATIVE_INFINITY;
  return {
    learn(day, weekday) {
      for (const { forecaster, residuals } of contestants) {
        const expected = forecaster.next(weekday);
        if (expected !== null) residuals.push(expected.map((value, step) => (day[step] ?? 0) - value));
        if (residuals.length > SPREAD_DAYS) residuals.shift();
        forecaster.learn(day, weekday);
      }
    },
    next({ weekday, issuedAtMs, stepS }) {
      const chosen = bestOf(contestants, weekday);
      if (chosen === undefined) return null;
      const { values, residuals, method } = chosen;
      const points = Array.from(values, (value, step) => {
        const errors = residuals.map((day) => day[step] ?? 0).sort((a, b) => a - b);
        return {
          value: Math.max(least, value),
          p10: Math.max(least, value + quantile(errors, LOW)),
          p90: Math.max(least, value + quantile(errors, HIGH)),
        };
      });
      return { issuedAtMs, stepS, points, method };
    },
    sigma() {
      const chosen = contestants.filter(({ residuals }) => residuals.length > 0).sort(byError)[0];
      const first = chosen?.residuals[0];
      if (chosen === undefined || first === undefined) return new Float64Array(0);
      return first.map((_, step) => deviation(chosen.residuals.map((day) => day[step] ?? 0)));
    },
  };
}

function bestOf(
  contestants: readonly Contestant[],
  weekday: number,
): { values: Float64Array; residuals: readonly Float64Array[]; method: ForecastMethod } | undefined {
  for (const { forecaster, residuals } of [...contestants].sort(byError)) {
    const values = forecaster.next(weekday);
    if (values !== null) return { values, residuals, method: forecaster.method };
  }
  return undefined;
}

/** Least error first; who has shown nothing yet comes last. */
function byError(a: Contestant, b: Contestant): number {
  const difference = recentError(a) - recentError(b);
  return Number.isNaN(difference) ? 0 : difference;
}

function recentError({ residuals }: Contestant): number {
  const recent = residuals.slice(-CONTEST_DAYS);
  let sum = 0;
  let count = 0;
  for (const day of recent) {
    for (const error of day) sum += Math.abs(error);
    count += day.length;
  }
  return count === 0 ? Number.POSITIVE_INFINITY : sum / count;
}

/** Of sorted values, so that a further draw falls below with this chance; 0 of nothing. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length + 1) * share - 1;
  const below = Math.max(0, Math.min(sorted.length - 1, Math.floor(place)));
  const above = Math.max(0, Math.min(sorted.length - 1, below + 1));
  const part = Math.max(0, Math.min(1, place - below));
  const low = sorted[below] ?? 0;
  return low + part * ((sorted[above] ?? 0) - low);
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** A target that two forecasts see very differently. */
export interface ForecastAlert {
  /** Beginning of the target's step. */
  readonly targetMs: number;
  readonly before: number;
  readonly now: number;
  readonly sigma: number;
}

const ALERT_SIGMAS = 3;

/** Where a newer forecast leaves an older one by more than three deviations; `sigma` is the newer one's, by step. */
export function forecastAlerts(
  before: Forecast,
  now: Forecast,
  sigma: ArrayLike<number>,
): readonly ForecastAlert[] {
  const alerts: ForecastAlert[] = [];
  now.points.forEach((point, step) => {
    const targetMs = now.issuedAtMs + step * now.stepS * MS_PER_S;
    const old = before.points[(targetMs - before.issuedAtMs) / (before.stepS * MS_PER_S)];
    const deviation = sigma[step] ?? 0;
    if (old === undefined || deviation <= 0) return;
    if (Math.abs(point.value - old.value) <= ALERT_SIGMAS * deviation) return;
    alerts.push({ targetMs, before: old.value, now: point.value, sigma: deviation });
  });
  return alerts;
}

/** How much of what the last hours missed is expected to go on, an hour later. */
const PERSISTENCE = 0.8;
const RECENT_STEPS = 2;

/**
 * The rest of a forecast after some of its steps were seen. What the last two missed, in deviations (`sigma`, by step
 * of the forecast), fades away; so a surprise at noon does not make light at night.
 */
export function reviseForecast(
  forecast: Forecast,
  seen: ArrayLike<number>,
  sigma: ArrayLike<number>,
): Forecast {
  const count = Math.min(seen.length, forecast.points.length);
  const from = Math.max(0, count - RECENT_STEPS);
  let missed = 0;
  for (let step = from; step < count; step += 1) {
    const error = (seen[step] ?? 0) - (forecast.points[step]?.value ?? 0);
    const usual = sigma[step] ?? 0;
    if (usual > 0) missed += error / usual / (count - from);
  }
  const points = forecast.points.slice(count).map((point, step) => {
    const shift = missed * PERSISTENCE ** (step + 1) * (sigma[count + step] ?? 0);
    return { value: point.value + shift, p10: point.p10 + shift, p90: point.p90 + shift };
  });
  return { ...forecast, issuedAtMs: forecast.issuedAtMs + count * forecast.stepS * MS_PER_S, points };
}
