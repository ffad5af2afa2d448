/** More links than a node needs at once: one dial after the other, while nothing else keeps it busy. */

import type { Clock, Random } from "../clock.ts";
import type { PeerEntry } from "./peer-table.ts";

/** Between two dials at first, where the machine has time, and at most. */
const FIRST_MS = 500;
const SHORTEST_MS = 100;
const LONGEST_MS = 4_000;
/** Of two one dials: whoever has the lower PeerId. The other does only where that has not happened for so long. */
const YIELD_MS = 3_000;
export interface GrowthOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly ownId: string;
  /** Are more links wanted than the node needs? */
  readonly wanted: () => boolean;
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
 * The pause doubles while the machine is crowded and halves while it is not, so that many processes that start at once are
 * no storm of dials; where it stays crowded, a dial follows each of the longest pauses.
 */
export function growth(options: GrowthOptions): Growth {
  const { clock, random, ownId, wanted, candidates, dial } = options;
  let pauseMs = FIRST_MS;
  let yieldsSinceMs: number | undefined;
  let timer: Disposable | undefined;
  let dialing = false;
  let stopped = false;

  /** Whom to dial: somebody above, else after a while anybody; undefined: nobody now. */
  const next = (known: readonly PeerEntry[]): PeerEntry | undefined => {
    const above = known.filter(({ peerId }) => peerId !== undefined && ownId < peerId);
    if (above.length === 0) {
      const nowMs = clock.monotonicMs();
      yieldsSinceMs ??= nowMs;
      if (nowMs - yieldsSinceMs < YIELD_MS) return undefined;
    }
    yieldsSinceMs = undefined;
    const from = above.length > 0 ? above : known;
    return from[random.below(from.length)];
  };
  const arm = () => {
    if (stopped || dialing || timer !== undefined) return;
    timer = clock.timer(pauseMs, () => {
      timer = undefined;
      const isCrowded = clock.crowded?.() ?? false;
      pauseMs = isCrowded ? Math.min(LONGEST_MS, 2 * pauseMs) : Math.max(SHORTEST_MS, pauseMs / 2);
      const known = wanted() ? candidates() : [];
      // Whatever makes a difference hurries us again.
      if (known.length === 0) return;
      const entry = isCrowded && pauseMs < LONGEST_MS ? undefined : next(known);
      if (entry === undefined) return arm();
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
