/** Peers that others named: candidates for a dial, few at a time and few of one network. */

import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { subnetOf } from "../network/addresses.ts";
import type { PeerHint } from "../network/transport.ts";

export interface Candidates {
  /** Takes one; false where too many were named already, or of its network. */
  take(hint: PeerHint): boolean;
}

export function createCandidates(clock: Clock, onHint: (hint: PeerHint) => void): Candidates {
  const named = new Map<string, { readonly subnet: string | undefined; readonly atMs: number }>();
  const forget = () => {
    for (const [peerId, { atMs }] of named) {
      if (clock.monotonicMs() - atMs < nodeLimits.candidateMs) return;
      named.delete(peerId);
    }
  };
  return {
    take(hint) {
      forget();
      const subnet = subnetOf(hint.addresses[0] ?? "");
      if (!named.has(hint.peerId)) {
        const near = [...named.values()].filter((one) => subnet !== undefined && one.subnet === subnet);
        if (named.size >= nodeLimits.candidates || near.length >= nodeLimits.candidatesPerSubnet)
          return false;
        named.set(hint.peerId, { subnet, atMs: clock.monotonicMs() });
      }
      onHint(hint);
      return true;
    },
  };
}
