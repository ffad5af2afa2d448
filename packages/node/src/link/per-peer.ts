/** How often each peer may do something rare. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";

export interface PerPeer {
  /** Counts one. @throws RATE_LIMITED with `data.retry_after_ms`. */
  take(peerId: string): void;
  /** Counts one; false when it is too many. */
  tryTake(peerId: string): boolean;
}

const PEERS_KEPT = 1_024;

/** @param rate - so many within so long */
export function createPerPeer(
  clock: Clock,
  rate: { readonly count: number; readonly withinMs: number },
): PerPeer {
  const times = new Map<string, readonly number[]>();
  const waitMs = (peerId: string): number => {
    const nowMs = clock.monotonicMs();
    const recent = (times.get(peerId) ?? []).filter((atMs) => nowMs - atMs < rate.withinMs);
    const [first] = recent;
    if (first !== undefined && recent.length >= rate.count) return Math.ceil(first + rate.withinMs - nowMs);
    times.delete(peerId);
    const oldest = times.keys().next();
    if (times.size >= PEERS_KEPT && !oldest.done) times.delete(oldest.value);
    times.set(peerId, [...recent, nowMs]);
    return 0;
  };
  return {
    tryTake: (peerId) => waitMs(peerId) === 0,
    take(peerId) {
      const leftMs = waitMs(peerId);
      if (leftMs === 0) return;
      throw new ProtocolError("RATE_LIMITED", "too often", { data: { retry_after_ms: leftMs } });
    },
  };
}
