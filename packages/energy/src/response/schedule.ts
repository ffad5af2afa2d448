/** Which events concern an agent, and what they ask of it when. */

import type { IntervalPeriod, IntervalValue, ResponseEvent } from "./openadr.ts";

export interface ScheduledInterval {
  readonly startS: number;
  /** Infinity when it has no end. */
  readonly endS: number;
  readonly values: readonly IntervalValue[];
}

/**
 * The intervals of an event in time. Those without a period of their own follow one another, each as long as the
 * event's period says. `shift` (0 … 1, drawn by whoever acts) puts off the start within randomizeStart.
 */
export function intervalsOf(event: ResponseEvent, shift = 0): readonly ScheduledInterval[] {
  let nextS: number | null = event.period === null ? null : startOf(event.period, shift);
  return event.intervals.map(({ period, values }) => {
    const startS = period === null ? (nextS ?? 0) : startOf(period, shift);
    const durationS = (period ?? event.period)?.durationS ?? 0;
    const endS = durationS === 0 ? Number.POSITIVE_INFINITY : startS + durationS;
    nextS = endS;
    return { startS, endS, values };
  });
}

function startOf(period: IntervalPeriod, shift: number): number {
  return period.startS + Math.floor(shift * period.randomizeStartS);
}

/** Whether opting out is still free: nothing of the event has begun. */
export function mayOptOut(event: ResponseEvent, atS: number): boolean {
  return intervalsOf(event).every(({ startS }) => atS < startS);
}

export interface Participant {
  readonly agentId: string;
  readonly area: string;
  readonly roles: readonly string[];
}

/** Whether an event is for this agent: it names nobody, the agent, a role of it, its area or one around it. */
export function concerns(event: ResponseEvent, who: Participant): boolean {
  return (
    event.targets.length === 0 ||
    event.targets.some(
      (target) =>
        target === who.agentId ||
        who.roles.includes(target) ||
        who.area === target ||
        who.area.startsWith(`${target}.`),
    )
  );
}

export interface ActiveRequest {
  readonly event: ResponseEvent;
  readonly interval: ScheduledInterval;
}

/** What is asked of an agent at a time, most urgent first: by priority, then by id. */
export function activeRequests(
  events: readonly ResponseEvent[],
  who: Participant,
  atS: number,
): readonly ActiveRequest[] {
  const active = events
    .filter((event) => concerns(event, who))
    .flatMap((event) =>
      intervalsOf(event)
        .filter(({ startS, endS }) => startS <= atS && atS < endS)
        .map((interval) => ({ event, interval })),
    );
  const rank = (event: ResponseEvent): number => event.priority ?? Number.POSITIVE_INFINITY;
  return active.sort((a, b) => {
    const difference = rank(a.event) - rank(b.event);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
    return a.event.id < b.event.id ? -1 : 1;
  });
}
