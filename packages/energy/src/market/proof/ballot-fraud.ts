/** Ballots of one agent that an honest one never signs together; two signatures convict, or one proposal alone. */

import { ProtocolError } from "@gridmesh/protocol";
import { isAllowed, isBallot, leaderOf, type VoteContext } from "./ballot-checks.ts";
import {
  type AuctionLock,
  type AuctionProposal,
  type AuctionReport,
  type AuctionVote,
  type LockClaim,
  sameValue,
} from "./ballots.ts";
import { documentHash } from "./documents.ts";

export type SignedBallot =
  | { readonly type: "auction_vote"; readonly document: AuctionVote }
  | { readonly type: "auction_lock"; readonly document: AuctionLock }
  | { readonly type: "auction_report"; readonly document: AuctionReport }
  | { readonly type: "auction_proposal"; readonly document: AuctionProposal };

/**
 * agent_id of the one whom these ballots convict: one proposal, or two ballots.
 * @throws SIGNATURE_INVALID, VERIFICATION_FAILED.
 */
export function checkBallots(ballots: readonly SignedBallot[], context: VoteContext): string {
  for (const { type, document } of ballots)
    if (!isBallot(type, document, context))
      throw new ProtocolError("SIGNATURE_INVALID", `${type} of ${document.agentId}`);
  const [one, other] = ballots;
  if (one === undefined || ballots.length > 2) fail("it needs one ballot or two");
  if (other === undefined)
    return isBadProposal(one, context) ? one.document.agentId : fail("it is no lie alone");
  // A vote for a proposal that nobody might vote for: its leader is convicted by the proposal alone.
  if (votedForBad(one, other, context)) return one.document.agentId;
  if (votedForBad(other, one, context)) return other.document.agentId;
  return checkWord(one, other);
}

function checkWord(one: SignedBallot, other: SignedBallot): string {
  const { agentId } = one.document;
  if (agentId !== other.document.agentId) fail("two signers");
  if (!isTwice(one, other) && !breaksWord(one, other) && !breaksWord(other, one)) fail("both may stand");
  return agentId;
}

function fail(why: string): never {
  throw new ProtocolError("VERIFICATION_FAILED", `the proof proves nothing: ${why}`);
}

function isBadProposal({ type, document }: SignedBallot, context: VoteContext): boolean {
  if (type !== "auction_proposal") return false;
  return leaderOf(document.round, context) !== document.agentId || !isAllowed(document, context);
}

function votedForBad(vote: SignedBallot, proposal: SignedBallot, context: VoteContext): boolean {
  if (vote.type !== "auction_vote" || proposal.type !== "auction_proposal") return false;
  if (vote.document.proposalHash !== documentHash(proposal.document)) return false;
  const isOther =
    vote.document.round !== proposal.document.round || !sameValue(vote.document, proposal.document);
  return isOther || isBadProposal(proposal, context);
}

/** Two contents in one place. */
function isTwice(one: SignedBallot, other: SignedBallot): boolean {
  if (one.type !== other.type || one.document.round !== other.document.round) return false;
  return (
    documentHash({ ...one.document, signature: "" }) !== documentHash({ ...other.document, signature: "" })
  );
}

/** A report that is silent about what its signer voted or locked before. */
function breaksWord(said: SignedBallot, later: SignedBallot): boolean {
  if (later.type !== "auction_report") return false;
  const report = later.document;
  const { round } = said.document;
  if (said.type === "auction_vote") return round === 0 && !sameValue(said.document, report.first);
  if (said.type === "auction_lock")
    return round < report.round && isForgotten({ ...said.document, round }, report.lock);
  if (said.type !== "auction_report" || round >= report.round) return false;
  if (!sameValue(said.document.first, report.first)) return true;
  return said.document.lock !== undefined && isForgotten(said.document.lock, report.lock);
}

function isForgotten(lock: LockClaim, claim: LockClaim | undefined): boolean {
  if (claim === undefined || claim.round < lock.round) return true;
  return claim.round === lock.round && !sameValue(claim, lock);
}
