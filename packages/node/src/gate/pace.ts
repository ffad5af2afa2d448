/** The other side's rate limit, kept on ours: an honest node waits instead of being refused. */

import { DualBucket, limits } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";

export interface Pacer {
  /** Resolves when one more message may go to this peer, in the order of asking; rejects with the signal's reason. */
  turn(peerId: string, signal: AbortSignal): Promise<void>;
  /** Counts a message that does not wait. */
  note(peerId: string): void;
}

/** A little below what the peer allows: messages sent apart may arrive together. */
const SHARE = 0.9;
const SWEEP_ABOVE = 1_024;

interface Lane {
  readonly bucket: DualBucket;
  /** Settles when everybody who asked before has had their turn. */
  last: Promise<void>;
  waiting: number;
}

export function createPacer(clock: Clock): Pacer {
  const lanes = new Map<string, Lane>();
  const laneOf = (peerId: string): Lane => {
    const known = lanes.get(peerId);
    if (known !== undefined) return known;
    const nowMs = clock.monotonicMs();
    if (lanes.size >= SWEEP_ABOVE) {
      for (const [id, lane] of lanes) if (lane.waiting === 0 && lane.bucket.isFull(nowMs)) lanes.delete(id);
    }
    const bucket = new DualBucket(nowMs, {
      perSecond: limits.messagesPerSecond * SHARE,
      burst: limits.messageBurst * SHARE,
      peakPerSecond: limits.messagePeakPerSecond * SHARE,
      peakBurst: limits.messagePeakBurst * SHARE,
    });
    const fresh: Lane = { bucket, last: Promise.resolve(), waiting: 0 };
    lanes.set(peerId, fresh);
    return fresh;
  };
  const take = async (lane: Lane, signal: AbortSignal): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const waitMs = lane.bucket.take(clock.monotonicMs());
      if (waitMs === 0) return;
      await clock.sleep(waitMs, signal);
    }
  };
  return {
    async turn(peerId, signal) {
      const lane = laneOf(peerId);
      const before = lane.last;
      const mine = lane.waiting === 0 ? take(lane, signal) : before.then(() => take(lane, signal));
      lane.last = mine.catch(() => undefined);
      lane.waiting += 1;
      try {
        await mine;
      } finally {
        lane.waiting -= 1;
      }
    },
    note: (peerId) => void laneOf(peerId).bucket.take(clock.monotonicMs()),
  };
}
