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

interface Ends {
  /** Wall ms of the end of its time to live. */
  readonly endMs: number;
  /** Market ms of the end of its slot. */
  readonly slotEndMs: number;
}

interface Kept extends Ends {
  readonly heard: HeardSearch;
}

/** The earliest ends: before them nothing is over, and nothing need be looked through. */
class FirstEnds implements Ends {
  endMs = Infinity;
  slotEndMs = Infinity;

  add({ endMs, slotEndMs }: Ends): void {
    this.endMs = Math.min(this.endMs, endMs);
    this.slotEndMs = Math.min(this.slotEndMs, slotEndMs);
  }

  clear(): void {
    this.endMs = this.slotEndMs = Infinity;
  }
}

export interface HeardSearches {
  /** Keeps it until its time is over; a repeat of the same need takes its place. */
  keep(heard: HeardSearch): void;
  /** Searches that this new offer may answer, oldest first. */
  openFor(offer: OpenOffer): readonly HeardSearch[];
  clear(): void;
}

export function createHeardSearches(ports: Pick<BecknPorts, "clock" | "market">): HeardSearches {
  const kept = new Map<string, Kept>();
  const counts = new Map<string, number>();
  let sweptAtMs = -SWEEP_MS;
  const first = new FirstEnds();

  const forget = (key: string) => {
    const signerId = kept.get(key)?.heard.search.signerId;
    if (signerId === undefined) return;
    kept.delete(key);
    const left = (counts.get(signerId) ?? 1) - 1;
    if (left > 0) counts.set(signerId, left);
    else counts.delete(signerId);
  };
  const forgetPast = () => {
    sweptAtMs = ports.clock.monotonicMs();
    const now = { nowMs: ports.clock.nowMs(), marketMs: ports.market.nowMs() };
    if (!isOver(first, now)) return;
    first.clear();
    for (const [key, one] of kept) {
      if (isOver(one, now)) forget(key);
      else first.add(one);
    }
  };
  const forgetOldest = (signerId?: string) => {
    for (const [key, { heard }] of kept) {
      if (signerId !== undefined && heard.search.signerId !== signerId) continue;
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
      const one = { heard, ...endsOf(heard) };
      first.add(one);
      kept.set(key, one);
      counts.set(signerId, (counts.get(signerId) ?? 0) + 1);
    },
    openFor(offer) {
      forgetPast();
      const wanted = slotId(offer.slot);
      return [...kept.values()]
        .map(({ heard }) => heard)
        .filter((heard) => isOpenTo(offer.agentId, wanted, heard));
    },
    clear() {
      kept.clear();
      counts.clear();
    },
  };
}

/** Is it a need for this slot that this seller has neither uttered nor met? */
function isOpenTo(agentId: string, wanted: string, { search, intent, taken }: HeardSearch): boolean {
  if (search.signerId === agentId || taken.has(agentId)) return false;
  return intent === undefined || slotId(intent.slot) === wanted;
}

/** Past its time to live, or its slot has ended. */
function isOver(
  { endMs, slotEndMs }: Ends,
  { nowMs, marketMs }: { readonly nowMs: number; readonly marketMs: number },
): boolean {
  return nowMs > endMs || marketMs >= slotEndMs;
}

function endsOf({ search, intent }: HeardSearch): Ends {
  const { timestampMs, ttlMs } = search.context;
  const slot = intent?.slot;
  return {
    endMs: timestampMs + ttlMs,
    slotEndMs: slot === undefined ? Infinity : (slot.startS + slot.durationS) * 1000,
  };
}
