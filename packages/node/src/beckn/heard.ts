/** Searches that may still be answered: a seller's offer for their slot may come after them. */

import { slotId } from "@gridmesh/protocol";
import type { BecknIntent } from "@gridmesh/protocol";
import type { OpenOffer } from "../trade/types.ts";
import type { Opened } from "./inbound.ts";
import type { BecknPorts } from "./ports.ts";

const MAX_KEPT = 256;
const MAX_KEPT_PER_SIGNER = 16;
/** Where there is no room, past ones are looked for no more often; the oldest goes otherwise. */
const SWEEP_MS = 250;

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
  const counts = new Map<string, number>();
  let sweptAtMs = -SWEEP_MS;

  const forget = (key: string) => {
    const signerId = kept.get(key)?.search.signerId;
    if (signerId === undefined) return;
    kept.delete(key);
    const left = (counts.get(signerId) ?? 1) - 1;
    if (left > 0) counts.set(signerId, left);
    else counts.delete(signerId);
  };
  const forgetPast = () => {
    sweptAtMs = ports.clock.monotonicMs();
    for (const [key, heard] of kept) if (isOver(ports, heard)) forget(key);
  };
  const forgetOldest = (signerId?: string) => {
    for (const [key, { search }] of kept) {
      if (signerId !== undefined && search.signerId !== signerId) continue;
      forget(key);
      return;
    }
  };

  return {
    keep(heard) {
      const { signerId, context } = heard.search;
      const key = `${signerId} ${context.transactionId}`;
      forget(key);
      if (kept.size >= MAX_KEPT && ports.clock.monotonicMs() - sweptAtMs >= SWEEP_MS) forgetPast();
      if ((counts.get(signerId) ?? 0) >= MAX_KEPT_PER_SIGNER) forgetOldest(signerId);
      else if (kept.size >= MAX_KEPT) forgetOldest();
      kept.set(key, heard);
      counts.set(signerId, (counts.get(signerId) ?? 0) + 1);
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
    clear() {
      kept.clear();
      counts.clear();
    },
  };
}

/** Past its time to live, or its slot has ended. */
function isOver(ports: Pick<BecknPorts, "clock" | "market">, { search, intent }: HeardSearch): boolean {
  const { timestampMs, ttlMs } = search.context;
  if (timestampMs + ttlMs < ports.clock.nowMs()) return true;
  return intent !== undefined && (intent.slot.startS + intent.slot.durationS) * 1000 <= ports.market.nowMs();
}
