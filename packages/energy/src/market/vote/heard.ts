/** The ballots of one slot that were heard, one per agent, kind and round; what a liar says besides is evidence. */

import { type BallotType, isBallot, isLocked, isReport, type VoteContext } from "../proof/ballot-checks.ts";
import {
  type AuctionLock,
  type AuctionProposal,
  type AuctionReport,
  type AuctionVote,
  isValue,
  valueKey,
} from "../proof/ballots.ts";

/** Rounds ahead of the own one whose ballots are kept; further ones count as presence alone. */
const ROUNDS_AHEAD = 8;

export interface HeardReport {
  readonly report: AuctionReport;
  readonly certificate: readonly AuctionVote[];
}

type Valued = AuctionVote | AuctionLock;

type Ballot = Valued | AuctionReport | AuctionProposal;

/** Two contents that one agent signed for one place. */
export interface DoubleBallot {
  readonly type: BallotType;
  readonly documents: readonly [Ballot, Ballot];
}

/** Of one kind and round. */
class Tally<Of extends Valued> {
  readonly byAgent = new Map<string, Of>();
  readonly byValue = new Map<string, Of[]>();

  add(ballot: Of): void {
    this.byAgent.set(ballot.agentId, ballot);
    const key = valueKey(ballot);
    const same = this.byValue.get(key);
    if (same === undefined) this.byValue.set(key, [ballot]);
    else same.push(ballot);
  }

  /** Of one value, at least so many. */
  most(needed: number): readonly Of[] | undefined {
    for (const same of this.byValue.values()) if (same.length >= needed) return same;
    return undefined;
  }
}

export class Heard {
  readonly doubles: DoubleBallot[] = [];
  readonly #context: VoteContext;
  readonly #votes = new Map<number, Tally<AuctionVote>>();
  readonly #locks = new Map<number, Tally<AuctionLock>>();
  readonly #reports = new Map<number, Map<string, HeardReport>>();
  readonly #proposals = new Map<number, AuctionProposal>();
  /** The latest round each agent was heard in. */
  readonly #seen = new Map<string, number>();
  #round = 0;

  constructor(context: VoteContext) {
    this.#context = context;
  }

  /** Whether it was new; an own ballot is not verified again. */
  addVote(vote: AuctionVote, isOwn = false): boolean {
    return this.#addValued("auction_vote", vote, { tallies: this.#votes, isOwn });
  }

  addLock(lock: AuctionLock, isOwn = false): boolean {
    return this.#addValued("auction_lock", lock, { tallies: this.#locks, isOwn });
  }

  addReport(heard: HeardReport, isOwn = false): boolean {
    const { report } = heard;
    const before = this.#reports.get(report.round)?.get(report.agentId)?.report;
    const isTrusted = () => isOwn || isReport(report, this.#context);
    if (!this.#isNew("auction_report", { before, ballot: report, isTrusted })) return false;
    if (!this.#isKept(report.round) || !(isOwn || this.#isBacked(heard))) return false;
    const reports = this.#reports.get(report.round) ?? new Map<string, HeardReport>();
    reports.set(report.agentId, heard);
    this.#reports.set(report.round, reports);
    return true;
  }

  #isBacked({ report, certificate }: HeardReport): boolean {
    return report.lock === undefined || isLocked(report.lock, certificate, this.#context);
  }

  /** The caller says whether it is the round's leader's, and allowed. */
  addProposal(proposal: AuctionProposal): void {
    this.#proposals.set(proposal.round, proposal);
    this.#see(proposal);
    for (const report of proposal.reports) this.#see(report);
  }

  /** Keeps two ballots of one place as evidence, once per agent. */
  addDouble(type: BallotType, one: Ballot, other: Ballot): void {
    const isTold = this.doubles.some(({ documents }) => documents[0].agentId === one.agentId);
    if (!isTold) this.doubles.push({ type, documents: [one, other] });
  }

  hasProposal(round: number): boolean {
    return this.#proposals.has(round);
  }

  proposal(round: number): AuctionProposal | undefined {
    return this.#proposals.get(round);
  }

  reports(round: number): readonly HeardReport[] {
    return [...(this.#reports.get(round)?.values() ?? [])];
  }

  /** Votes of one value in this round, at least so many. */
  votes(round: number, needed: number): readonly AuctionVote[] | undefined {
    return this.#votes.get(round)?.most(needed);
  }

  /** Locks of one value in any one round, at least so many. */
  locks(needed: number): readonly AuctionLock[] | undefined {
    for (const tally of this.#locks.values()) {
      const enough = tally.most(needed);
      if (enough !== undefined) return enough;
    }
    return undefined;
  }

  /** How many agents were heard in this round or a later one. */
  heardIn(round: number): number {
    let count = 0;
    for (const seen of this.#seen.values()) if (seen >= round) count += 1;
    return count;
  }

  /** The latest round that so many agents have reached. */
  reachedBy(count: number): number {
    const rounds = [...this.#seen.values()].sort((a, b) => b - a);
    return rounds[count - 1] ?? 0;
  }

  /** Of rounds before it only the acks of round 0 and locks still end anything. */
  enter(round: number): void {
    this.#round = round;
    for (const kept of [this.#votes, this.#reports, this.#proposals])
      for (const old of kept.keys()) if (old < round && (old > 0 || kept !== this.#votes)) kept.delete(old);
  }

  #see({ agentId, round }: { readonly agentId: string; readonly round: number }): void {
    if (round > (this.#seen.get(agentId) ?? -1)) this.#seen.set(agentId, round);
  }

  #isKept(round: number): boolean {
    return round <= this.#round + ROUNDS_AHEAD;
  }

  #addValued<Of extends Valued>(
    type: "auction_vote" | "auction_lock",
    ballot: Of,
    { tallies, isOwn }: { readonly tallies: Map<number, Tally<Of>>; readonly isOwn: boolean },
  ): boolean {
    const before = tallies.get(ballot.round)?.byAgent.get(ballot.agentId);
    const isTrusted = () => isOwn || (isValue(ballot) && isBallot(type, ballot, this.#context));
    if (!this.#isNew(type, { before, ballot, isTrusted })) return false;
    const isOld = type === "auction_vote" && ballot.round > 0 && ballot.round < this.#round;
    if (isOld || !this.#isKept(ballot.round)) return false;
    const tally = tallies.get(ballot.round) ?? new Tally<Of>();
    tally.add(ballot);
    tallies.set(ballot.round, tally);
    return true;
  }

  /** The first of its place whose signature holds; a second one is evidence. */
  #isNew(
    type: BallotType,
    of: { readonly before: Ballot | undefined; readonly ballot: Ballot; readonly isTrusted: () => boolean },
  ): boolean {
    if (of.before?.signature === of.ballot.signature || !of.isTrusted()) return false;
    this.#see(of.ballot);
    if (of.before === undefined) return true;
    this.addDouble(type, of.before, of.ballot);
    return false;
  }
}
