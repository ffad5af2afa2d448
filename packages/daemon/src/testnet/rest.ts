/** The first market hour begins when the daemons have done what their start gave them to do. */

import type { MetricsView } from "../control/types.ts";
import { pause } from "./child.ts";
import type { Fleet } from "./fleet.ts";

const LOOK_MS = 1_000;
/** At rest they are busy for a thirtieth of the time; with links that grow or words that are told for half of it. */
const BUSY_SHARE = 0.15;
/** A crowded machine may show no rest: then it is as good as it gets. */
const AT_MOST_MS = 20_000;
/** One look is chance. */
const LEAST_MS = 2_500;
/** Words are told up to ten seconds after the last link; a crowded machine has no time for that in the first hours. */
const CROWDED_MS = 12_000;
/** Daemons that get this part of the time they have work trade within an hour of two seconds. */
const ENOUGH_SHARE = 0.5;
const SLOWEST = 4;

type Loop = MetricsView["loop"];
type Loops<Key = unknown> = ReadonlyMap<Key, Loop>;

export interface Rest {
  /** Part of the time the daemons had work in which they had a processor, 0…1. */
  readonly ownShare: number;
}

/** Returns when the daemons are busy for less than a seventh of a second, after 20 s at the latest. */
export async function untilAtRest(fleet: Fleet): Promise<Rest> {
  const look = async (): Promise<Loops> => {
    const views = await fleet.ask(fleet.children, (control) => control.metrics());
    return new Map([...views].map(([child, { loop }]) => [child, loop]));
  };
  const startMs = Date.now();
  const first = await look();
  let now = first;
  for (;;) {
    const before = now;
    await pause(LOOK_MS);
    now = await look();
    const share = ownShare(first, now);
    const waitedMs = Date.now() - startMs;
    const leastMs = slowdown(share) > 1 ? CROWDED_MS : LEAST_MS;
    const rests = busyShare(before, now) < BUSY_SHARE && waitedMs >= leastMs;
    if (rests || waitedMs >= AT_MOST_MS) return { ownShare: share };
  }
}

/** How much of their time between two looks the daemons had work, 0…1; one that did not answer both has. */
export function busyShare<Key>(before: Loops<Key>, now: Loops<Key>): number {
  const shares = [...new Set([...before.keys(), ...now.keys()])].map((key) => {
    const [then, last] = [before.get(key), now.get(key)];
    if (then === undefined || last === undefined) return 1;
    const activeMs = last.activeMs - then.activeMs;
    const allMs = activeMs + last.idleMs - then.idleMs;
    return allMs > 0 ? activeMs / allMs : 1;
  });
  return shares.length === 0 ? 1 : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Part of the time they had work between two looks in which they had a processor, 0…1. */
export function ownShare<Key>(before: Loops<Key>, now: Loops<Key>): number {
  let [activeMs, processorMs] = [0, 0];
  for (const [key, last] of now) {
    const then = before.get(key);
    activeMs += last.activeMs - (then?.activeMs ?? 0);
    processorMs += last.processorMs - (then?.processorMs ?? 0);
  }
  return activeMs > 0 ? Math.min(1, processorMs / activeMs) : 1;
}

/** So many times longer a market hour takes where daemons get that part of the processor: whole, at most 4. */
export function slowdown(share: number): number {
  return Math.max(1, Math.min(SLOWEST, Math.ceil(ENOUGH_SHARE / share)));
}
