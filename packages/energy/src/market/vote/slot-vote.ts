/**
 * One agent's part in ending one slot: FINAL for one result, or VOID, the same everywhere.
 *
 * Round 0 carries the supervisors' results: who recomputed one in time acks it, who did not votes void. In each later
 * round a leader proposes the one value that most agents' reports allow. Votes of most lock a value, locks of most end
 * the slot, and so many acks of round 0 that no reports can hide them end it at once.
 */

import {
  allowedValue,
  isAllowed,
  isBallot,
  isEnded,
  latestLock,
  leaderOf,
  type VoteContext,
} from "../proof/ballot-checks.ts";
import {
  type AuctionLock,
  type AuctionProposal,
  type AuctionReport,
  type AuctionVote,
  type LockClaim,
  type SlotEnd,
  valueOf,
  type VoteValue,
} from "../proof/ballots.ts";
import { documentHash } from "../proof/documents.ts";
import { type DoubleBallot, Heard, type HeardReport } from "./heard.ts";
import type { Addressed, SignAuction, VoteMessage, VoteRecord, VoteStep } from "./messages.ts";
import { Repeats } from "./repeats.ts";

export interface SlotVoteSetup extends VoteContext {
  /** On the roll or not: who is not hears how the slot ends, and says nothing. */
  readonly agentId: string;
  readonly sign: SignAuction;
  /** Last instant for an ack, by the own clock, ms. */
  readonly ackByMs: number;
  /** What a round may take among agents that hear each other, ms > 0; round r waits r + 1 times as long. */
  readonly roundMs: number;
  /** How long until what was signed is sent again, ms; it doubles up to eight times that. */
  readonly resendMs: number;
}

/** What was signed in the current round. */
interface Own {
  vote?: AuctionVote;
  lock?: AuctionLock;
  report?: HeardReport;
  proposal?: AuctionProposal;
}

export class SlotVote {
  protected readonly setup: SlotVoteSetup;
  protected readonly heard: Heard;
  protected round = 0;
  protected own: Own = {};
  /** Of round 0. */
  protected first: AuctionVote | undefined;
  protected held: { readonly claim: LockClaim; readonly certificate: readonly AuctionVote[] } | undefined;
  protected ended: SlotEnd | undefined;
  readonly #repeats: Repeats;
  readonly #isVoter: boolean;
  #rightResult: string | undefined;
  #sawResult = false;
  #roundEndsMs: number | undefined;
  #records: VoteRecord[] = [];
  #messages: Addressed[] = [];

  /** @param records all that earlier lives of this agent journaled of the slot, in order. */
  constructor(setup: SlotVoteSetup, records: readonly VoteRecord[] = []) {
    this.setup = setup;
    this.heard = new Heard(setup);
    this.#repeats = new Repeats(setup.resendMs);
    this.#isVoter = setup.roll.has(setup.agentId);
    for (const record of records) this.restore(record);
  }

  /** How the slot ended, once its record is durable. */
  get end(): SlotEnd | undefined {
    return this.ended;
  }

  /** Who signed two contents in one place: evidence for anybody. */
  get doubles(): readonly DoubleBallot[] {
    return this.heard.doubles;
  }

  /** A result came and was recomputed; the caller says whether it may be acked. */
  found(result: { readonly resultHash: string; readonly isRight: boolean }, atMs: number): VoteStep {
    this.#sawResult = true;
    if (result.isRight) this.#rightResult ??= result.resultHash;
    return this.advance(atMs);
  }

  /** A ballot or an end came, from whomever; what does not hold changes nothing. */
  receive(message: VoteMessage, atMs: number): VoteStep {
    if (this.ended === undefined) this.take(message);
    else this.#answer(message, atMs);
    return this.advance(atMs);
  }

  /** Time has passed; to be called at the start, and at the instants it asks for. */
  wake(atMs: number): VoteStep {
    return this.advance(atMs);
  }

  protected restore(record: VoteRecord): void {
    if (record.kind === "end") this.ended = record.end;
    if (record.kind === "report") {
      this.#enterRound(record.report.round);
      this.own.report = { report: record.report, certificate: this.held?.certificate ?? [] };
      this.heard.addReport(this.own.report, true);
    }
    if (record.kind === "vote") {
      this.own.vote = record.vote;
      if (record.vote.round === 0) this.first = record.vote;
      this.heard.addVote(record.vote, true);
    }
    if (record.kind === "lock") {
      const { lock, certificate } = record;
      this.own.lock = lock;
      this.held = { claim: { ...valueOf(lock), round: lock.round }, certificate };
      this.heard.addLock(lock, true);
    }
    if (record.kind === "proposal") {
      this.own.proposal = record.proposal;
      this.heard.addProposal(record.proposal);
    }
  }

