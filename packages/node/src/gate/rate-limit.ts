/** How many messages a peer, and all peers together, may send. */

import { type BucketRates, DualBucket, limits, peerRates, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { WritePriority } from "../network/stream-types.ts";
import { NodeLoad } from "./load.ts";

export interface RateGate {
  /**
   * Counts one message of a peer, by its class (default normal).
   * @throws RATE_LIMITED (`data.retry_after_ms`), OVERLOADED when the node is over its own: the least urgent first.
   */
  admit(peerId: string, priority?: WritePriority): void;
  /** Counts one message of a peer towards its own rate alone. @throws RATE_LIMITED (`data.retry_after_ms`). */
  admitPeer(peerId: string): void;
  /** Counts a message that no peer answers for, such as gossip. @throws OVERLOADED. */
  load(priority: WritePriority): void;
  /** True at most once a second and peer: may an error be told? */
  mayTellError(peerId: string): boolean;
}

/** Buckets of peers that owe nothing are dropped when there are more than this. */
const SWEEP_ABOVE = 1_024;

/** @param allowed - of one peer; all together may never do less than one alone */
export function createRateGate(clock: Clock, allowed: BucketRates = peerRates): RateGate {
  const together = Math.max(limits.nodeMessagesPerSecond, allowed.perSecond);
  const peers = new Map<string, DualBucket>();
  const told = new Map<string, number>();
  const node = new NodeLoad(clock.monotonicMs(), together);
  const bucketOf = (peerId: string, nowMs: number): DualBucket => {
    const known = peers.get(peerId);
    if (known !== undefined) return known;
    if (peers.size >= SWEEP_ABOVE) {
      for (const [id, bucket] of peers) if (bucket.isFull(nowMs)) peers.delete(id);
    }
    const fresh = new DualBucket(nowMs, allowed);
    peers.set(peerId, fresh);
    return fresh;
  };
  const admitPeer = (peerId: string): void => {
    const nowMs = clock.monotonicMs();
    const waitMs = bucketOf(peerId, nowMs).take(nowMs);
    if (waitMs === 0) return;
    throw new ProtocolError("RATE_LIMITED", "too many messages", { data: { retry_after_ms: waitMs } });
  };
  return {
    load: (priority) => node.admit(priority, clock.monotonicMs()),
    admitPeer,
    admit(peerId, priority = "normal") {
      admitPeer(peerId);
      node.admit(priority, clock.monotonicMs());
    },
    mayTellError(peerId) {
      const nowMs = clock.monotonicMs();
      const lastMs = told.get(peerId);
      if (lastMs !== undefined && nowMs - lastMs < 1_000 / limits.errorsPerSecond) return false;
      // Names cost nothing: those told longest ago stand first, and none of them counts for long.
      for (const [id, atMs] of told) {
        if (told.size < SWEEP_ABOVE || nowMs - atMs < 1_000) break;
        told.delete(id);
      }
      told.delete(peerId);
      told.set(peerId, nowMs);
      return true;
    },
  };
}
