/** Proofs that a signer said two things under one number: both messages, as they were signed. */

import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { StoredEquivocation } from "../store/types.ts";
import type { AgentRecord } from "./record.ts";

export interface Equivocations {
  add(known: AgentRecord, other: AgentRecord, confirmed: boolean): void;
  /** Oldest first, one of each signer. */
  list(): readonly StoredEquivocation[];
  onAdd(fn: (proof: StoredEquivocation) => void): Disposable;
}

/** @param before - those of former runs */
export function createEquivocations(clock: Clock, before: readonly StoredEquivocation[] = []): Equivocations {
  const proofs = new Map(before.map((proof) => [proof.agentId, proof]));
  const listeners = new Set<(proof: StoredEquivocation) => void>();
  return {
    add(known, other, confirmed) {
      const { agentId, nodeId, seq } = other;
      // The first proof is enough, and whoever is banned for it would only wear out the room.
      if (proofs.has(agentId)) return;
      const bytes = { first: known.bytes, second: other.bytes };
      const proof = { agentId, nodeId, confirmed, seq, ...bytes, atMs: clock.nowMs() };
      proofs.set(agentId, proof);
      const oldest = proofs.keys().next();
      if (proofs.size > nodeLimits.equivocations && !oldest.done) proofs.delete(oldest.value);
      for (const fn of listeners) fn(proof);
    },
    list: () => [...proofs.values()],
    onAdd(fn) {
      listeners.add(fn);
      return { [Symbol.dispose]: () => listeners.delete(fn) };
    },
  };
}
