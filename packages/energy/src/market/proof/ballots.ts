/** What those on the roll sign to end a slot, in one round when all is well and in more when not. */

/** What a round may come to: a result by its hash, or nothing. */
export interface VoteValue {
  readonly vote: "ack" | "void";
  /** sha256 of the result's canonical form, hex; of an ack. */
  readonly resultHash?: string;
}

interface Ballot {
  readonly agentId: string;
  readonly slotId: string;
  readonly rulesHash: string;
  /** 0 is the round of the supervisors' results; later ones have a leader each. */
  readonly round: number;
  /** base64; over type, network and all other fields. */
  readonly signature: string;
}

/** One per round. In round 0 an ack says that the result was recomputed, later that the round's proposal stands. */
export interface AuctionVote extends Ballot, VoteValue {
  /** Of a void in round 0. */
  readonly reason?: "no_result" | "refused";
  /** documentHash of the proposal voted for, from round 1 on. */
  readonly proposalHash?: string;
}

/** One per round: enough of its votes for this value were seen, and no other will be proposed unless a later lock is. */
export interface AuctionLock extends Ballot, VoteValue {}

export interface LockClaim extends VoteValue {
  readonly round: number;
}

/** Told on entering a round: what was voted in round 0, if anything, and the highest lock, if any. */
export interface AuctionReport extends Ballot {
  readonly first?: VoteValue;
  readonly lock?: LockClaim;
}

/** The leader's: the one value that these reports allow, with the votes that the highest lock among them stands on. */
export interface AuctionProposal extends Ballot, VoteValue {
  readonly reports: readonly AuctionReport[];
  readonly certificate: readonly AuctionVote[];
}

/** How a slot ended, proven to anybody by its signatures: acks of round 0, or locks of one round. */
export interface SlotEnd {
  readonly slotId: string;
  readonly rulesHash: string;
  readonly end: "FINAL" | "VOID";
  /** Of FINAL. */
  readonly resultHash?: string;
  readonly acks?: readonly AuctionVote[];
  readonly locks?: readonly AuctionLock[];
}

/** The value alone, of a ballot that carries more. */
export function valueOf({ vote, resultHash }: VoteValue): VoteValue {
  return resultHash === undefined ? { vote } : { vote, resultHash };
}

/** Equal for equal values; no hash reads so. */
export function valueKey({ vote, resultHash }: VoteValue): string {
  return vote === "void" ? "void" : `ack ${resultHash}`;
}

export function sameValue(one: VoteValue | undefined, other: VoteValue | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return valueKey(one) === valueKey(other);
}

/** Whether a value is one: an ack names a result, a void none. */
export function isValue({ vote, resultHash }: VoteValue): boolean {
  return vote === "void" ? resultHash === undefined : vote === "ack" && typeof resultHash === "string";
}
