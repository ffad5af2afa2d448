/** Who was asked and had no such agent: the DHT names providers for hours after their agents went. */

import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";

export interface AbsentMemory {
  /** This peer said that it has no agent for the word, or none at all. */
  note(peerId: string, word: string): void;
  /** Did it say so within ten minutes? */
  knows(peerId: string, word: string): boolean;
  /** It has something to offer again. */
  forget(peerId: string): void;
}

export function createAbsentMemory(clock: Clock): AbsentMemory {
  /** By peer: monotonic ms at which each word was asked for. */
  const peers = new Map<string, Map<string, number>>();
  return {
    note(peerId, word) {
      const words = peers.get(peerId) ?? new Map<string, number>();
      peers.delete(peerId);
      words.delete(word);
      peers.set(peerId, words.set(word, clock.monotonicMs()));
      dropOldest(words, nodeLimits.queryWords);
      dropOldest(peers, nodeLimits.absentKept);
    },
    knows(peerId, word) {
      const atMs = peers.get(peerId)?.get(word);
      return atMs !== undefined && clock.monotonicMs() - atMs < nodeLimits.absentMs;
    },
    forget: (peerId) => void peers.delete(peerId),
  };
}

function dropOldest(map: Map<string, unknown>, max: number): void {
  const oldest = map.keys().next();
  if (map.size > max && !oldest.done) map.delete(oldest.value);
}
