/** What an agent would have used without an event, what it is paid for using less, and what came back afterwards. */

import { amountMicro, mulDiv } from "@gridmesh/protocol";

const LIKE_DAYS = 5;
const PERMILLE = 1_000;
const LEAST_FACTOR = 800;
const MOST_FACTOR = 1_200;
/** The factor looks at two hours that end an hour before the event, when nobody prepares for it yet. */
const ADJUST_HOURS = 2;
const ADJUST_GAP_HOURS = 1;
const REBOUND_HOURS = 4;

/** A day that has been metered, mWh by hour. */
export interface MeteredDay {
  readonly workday: boolean;
  readonly hadEvent: boolean;
  readonly hoursMilliWh: ArrayLike<number>;
}

export interface Baseline {
  /** For each hour of the day, mWh, adjusted. */
  readonly hoursMilliWh: readonly number[];
  /** 800 … 1,200: what today was like before the event. */
  readonly factorPermille: number;
  /** Like days that were found, at most 5. */
  readonly days: number;
}

/**
 * Mean of each hour over the last five like days (work day or not, without an event) × what today was like before.
 * `earlier` is oldest first. Null when there is no like day.
 */
export function responseBaseline(
  earlier: readonly MeteredDay[],
  today: { readonly workday: boolean; readonly hoursMilliWh: ArrayLike<number> },
  eventHour: number,
): Baseline | null {
  const like = earlier.filter((day) => day.workday === today.workday && !day.hadEvent).slice(-LIKE_DAYS);
  const [first] = like;
  if (first === undefined) return null;
  const plain = Array.from(first.hoursMilliWh, (_, hour) =>
    Math.round(like.reduce((sum, day) => sum + (day.hoursMilliWh[hour] ?? 0), 0) / like.length),
  );
  const factorPermille = factor(plain, today.hoursMilliWh, eventHour - ADJUST_GAP_HOURS);
  return {
    hoursMilliWh: plain.map((value) => mulDiv(value, factorPermille, PERMILLE)),
    factorPermille,
    days: like.length,
  };
}

/** 1,000 where the day is too young, or the baseline 0, to compare. */
function factor(plain: readonly number[], metered: ArrayLike<number>, endHour: number): number {
  const from = endHour - ADJUST_HOURS;
  if (from < 0 || metered.length < endHour) return PERMILLE;
  let expected = 0;
  let seen = 0;
  for (let hour = from; hour < endHour; hour += 1) {
    expected += plain[hour] ?? 0;
    seen += metered[hour] ?? 0;
  }
  if (expected <= 0) return PERMILLE;
  return Math.round(Math.max(LEAST_FACTOR, Math.min(MOST_FACTOR, (PERMILLE * seen) / expected)));
}

export interface ResponsePayment {
  /** Below the baseline in the event's hours, mWh; an hour above it takes nothing back. */
  readonly deliveredMilliWh: number;
  /** As much of it as was asked for. */
  readonly paidMilliWh: number;
  readonly amountMicro: number;
  /** Over the baseline in the four hours after, mWh; reported, not charged. */
  readonly reboundMilliWh: number;
}

/** max(0, baseline − metered) ≤ asked, hour by hour. `hoursMilliWh` is the whole day's meter, as far as it goes. */
export function responsePayment(
  baseline: Baseline,
  hoursMilliWh: ArrayLike<number>,
  event: {
    readonly fromHour: number;
    readonly hours: number;
    readonly askedMilliWhPerHour: number;
    readonly priceMicroPerKWh: number;
  },
): ResponsePayment {
  let deliveredMilliWh = 0;
  let paidMilliWh = 0;
  let reboundMilliWh = 0;
  const end = event.fromHour + event.hours;
  for (let hour = event.fromHour; hour < Math.min(end + REBOUND_HOURS, hoursMilliWh.length); hour += 1) {
    const less = (baseline.hoursMilliWh[hour] ?? 0) - (hoursMilliWh[hour] ?? 0);
    if (hour >= end) reboundMilliWh += Math.max(0, -less);
    else {
      deliveredMilliWh += Math.max(0, less);
      paidMilliWh += Math.min(event.askedMilliWhPerHour, Math.max(0, less));
    }
  }
  return {
    deliveredMilliWh,
    paidMilliWh,
    amountMicro: amountMicro(paidMilliWh, event.priceMicroPerKWh),
    reboundMilliWh,
  };
}
