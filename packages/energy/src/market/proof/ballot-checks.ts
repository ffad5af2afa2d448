/** What ballots prove together: that a value was locked, what a leader may propose, how a slot ended. */

import type { JsonObject } from "@gridmesh/protocol";
import { rankSupervisors } from "./rank.ts";
import {
  type AuctionLock,
  type AuctionProposal,
  type AuctionReport,
  type AuctionVote,
  isValue,
  type LockClaim,
  sameValue,
  type SlotEnd,
  valueKey,
  valueOf,
  type VoteValue,
} from "./ballots.ts";
import type { VerifyAuction } from "./documents.ts";
import { type Quorums, quorumsOf } from "./quorums.ts";

/** Of one slot: who votes, under which rules, and how signatures are checked. */
export interface VoteContext {
  readonly slotId: string;
  readonly rulesHash: string;
  /** agent_ids, each once. */
  readonly roll: ReadonlySet<string>;
  /** All on the roll; they lead the rounds from 1 on in turn. */
  readonly leaders: readonly string[];
  readonly quorums: Quorums;
  readonly verify: VerifyAuction;
}

/** The context of a slot; leaders follow each other in an order that nobody chose. */
export function voteContext(of: {
  readonly network: string;
  readonly slotId: string;
  readonly rulesHash: string;
  readonly roll: readonly string[];
  readonly verify: VerifyAuction;
}): VoteContext {
  const { network, slotId, rulesHash, verify } = of;
  const roll = new Set(of.roll);
  const leaders = rankSupervisors([...roll], { network, slotId });
  return { slotId, rulesHash, roll, leaders, quorums: quorumsOf(roll.size), verify };
}

/** Who leads a round from 1 on. */
export function leaderOf(round: number, { leaders }: VoteContext): string | undefined {
  return leaders[(round - 1) % leaders.length];
}

type Ballot = AuctionVote | AuctionLock | AuctionReport | AuctionProposal;
export type BallotType = "auction_vote" | "auction_lock" | "auction_report" | "auction_proposal";

/** Of this slot and these rules, by one on the roll, with a signature that holds. */
export function isBallot(type: BallotType, ballot: Ballot, context: VoteContext): boolean {
  return (
    ballot.slotId === context.slotId &&
    ballot.rulesHash === context.rulesHash &&
    Number.isSafeInteger(ballot.round) &&
    ballot.round >= 0 &&
    context.roll.has(ballot.agentId) &&
    context.verify(type, ballot as unknown as JsonObject)
  );
}

/** Whether so many different agents signed this value in this round. */
function isQuorum(
  ballots: readonly (AuctionVote | AuctionLock)[],
  of: LockClaim & { readonly type: "auction_vote" | "auction_lock"; readonly needed: number },
  context: VoteContext,
): boolean {
  if (ballots.length < of.needed || ballots.length > context.quorums.n) return false;
  const signers = new Set(ballots.map(({ agentId }) => agentId));
  return (
    signers.size === ballots.length &&
    ballots.every(
      (ballot) => ballot.round === of.round && sameValue(ballot, of) && isBallot(of.type, ballot, context),
    )
  );
}

/** Whether the claim stands on votes of most. */
export function isLocked(
  claim: LockClaim,
  certificate: readonly AuctionVote[],
  context: VoteContext,
): boolean {
  const needed = context.quorums.most;
  return isValue(claim) && isQuorum(certificate, { ...claim, type: "auction_vote", needed }, context);
}

/** Signed, of a later round than 0, and claiming nothing of its own round or later. */
export function isReport(report: AuctionReport, context: VoteContext): boolean {
  const { first, lock, round } = report;
  if (round < 1 || (first !== undefined && !isValue(first))) return false;
  if (lock !== undefined && !(isValue(lock) && lock.round >= 0 && lock.round < round)) return false;
  return isBallot("auction_report", report, context);
}

/** The latest lock among the reports; of two in one round, which only broken quorums bring, the lesser value. */
export function latestLock(reports: readonly AuctionReport[]): LockClaim | undefined {
  let latest: LockClaim | undefined;
  for (const { lock } of reports) {
    if (lock === undefined) continue;
    const isLater = latest === undefined || lock.round > latest.round;
    const isLess = latest?.round === lock.round && valueKey(lock) < valueKey(latest);
    if (isLater || isLess) latest = lock;
  }
  return latest;
}

/**
 * The one value that reports of exactly `most` agents allow: the latest lock's; without a lock the result that may have
 * ended the slot at once in round 0; else nothing is traded.
 */
export function allowedValue(reports: readonly AuctionReport[], quorums: Quorums): VoteValue {
  const lock = latestLock(reports);
  if (lock !== undefined) return valueOf(lock);
  const acks = new Map<string, number>();
  for (const { first } of reports) {
    if (first?.vote !== "ack") continue;
    const key = valueKey(first);
    const count = (acks.get(key) ?? 0) + 1;
    if (count >= quorums.trace) return valueOf(first);
    acks.set(key, count);
  }
  return { vote: "void" };
}

/** Whether the reports in a proposal, and the votes under their latest lock, allow what it says. */
export function isAllowed(proposal: AuctionProposal, context: VoteContext): boolean {
  const { reports, certificate, round } = proposal;
  if (reports.length !== context.quorums.most) return false;
  if (new Set(reports.map(({ agentId }) => agentId)).size !== reports.length) return false;
  if (!reports.every((report) => report.round === round && isReport(report, context))) return false;
  const lock = latestLock(reports);
  if (lock === undefined ? certificate.length > 0 : !isLocked(lock, certificate, context)) return false;
  return isValue(proposal) && sameValue(proposal, allowedValue(reports, context.quorums));
}

/** Whether the slot ended so, in anybody's hands. */
export function isEnded(ended: SlotEnd, context: VoteContext): boolean {
  const { acks, locks, end, resultHash } = ended;
  if (ended.slotId !== context.slotId || ended.rulesHash !== context.rulesHash) return false;
  const vote = end === "FINAL" ? "ack" : "void";
  const value: VoteValue = resultHash === undefined ? { vote } : { vote, resultHash };
  if (!isValue(value)) return false;
  return acks === undefined
    ? areLocks(locks, value, context)
    : locks === undefined && areAcks(acks, value, context);
}

function areAcks(acks: readonly AuctionVote[], value: VoteValue, context: VoteContext): boolean {
  const of = { ...value, round: 0, type: "auction_vote", needed: context.quorums.fast } as const;
  return value.vote === "ack" && isQuorum(acks, of, context);
}

function areLocks(locks: readonly AuctionLock[] = [], value: VoteValue, context: VoteContext): boolean {
  const round = locks[0]?.round;
  if (round === undefined) return false;
  return isQuorum(locks, { ...value, round, type: "auction_lock", needed: context.quorums.most }, context);
}
