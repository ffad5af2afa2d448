/** Peers that said they belong to another network: few are kept, and none for long. */

import type { Clock } from "../clock.ts";

/** As long as such a peer is left alone, and a little: one still about has been met again by then. */
const KEPT_MS = 900_000;
const MAX_KEPT = 256;
/** What a stranger says of its network may be as long as a message. */
const MAX_TEXT = 200;

export interface Strangers {
  /** Met, and why it was left. */
  met(peerId: string, why: string): void;
  /** It belongs here after all. */
  forget(peerId: string): void;
  /** Why this one was left, if it was of late. */
  why(peerId: string): string | undefined;
  /** Those met of late, by peer. */
  recent(): ReadonlyMap<string, string>;
}

export function createStrangers(clock: Clock): Strangers {
  const kept = new Map<string, { readonly why: string; readonly atMs: number }>();
  const expire = () => {
    for (const [peerId, { atMs }] of kept) {
      if (clock.monotonicMs() - atMs < KEPT_MS) return;
      kept.delete(peerId);
    }
  };
  return {
    met(peerId, why) {
      // Kept in the order of meeting, so that the oldest stand first.
      kept.delete(peerId);
      const oldest = kept.keys().next();
      if (kept.size >= MAX_KEPT && !oldest.done) kept.delete(oldest.value);
      kept.set(peerId, { why: why.slice(0, MAX_TEXT), atMs: clock.monotonicMs() });
    },
    forget: (peerId) => kept.delete(peerId),
    why(peerId) {
      expire();
      return kept.get(peerId)?.why;
    },
    recent() {
      expire();
      return new Map([...kept].map(([peerId, { why }]) => [peerId, why]));
    },
  };
}
