/** When what of an auction is due. */

import type { MarketRules } from "../rules.ts";

export type AuctionPhase = "commit" | "close" | "reveal" | "result" | "ack" | "final" | "over";

/** What is due at this instant of market time, s. */
export function phaseAt(atS: number, startS: number, rules: MarketRules): AuctionPhase {
  const before = startS - atS;
  if (before > rules.commitS) return "commit";
  if (before > rules.closeS) return "close";
  if (before > rules.revealS) return "reveal";
  if (before > rules.resultS) return "result";
  if (before > rules.ackS) return "ack";
  return before > rules.finalS ? "final" : "over";
}
