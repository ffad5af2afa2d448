/** Searches that may still be answered: a seller's offer for their slot may come after them. */

import { slotId } from "@gridmesh/protocol";
import type { BecknIntent } from "@gridmesh/protocol";
import type { OpenOffer } from "../trade/types.ts";
import type { Opened } from "./inbound.ts";
import type { BecknPorts } from "./ports.ts";

const MAX_KEPT = 256;
const MAX_KEPT_PER_SIGNER = 16;

/** A search as the own sellers see it. */
export interface HeardSearch {
  readonly search: Opened;
  readonly intent: BecknIntent | undefined;
  /** Where the buyer takes its answers. */
  readonly peerId: string;
  /** Sellers that have answered it or will look at it themselves, by agent_id. */
  readonly taken: Set<string>;
}

export interface HeardSearches {
  /** Keeps it until its time is over; a repeat of the same need takes its place. */
  keep(heard: HeardSearch): void;
  /** Searches that this new offer may answer, oldest first. */
  openFor(offer: OpenOffer): readonly HeardSearch[];
  clear(): void;
}

export function createHeardSearches(ports: Pick<BecknPorts, "clock" | "market">): HeardSearches {
  const kept = new Map<string, HeardSearch>();

  const forgetPast = () => {
    for (const [key, heard] of kept) if (isOver(ports, heard)) kept.delete(key);
  };
  const forgetOldest = (signerId?: string) => {
    for (const [key, { search }] of kept) {
      if (signerId !== undefined && search.signerId !== signerId) continue;
      kept.delete(key);
      return;
    }
  };
  const countOf = (signerId: string) => {
    let count = 0;
    for (const { search } of kept.values()) if (search.signerId === signerId) count++;
    return count;
  };

  return {
    keep(heard) {
      const { signerId, context } = heard.search;
      const key = `${signerId} ${context.transactionId}`;
      kept.delete(key);
      if (kept.size >= MAX_KEPT) forgetPast();
      if (countOf(signerId) >= MAX_KEPT_PER_SIGNER) forgetOldest(signerId);
      else if (kept.size >= MAX_KEPT) forgetOldest();
      kept.set(key, heard);
    },
    openFor(offer) {
      forgetPast();
      const { agentId, slot } = offer;
      const wanted = slotId(slot);
      return [...kept.values()].filter(
        ({ search, intent, taken }) =>
          search.signerId !== agentId &&
          !taken.has(agentId) &&
          (intent === undefined || slotId(intent.slot) === wanted),
      );
    },
    clear: () => kept.clear(),
  };
}

/** Past its time to live, or its slot has ended. */
function isOver(ports: Pick<BecknPorts, "clock" | "market">, { search, intent }: HeardSearch): boolean {
  const { timestampMs, ttlMs } = search.context;
  if (timestampMs + ttlMs < ports.clock.nowMs()) return true;
  return intent !== undefined && (intent.slot.startS + intent.slot.durationS) * 1000 <= ports.market.nowMs();
}
