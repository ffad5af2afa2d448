/** Virtual time of one seed: runs what is due, counts what happened, and keeps the first breach. */

import { Chance } from "./chance.ts";
import { Events, type SimEvent } from "./events.ts";
import { drawPlan, type SimPlan } from "./plan.ts";

/** What a seed saw. */
export interface SimCounts {
  events: number;
  orders: number;
  accepted: number;
  rejected: number;
  settled: number;
  messages: number;
  dropped: number;
  duplicated: number;
  replayed: number;
  lies: number;
  crashes: number;
  stops: number;
  lostRecords: number;
  tornFrames: number;
  snapshots: number;
  diskErrors: number;
  partitions: number;
  deliveries: number;
  partialDeliveries: number;
  measured: number;
  disputed: number;
  cancels: number;
  annulled: number;
  /** Signed by both, each counted on both sides. */
  statements: number;
}

export interface Breach {
  /** `I1` … `I12`, or `BOOT`, `ERROR`, `HUNG` where it did not come so far. */
  readonly invariant: string;
  readonly what: string;
  readonly event: number;
  readonly atMs: number;
}

export class World {
  readonly chance: Chance;
  readonly plan: SimPlan;
  readonly events = new Events();
  readonly counts: SimCounts;
  nowMs = 0;
  breach: Breach | undefined;

  constructor(seed: number, plan: Partial<SimPlan> = {}) {
    this.chance = new Chance(seed);
    this.plan = { ...drawPlan(this.chance), ...plan };
    this.counts = noCounts();
  }

  after(delayMs: number, run: () => void): SimEvent {
    return this.events.add(this.nowMs + Math.max(0, delayMs), run);
  }

  /** Keeps the first: what follows a breach is its consequence. */
  fail(invariant: string, what: string): void {
    this.breach ??= { invariant, what, event: this.counts.events, atMs: Math.round(this.nowMs) };
  }
}

export function noCounts(): SimCounts {
  return {
    events: 0,
    orders: 0,
    accepted: 0,
    rejected: 0,
    settled: 0,
    messages: 0,
    dropped: 0,
    duplicated: 0,
    replayed: 0,
    lies: 0,
    crashes: 0,
    stops: 0,
    lostRecords: 0,
    tornFrames: 0,
    snapshots: 0,
    diskErrors: 0,
    partitions: 0,
    deliveries: 0,
    partialDeliveries: 0,
    measured: 0,
    disputed: 0,
    cancels: 0,
    annulled: 0,
    statements: 0,
  };
}