  protected take(message: VoteMessage): void {
    if (message.kind === "vote") this.heard.addVote(message.vote);
    if (message.kind === "lock") this.heard.addLock(message.lock);
    if (message.kind === "report") this.heard.addReport(message);
    if (message.kind === "proposal") this.takeProposal(message.proposal);
    if (message.kind === "end" && isEnded(message.end, this.setup)) this.finish(message.end);
  }

  protected takeProposal(proposal: AuctionProposal): void {
    const { round } = proposal;
    const before = this.heard.proposal(round);
    if (round < Math.max(1, this.round) || before?.signature === proposal.signature) return;
    if (proposal.agentId !== this.leaderOf(round)) return;
    if (!isBallot("auction_proposal", proposal, this.setup) || !this.mayVoteFor(proposal)) return;
    if (before === undefined) this.heard.addProposal(proposal);
    else this.heard.addDouble("auction_proposal", before, proposal);
  }

  protected mayVoteFor(proposal: AuctionProposal): boolean {
    return isAllowed(proposal, this.setup);
  }

  protected leaderOf(round: number): string | undefined {
    return leaderOf(round, this.setup);
  }

  /** Everything that is due by now, until nothing is. */
  protected advance(atMs: number): VoteStep {
    let isMoving = true;
    while (isMoving && this.ended === undefined)
      isMoving = this.decide() || this.catchUp() || (this.#isVoter && this.#act(atMs));
    if (this.ended === undefined && this.#isVoter) this.#resend(atMs);
    const wakeAtMs = this.#wakeAtMs();
    const step = { records: this.#records, messages: this.#messages };
    this.#records = [];
    this.#messages = [];
    return wakeAtMs === undefined ? step : { ...step, wakeAtMs };
  }

  #act(atMs: number): boolean {
    return this.castFirst(atMs) || this.propose() || this.castVote() || this.lock() || this.leave(atMs);
  }

  /** Locks of most in one round, or enough acks in round 0. */
  protected decide(): boolean {
    const { most, fast } = this.setup.quorums;
    const { slotId, rulesHash } = this.setup;
    const locks = this.heard.locks(most);
    const acks = this.heard.votes(0, fast);
    const value = locks?.[0] ?? acks?.[0];
    // Voids that many end nothing by themselves: a slot that comes to nothing is in no hurry.
    if (value === undefined || (locks === undefined && value.vote === "void")) return false;
    this.finish({
      slotId,
      rulesHash,
      end: value.vote === "ack" ? "FINAL" : "VOID",
      ...(value.resultHash === undefined ? {} : { resultHash: value.resultHash }),
      ...(locks === undefined ? { acks: acks ?? [] } : { locks: locks.slice(0, most) }),
    });
    return true;
  }

  protected finish(end: SlotEnd): void {
    this.ended = end;
    this.#records.push({ kind: "end", end });
  }

  /** More agents than may lie are further: one of them is honest, and went there for a reason. */
  protected catchUp(): boolean {
    const some = this.setup.quorums.liars + 1;
    if (this.heard.heardIn(this.round + 1) < some) return false;
    const round = this.heard.reachedBy(some);
    if (this.#isVoter) this.enter(round);
    else this.#enterRound(round);
    return true;
  }

  /** Round 0 and no vote yet: an ack while there is time, a void after. */
  protected castFirst(atMs: number): boolean {
    if (this.round > 0 || this.own.vote !== undefined || this.own.lock !== undefined) return false;
    if (atMs >= this.setup.ackByMs) {
      const reason = this.#sawResult ? "refused" : "no_result";
      this.sayVote({ vote: "void" }, { reason });
      return true;
    }
    if (this.#rightResult === undefined) return false;
    this.sayVote({ vote: "ack", resultHash: this.#rightResult });
    return true;
  }

  protected propose(): boolean {
    if (this.round === 0 || this.own.proposal !== undefined) return false;
    if (this.leaderOf(this.round) !== this.setup.agentId || this.heard.hasProposal(this.round)) return false;
    const heard = this.heard.reports(this.round).slice(0, this.setup.quorums.most);
    if (heard.length < this.setup.quorums.most) return false;
    const reports = heard.map(({ report }) => report);
    const proposal = this.setup.sign("auction_proposal", {
      ...this.#place(),
      ...this.choose(reports),
      reports,
      certificate: certificateOf(heard),
    });
    this.own.proposal = proposal;
    this.heard.addProposal(proposal);
    this.#records.push({ kind: "proposal", proposal });
    this.#say({ kind: "proposal", proposal });
    return true;
  }

  protected choose(reports: readonly AuctionReport[]): VoteValue {
    return allowedValue(reports, this.setup.quorums);
  }

  /** For the leader's proposal. */
  protected castVote(): boolean {
    if (this.round === 0 || this.own.vote !== undefined) return false;
    const proposal = this.heard.proposal(this.round);
    if (proposal === undefined) return false;
    this.sayVote(valueOf(proposal), { proposalHash: documentHash(proposal) });
    return true;
  }

  protected sayVote(value: VoteValue, more: Pick<AuctionVote, "reason" | "proposalHash"> = {}): void {
    const vote: AuctionVote = this.setup.sign("auction_vote", { ...this.#place(), ...value, ...more });
    this.own.vote = vote;
    if (this.round === 0) this.first = vote;
    this.heard.addVote(vote, true);
    this.#records.push({ kind: "vote", vote });
    this.#say({ kind: "vote", vote });
  }

  /** Votes of most in the current round; who has left a round locks nothing there. */
  protected lock(): boolean {
    if (this.own.lock !== undefined) return false;
    const votes = this.heard.votes(this.round, this.setup.quorums.most);
    const [one] = votes ?? [];
    if (votes === undefined || one === undefined) return false;
    const certificate = votes.slice(0, this.setup.quorums.most);
    const lock: AuctionLock = this.setup.sign("auction_lock", { ...this.#place(), ...valueOf(one) });
    this.own.lock = lock;
    this.held = { claim: { ...valueOf(one), round: this.round }, certificate };
    this.heard.addLock(lock, true);
    this.#records.push({ kind: "lock", lock, certificate });
    this.#say({ kind: "lock", lock });
    return true;
  }

  /** A round's time runs from when most agents are in it; round 0's not before the last instant for acks. */
  protected leave(atMs: number): boolean {
    if (this.#roundEndsMs === undefined) {
      if (this.round === 0 && atMs < this.setup.ackByMs) return false;
      if (this.heard.heardIn(this.round) < this.setup.quorums.most) return false;
      this.#roundEndsMs = atMs + this.setup.roundMs * (this.round + 1);
    }
    if (atMs < this.#roundEndsMs) return false;
    this.enter(this.round + 1);
    return true;
  }

  /** From here on nothing is signed for earlier rounds, and the report says so. */
  protected enter(round: number): void {
    this.#enterRound(round);
    const report: AuctionReport = this.setup.sign("auction_report", {
      ...this.#place(),
      ...(this.first === undefined ? {} : { first: valueOf(this.first) }),
      ...(this.held === undefined ? {} : { lock: this.held.claim }),
    });
    this.own.report = { report, certificate: this.held?.certificate ?? [] };
    this.heard.addReport(this.own.report, true);
    this.#records.push({ kind: "report", report });
    this.#say({ kind: "report", ...this.own.report });
  }

  #enterRound(round: number): void {
    this.round = round;
    this.own = {};
    this.heard.enter(round);
    this.#roundEndsMs = undefined;
    this.#repeats.restart();
  }

  #place() {
    const { agentId, slotId, rulesHash } = this.setup;
    return { agentId, slotId, rulesHash, round: this.round };
  }

  #say(message: VoteMessage): void {
    this.#messages.push({ message });
  }

  /** Whoever still asks after the end is told it, now and then. */
  #answer(message: VoteMessage, atMs: number): void {
    if (this.ended === undefined || message.again !== true || message.kind === "end") return;
    const { agentId: to } = senderOf(message);
    if (!this.setup.roll.has(to) || !this.#repeats.mayTell(to, atMs)) return;
    this.#messages.push({ to, message: { kind: "end", end: this.ended } });
  }

  #resend(atMs: number): void {
    if (!this.#repeats.isDue(atMs)) return;
    for (const message of this.#ownMessages()) this.#say({ ...message, again: true });
  }

  #ownMessages(): VoteMessage[] {
    const { vote, lock, report, proposal } = this.own;
    return [
      ...(this.first === undefined || this.first === vote
        ? []
        : [{ kind: "vote", vote: this.first } as const]),
      ...(report === undefined ? [] : [{ kind: "report", ...report } as const]),
      ...(proposal === undefined ? [] : [{ kind: "proposal", proposal } as const]),
      ...(vote === undefined ? [] : [{ kind: "vote", vote } as const]),
      ...(lock === undefined ? [] : [{ kind: "lock", lock } as const]),
    ];
  }

  #wakeAtMs(): number | undefined {
    if (this.ended !== undefined || !this.#isVoter) return undefined;
    const isWaiting = this.round === 0 && this.own.vote === undefined && this.own.lock === undefined;
    const due = [this.#repeats.atMs, this.#roundEndsMs, isWaiting ? this.setup.ackByMs : undefined];
    return Math.min(...due.filter((at) => at !== undefined));
  }
}

/** The votes under the latest lock among the reports. */
function certificateOf(heard: readonly HeardReport[]): readonly AuctionVote[] {
  const lock = latestLock(heard.map(({ report }) => report));
  return heard.find(({ report }) => report.lock !== undefined && report.lock === lock)?.certificate ?? [];
}

function senderOf(message: Exclude<VoteMessage, { kind: "end" }>): { readonly agentId: string } {
  if (message.kind === "vote") return message.vote;
  if (message.kind === "lock") return message.lock;
  return message.kind === "report" ? message.report : message.proposal;
}
