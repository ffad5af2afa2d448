/** More links than a node needs at once: one dial after the other, while nothing else keeps it busy. */

import type { Clock, Random } from "../clock.ts";
import type { PeerEntry } from "./peer-table.ts";

/** Between two dials at first, when our own loop has time, and at most. */
const FIRST_MS = 500;
const SHORTEST_MS = 100;
const LONGEST_MS = 4_000;
/** A timer this late says that it has not. */
const LATE_MS = 50;

export interface GrowthOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly ownId: string;
  /** Are more links wanted than the node needs? */
  readonly wanted: () => boolean;
  /** Do handshakes keep our own loop late already? */
  readonly isBusy: () => boolean;
  /** Neighbours that could be dialled. */
  readonly candidates: () => readonly PeerEntry[];
  /** Resolves when the dial is over, however it ended. */
  readonly dial: (entry: PeerEntry) => Promise<void>;
}

/** Grows towards the links a node would like to have. */
export interface Growth extends Disposable {
  /** There may be something to do. */
  hurry(): void;
}

/**
 * The pause doubles while our own loop is late and halves while it is not, so that a cold start is not a storm of dials;
 * where it stays late, a dial follows each of the longest pauses.
 */
export function growth(options: GrowthOptions): Growth {
  const { clock, random, ownId, wanted, isBusy, candidates, dial } = options;
  let pauseMs = FIRST_MS;
  let timer: Disposable | undefined;
  let dialing = false;
  let stopped = false;

  const next = (): PeerEntry | undefined => {
    const known = candidates();
    // Of two one dials: whoever has the lower PeerId, as long as there is somebody above it.
    const above = known.filter(({ peerId }) => peerId !== undefined && ownId < peerId);
    const from = above.length > 0 ? above : known;
    return from.length === 0 ? undefined : from[random.below(from.length)];
  };
  const arm = () => {
    if (stopped || dialing || timer !== undefined) return;
    const dueMs = clock.monotonicMs() + pauseMs;
    timer = clock.timer(pauseMs, () => {
      timer = undefined;
      const isLate = isBusy() || clock.monotonicMs() - dueMs > LATE_MS;
      pauseMs = isLate ? Math.min(LONGEST_MS, 2 * pauseMs) : Math.max(SHORTEST_MS, pauseMs / 2);
      const entry = wanted() ? next() : undefined;
      // Whatever makes a difference hurries us again.
      if (entry === undefined) return;
      if (isLate && pauseMs < LONGEST_MS) return arm();
      dialing = true;
      void dial(entry).finally(() => {
        dialing = false;
        arm();
      });
    });
  };
  return {
    hurry: arm,
    [Symbol.dispose]() {
      stopped = true;
      timer?.[Symbol.dispose]();
    },
  };
}
