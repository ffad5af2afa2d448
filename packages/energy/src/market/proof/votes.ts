/** One vote per agent and slot: enough acks make a result final, enough voids end the slot, never both. */

import type { MarketRules } from "../rules.ts";
import type { AuctionVote } from "./documents.ts";

export type AuctionEnd = "OPEN" | "FINAL" | "VOID";

export interface Tally {
  readonly end: AuctionEnd;
  /** Of FINAL. */
  readonly resultHash?: string;
  /** Who signed two votes: convicted by them, and counted for neither. */
  readonly doubleVoters: readonly string[];
}

/** Acks that make a result final among n on the roll. */
export function finalAcks(n: number): number {
  return Math.floor((2 * n) / 3) + 1;
}

/** Voids that end a slot among n on the roll. */
export function voidVotes(n: number): number {
  return Math.ceil(n / 3);
}

/** Counts votes whose signatures hold. Votes of others than the roll, and of other slots or rules, count for nothing. */
export function tallyVotes(
  votes: readonly AuctionVote[],
  of: { readonly roll: readonly string[]; readonly slotId: string; readonly rulesHash: string },
): Tally {
  const roll = new Set(of.roll);
  const byAgent = new Map<string, AuctionVote>();
  const double = new Set<string>();
  for (const vote of votes) {
    if (!roll.has(vote.agentId) || vote.slotId !== of.slotId || vote.rulesHash !== of.rulesHash) continue;
    const before = byAgent.get(vote.agentId);
    if (before !== undefined && (before.vote !== vote.vote || before.resultHash !== vote.resultHash))
      double.add(vote.agentId);
    byAgent.set(vote.agentId, vote);
  }
  const single = [...byAgent.values()].filter(({ agentId }) => !double.has(agentId));
  const doubleVoters = [...double].sort((a, b) => (a < b ? -1 : 1));
  const voids = single.filter(({ vote }) => vote === "void").length;
  if (voids >= voidVotes(roll.size)) return { end: "VOID", doubleVoters };
  const acks = Map.groupBy(
    single.filter(({ vote }) => vote === "ack"),
    ({ resultHash }) => resultHash,
  );
  for (const [resultHash, same] of acks) {
    if (resultHash !== undefined && same.length >= finalAcks(roll.size))
      return { end: "FINAL", resultHash, doubleVoters };
  }
  return { end: "OPEN", doubleVoters };
}

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

/**
 * The vote to sign now, by the own clock: an ack of a result that was recomputed before the deadline, a void after it;
 * undefined while there is time or when a vote is already journaled.
 */
export function voteNow(own: {
  readonly phase: AuctionPhase;
  readonly hasVoted: boolean;
  /** The result's hash once it was recomputed and found right. */
  readonly rightResult?: string;
  readonly sawResult: boolean;
}): Pick<AuctionVote, "vote" | "resultHash" | "reason"> | undefined {
  if (own.hasVoted) return undefined;
  if (own.phase === "final" || own.phase === "over")
    return { vote: "void", reason: own.sawResult ? "refused" : "no_result" };
  if (own.rightResult === undefined) return undefined;
  return { vote: "ack", resultHash: own.rightResult };
}
