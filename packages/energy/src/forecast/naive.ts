/** Forecasts that repeat the past: the yardsticks, and often hard to beat. */

import type { DayForecaster } from "./method.ts";

const WEEK = 7;

/** The day like the last one. */
export function naive24(): DayForecaster {
  return fromLastWeek("naive24", 1, (days) => Float64Array.from(days.at(-1) ?? []));
}

/** The day like the same weekday of last week. */
export function naive168(): DayForecaster {
  return fromLastWeek("naive168", WEEK, (days) => Float64Array.from(days[0] ?? []));
}

/** Each hour the mean of this hour in the last seven days. */
export function mean7(): DayForecaster {
  return fromLastWeek("mean7", WEEK, (days) =>
    Float64Array.from(days[0] ?? [], (_, step) => meanOf(days, step)),
  );
}

/** Mean of one step over days. */
export function meanOf(days: readonly ArrayLike<number>[], step: number): number {
  let sum = 0;
  for (const day of days) sum += day[step] ?? 0;
  return sum / days.length;
}

function fromLastWeek(
  method: "naive24" | "naive168" | "mean7",
  needed: number,
  next: (days: readonly ArrayLike<number>[]) => Float64Array,
): DayForecaster {
  const days: ArrayLike<number>[] = [];
  return {
    method,
    learn(day) {
      days.push(Float64Array.from(day));
      if (days.length > WEEK) days.shift();
    },
    next: () => (days.length < needed ? null : next(days)),
  };
}
