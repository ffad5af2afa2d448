/** What happens to a neighbourhood in one seed: sizes, and faults of which each is off in half of the seeds. */

import type { Chance } from "./chance.ts";

/** Trouble ends here; from then on everything must come to rest. */
export const CALM_AT_MS = 30_000;
/** Nothing may be under way any more. */
export const REST_AT_MS = 400_000;

/** Probabilities 0 … 1, times in ms. */
export interface SimPlan {
  readonly nodes: number;
  readonly orders: number;
  /** Ed25519 instead of tags. */
  readonly realSignatures: boolean;
  readonly loss: number;
  readonly duplication: number;
  readonly delayMs: number;
  /** Chance per 100 ms of a cut, and whether it may be one-way. */
  readonly partition: number;
  readonly oneWay: boolean;
  /** One cut into two halves that lasts until all is calm; never drawn. */
  readonly halves: boolean;
  /** Chance per node and 100 ms. */
  readonly crash: number;
  /** Chance per sync, while it runs. */
  readonly crashInSync: number;
  /** Share of the ends that are ordered stops. */
  readonly cleanStop: number;
  readonly syncMs: number;
  /** Share of the syncs that take thirty times as long. */
  readonly stall: number;
  /** Chance per node and 100 ms that the disk is full for a while. */
  readonly diskFull: number;
  /** Chance per sync that it fails. */
  readonly diskError: number;
  /** Records after which a snapshot is written. */
  readonly snapshotEvery: number;
  /** Chance that the power goes around the renaming of a snapshot. */
  readonly crashAtSnapshot: number;
  /** Wall clocks are off by up to this. */
  readonly skewMs: number;
  /** Share of the messages that come again later. */
  readonly replay: number;
  /** Chance per 100 ms. */
  readonly lies: number;
  /** Share of deliveries below the contract. */
  readonly partial: number;
  /** Share of orders that their buyer measures itself; most readings are near the contract. */
  readonly measured: number;
  /** Share of orders that their buyer calls off, at any moment. */
  readonly cancel: number;
  /** Share of orders delivered at acceptance. */
  readonly instant: number;
  /** Share of orders that follow a reservation. */
  readonly reserved: number;
  /** Share of orders that name what was never on sale under this epoch, or at another price. */
  readonly stale: number;
  readonly topUps: number;
  /** Share of orders that a busy seller refuses to look at: no decision. */
  readonly busy: number;
  /** Nodes remember the nonces of messages in memory, as the gate in front of the desk does. */
  readonly gate: boolean;
}

export function drawPlan(chance: Chance): SimPlan {
  const upTo = (most: number) => (chance.hits(0.5) ? 0 : chance.next() * most);
  return {
    nodes: chance.from(2, 7),
    orders: chance.from(20, 60),
    realSignatures: chance.hits(0.01),
    loss: upTo(0.4),
    duplication: upTo(0.5),
    delayMs: chance.from(1, 400),
    partition: upTo(0.02),
    oneWay: chance.hits(0.5),
    halves: false,
    crash: upTo(0.02),
    crashInSync: upTo(0.08),
    cleanStop: upTo(0.4),
    syncMs: chance.from(0, 20),
    stall: upTo(0.4),
    diskFull: upTo(0.01),
    diskError: upTo(0.02),
    snapshotEvery: chance.hits(0.5) ? Number.POSITIVE_INFINITY : chance.from(5, 80),
    crashAtSnapshot: chance.hits(0.5) ? 0 : 0.3,
    skewMs: upTo(60_000),
    replay: upTo(0.05),
    lies: upTo(0.3),
    partial: upTo(1),
    measured: upTo(1),
    cancel: upTo(0.4),
    instant: upTo(1),
    reserved: upTo(1),
    stale: upTo(0.2),
    topUps: chance.from(0, 6),
    busy: upTo(0.2),
    gate: chance.hits(0.5),
  };
}
