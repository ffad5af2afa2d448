/** The other side's rate limit, kept on ours: an honest node waits instead of being refused. */

import { type BucketRates, DualBucket, isProtocolError, peerRates } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";

/** Tries of one message that the other side found too many. */
const TRIES = 5;

/** Sends again, later, what was refused as one too many: such a message was not acted on. */
export async function patiently<T>(clock: Clock, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const waitMs = againAfterMs(error, attempt);
      if (waitMs === undefined) throw error;
      await clock.sleep(waitMs, signal);
    }
  }
}

/** How long to wait before the next try of what failed at its `attempt`th; undefined: it is not tried again. */
export function againAfterMs(error: unknown, attempt: number): number | undefined {
  if (!isProtocolError(error) || error.code !== "RATE_LIMITED" || attempt >= TRIES) return undefined;
  const told = error.data?.["retry_after_ms"];
  const waitMs = typeof told === "number" ? told : 0;
  return Math.min(Math.max(waitMs, MIN_WAIT_MS) * attempt, MAX_WAIT_MS);
}

export interface Pacer {
  /** Resolves when one more message may go to this peer, in the order of asking; rejects with the signal's reason. */
  turn(peerId: string, signal: AbortSignal): Promise<void>;
  /** Takes a turn that is there at once and that nobody waits for; false: ask for one. */
  tryTurn(peerId: string): boolean;
  /** Counts a message that does not wait. */
  note(peerId: string): void;
}

/** Below what the peer allows: messages sent apart arrive together when its event loop was held up. */
const SHARE = 0.9;
const PEAK_SHARE = 0.5;
const SWEEP_ABOVE = 1_024;
const MIN_WAIT_MS = 50;
const MAX_WAIT_MS = 2_000;

interface Lane {
  readonly bucket: DualBucket;
  /** Settles when everybody who asked before has had their turn. */
  last: Promise<void>;
  waiting: number;
}

/** @param allowed - what the peers admit */
export function createPacer(clock: Clock, allowed: BucketRates = peerRates): Pacer {
  const lanes = new Map<string, Lane>();
  const laneOf = (peerId: string): Lane => {
    const known = lanes.get(peerId);
    if (known !== undefined) return known;
    const nowMs = clock.monotonicMs();
    if (lanes.size >= SWEEP_ABOVE) {
      for (const [id, lane] of lanes) if (lane.waiting === 0 && lane.bucket.isFull(nowMs)) lanes.delete(id);
    }
    const bucket = new DualBucket(nowMs, {
      perSecond: allowed.perSecond * SHARE,
      burst: allowed.burst * SHARE,
      peakPerSecond: allowed.peakPerSecond * PEAK_SHARE,
      peakBurst: allowed.peakBurst * PEAK_SHARE,
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
    tryTurn(peerId) {
      const lane = laneOf(peerId);
      return lane.waiting === 0 && lane.bucket.take(clock.monotonicMs()) === 0;
    },
    note: (peerId) => void laneOf(peerId).bucket.take(clock.monotonicMs()),
  };
}
