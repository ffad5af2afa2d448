/** What observers look at, and what earlier looks left behind. */

import type { Clock } from "./clock.ts";
import type { Observation } from "./findings.ts";
import type { HostedAgent } from "./host/in-process.ts";
import type { MarketClock } from "./market-clock.ts";
import type { ProfileName } from "./network/profiles.ts";
import type { Supervisor } from "./network/supervisor-types.ts";
import type { Transport } from "./network/transport.ts";
import { Growth, Lasting } from "./recent.ts";
import type { TradeDesk } from "./trade/types.ts";

export interface Observed {
  readonly clock: Clock;
  readonly market: MarketClock;
  /** Monotonic ms of the start. */
  readonly startedMs: number;
  readonly profile: ProfileName;
  readonly transport: Transport;
  readonly supervisor: Supervisor;
  readonly agents: () => readonly HostedAgent[];
  readonly desk: TradeDesk;
  readonly clockOffsetMs: () => number | undefined;
  /** Why peers of other networks were left, by peer. */
  readonly strangers: () => ReadonlyMap<string, string>;
  /** Peers whose key has two successors, or one that breaks an earlier promise, with what was seen. */
  readonly brokenSuccessions: () => ReadonlyMap<string, string>;
  /** What else is to be known of keys that changed hands; told when no succession is broken. */
  readonly keyNotes?: (() => readonly Omit<Observation, "code">[]) | undefined;
  /** What stopped the disk, if anything did. */
  readonly diskError: () => string | undefined;
  /** What the program around the node sees of its machine. */
  readonly around: () => readonly Observation[];
}

/** What earlier looks left behind. */
export interface Memory {
  readonly lasting: Lasting;
  readonly refusals: Growth;
  readonly resets: Growth;
  readonly relayEnds: Growth;
  /** Losses of anchors, by PeerId. */
  readonly anchorLosses: Map<string, readonly Loss[]>;
}

interface Loss {
  /** Monotonic ms. */
  readonly atMs: number;
  /** How long the link had stood; undefined when nobody saw it begin. */
  readonly heldMs: number | undefined;
}

/** So long a refusal counts as going on. */
const REFUSALS_MS = 60_000;
const RESETS_MS = 300_000;
export const FLAPPING_MS = 300_000;

export function emptyMemory(clock: Clock): Memory {
  return {
    lasting: new Lasting(clock),
    refusals: new Growth(clock, REFUSALS_MS),
    resets: new Growth(clock, RESETS_MS),
    relayEnds: new Growth(clock, RESETS_MS),
    anchorLosses: new Map(),
  };
}
