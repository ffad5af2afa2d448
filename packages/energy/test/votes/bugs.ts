/** Mistakes that a vote could have; the simulator must find each. */

import {
  type AuctionReport,
  type AuctionVote,
  type SlotEnd,
  SlotVote,
  type SlotVoteSetup,
  type VoteMessage,
  type VoteRecord,
  type VoteStep,
  type VoteValue,
} from "@gridmesh/energy";

export interface VoteBug {
  readonly name: string;
  readonly Life?: typeof SlotVote;
  readonly setup?: (setup: SlotVoteSetup) => SlotVoteSetup;
  /** Messages leave before the journal holds what they say. */
  readonly isJournalLate?: boolean;
  /** What a restart still finds. */
  readonly keeps?: (record: VoteRecord) => boolean;
  /** Another idea of when it has ended. */
  readonly end?: (life: SlotVote | undefined, atMs: number) => SlotEnd | undefined;
}

function quorums(change: (setup: SlotVoteSetup) => Partial<SlotVoteSetup["quorums"]>) {
  return (setup: SlotVoteSetup): SlotVoteSetup => ({
    ...setup,
    quorums: { ...setup.quorums, ...change(setup) },
  });
}

function value(report: AuctionReport | undefined): VoteValue {
  const said = report?.lock ?? report?.first ?? { vote: "void" };
  return said.resultHash === undefined
    ? { vote: said.vote }
    : { vote: said.vote, resultHash: said.resultHash };
}

/** Takes any proposal of the leader's whose ballots are signed. */
class Gullible extends SlotVote {
  protected override mayVoteFor(): boolean {
    return true;
  }
}

class ForgetsLocks extends SlotVote {
  protected override enter(round: number): void {
    this.held = undefined;
    super.enter(round);
  }
}

class ForgetsFirst extends SlotVote {
  protected override enter(round: number): void {
    this.first = undefined;
    super.enter(round);
  }
}

class IgnoresLocks extends Gullible {
  protected override choose(reports: readonly AuctionReport[]): VoteValue {
    return super.choose(reports.map((report) => withoutLock(report)));
  }
}

function withoutLock(report: AuctionReport): AuctionReport {
  const { lock: _, ...rest } = report;
  return rest;
}

class IgnoresAcks extends Gullible {
  protected override choose(reports: readonly AuctionReport[]): VoteValue {
    const lock = reports.some((report) => report.lock !== undefined);
    return lock ? super.choose(reports) : { vote: "void" };
  }
}

class TakesFirstReport extends Gullible {
  protected override choose(reports: readonly AuctionReport[]): VoteValue {
    return value(reports[0]);
  }
}

class TakesOldestLock extends Gullible {
  protected override choose(reports: readonly AuctionReport[]): VoteValue {
    const locks = reports.filter(({ lock }) => lock !== undefined);
    const oldest = locks.toSorted((a, b) => (a.lock?.round ?? 0) - (b.lock?.round ?? 0))[0];
    return oldest === undefined ? super.choose(reports) : value(oldest);
  }
}

/** Believes that a lock is there because the report says so. */
class BelievesLocks extends Gullible {
  protected override take(message: VoteMessage): void {
    if (message.kind === "report" && message.report.agentId !== this.setup.agentId)
      this.heard.addReport(message, true);
    else super.take(message);
  }
}

class BelievesEnds extends SlotVote {
  protected override take(message: VoteMessage): void {
    if (message.kind === "end" && this.ended === undefined) this.finish(message.end);
    else super.take(message);
  }
}

class BelievesNames extends SlotVote {
  protected override take(message: VoteMessage): void {
    if (message.kind === "vote") this.heard.addVote(message.vote, true);
    else if (message.kind === "lock") this.heard.addLock(message.lock, true);
    else super.take(message);
  }
}

/** Votes again when it hears otherwise. */
class VotesTwice extends SlotVote {
  protected override castVote(): boolean {
    const proposal = this.heard.proposal(this.round);
    if (this.own.vote !== undefined && proposal !== undefined && this.round > 0) return false;
    return super.castVote();
  }

  protected override castFirst(atMs: number): boolean {
    if (this.round === 0 && this.own.vote?.vote === "ack" && atMs >= this.setup.ackByMs) {
      this.sayVote({ vote: "void" }, { reason: "refused" });
      return true;
    }
    return super.castFirst(atMs);
  }
}

/** The first vote comes late: after the agent has said that it has none. */
class VotesLate extends SlotVote {
  protected override leave(atMs: number): boolean {
    return super.leave(atMs);
  }

  override found(result: { readonly resultHash: string; readonly isRight: boolean }, atMs: number): VoteStep {
    if (this.round > 0 && this.first === undefined && result.isRight) {
      const [round, own] = [this.round, this.own];
      this.round = 0;
      this.own = {};
      this.sayVote({ vote: "ack", resultHash: result.resultHash });
      this.round = round;
      this.own = own;
      this.first = undefined;
    }
    return super.found(result, atMs);
  }
}

/** Locks in a round that it has left. */
class LocksLate extends SlotVote {
  protected override lock(): boolean {
    const isLocked = super.lock();
    if (isLocked || this.round === 0 || this.held !== undefined) return isLocked;
    const votes = this.heard.votes(0, this.setup.quorums.most);
    if (votes === undefined) return false;
    const [round, own, first] = [this.round, this.own, this.first];
    this.round = 0;
    this.own = {};
    const late = super.lock();
    this.round = round;
    this.own = own;
    this.first = first;
    return late;
  }
}

/** Adds up locks of different rounds. */
class MixesRounds extends SlotVote {
  readonly #locks = new Map<string, Set<string>>();
  protected override take(message: VoteMessage): void {
    super.take(message);
    if (message.kind !== "lock") return;
    const { lock } = message;
    const key = lock.resultHash ?? "void";
    const signers = (this.#locks.get(key) ?? new Set()).add(lock.agentId);
    this.#locks.set(key, signers);
    if (signers.size < this.setup.quorums.most || this.ended !== undefined) return;
    const { slotId, rulesHash } = lock;
    this.finish({
      slotId,
      rulesHash,
      end: lock.vote === "ack" ? "FINAL" : "VOID",
      ...(lock.resultHash === undefined ? {} : { resultHash: lock.resultHash }),
      locks: [],
    });
  }
}

class NeverLeaves extends SlotVote {
  protected override leave(): boolean {
    return false;
  }
}

class OneLeader extends SlotVote {
  protected override leaderOf(): string | undefined {
    return this.setup.leaders[0];
  }
}

/** Runs ahead alone: nobody waits for it, and it waits for nobody. */
class SaysOnce extends SlotVote {
  protected override advance(atMs: number): VoteStep {
    const step = super.advance(atMs);
    return { ...step, messages: step.messages.filter(({ message }) => message.again !== true) };
  }
}

class TakesNoEnd extends SlotVote {
  protected override take(message: VoteMessage): void {
    if (message.kind !== "end") super.take(message);
  }
}

function ended(life: SlotVote, vote: "ack" | "void", by: readonly AuctionVote[]): SlotEnd {
  const { slotId, rulesHash } = by[0] ?? { slotId: "", rulesHash: "" };
  return { slotId, rulesHash, end: vote === "ack" ? "FINAL" : "VOID", acks: life.end?.acks ?? [] };
}

/** By the voids of a third, as one round alone would have it. */
class VoidsByThird extends SlotVote {
  protected override decide(): boolean {
    const voids = this.heard.votes(0, Math.ceil(this.setup.quorums.n / 3));
    if (voids?.[0]?.vote === "void") {
      this.finish(ended(this, "void", voids));
      return true;
    }
    return super.decide();
  }
}

class VoidsByClock extends SlotVote {
  protected override advance(atMs: number): VoteStep {
    const { slotId, rulesHash } = this.setup;
    if (this.ended === undefined && atMs > this.setup.ackByMs + 70_000)
      this.finish({ slotId, rulesHash, end: "VOID", locks: [] });
    return super.advance(atMs);
  }
}

export const voteBugs: readonly VoteBug[] = [
  { name: "vote-before-journal", isJournalLate: true },
  { name: "votes-not-kept", keeps: ({ kind }) => kind !== "vote" },
  { name: "reports-not-kept", keeps: ({ kind }) => kind !== "report" },
  { name: "lock-not-kept", keeps: ({ kind }) => kind !== "lock" },
  { name: "lock-not-reported", Life: ForgetsLocks },
  { name: "ack-not-reported", Life: ForgetsFirst },
  { name: "quorum-off-by-one", setup: quorums(({ quorums: { most } }) => ({ most: most - 1 })) },
  { name: "one-round-quorum", setup: quorums(({ quorums: { most } }) => ({ fast: most })) },
  { name: "trace-too-high", setup: quorums(({ quorums: { trace } }) => ({ trace: trace + 1 })) },
  { name: "stale-lock-wins", Life: TakesOldestLock },
  { name: "locks-ignored", Life: IgnoresLocks },
  { name: "acks-ignored", Life: IgnoresAcks },
  { name: "first-report-wins", Life: TakesFirstReport },
  { name: "proposal-unchecked", Life: Gullible },
  { name: "lock-unchecked", Life: BelievesLocks },
  { name: "end-unchecked", Life: BelievesEnds },
  { name: "signature-unchecked", Life: BelievesNames },
  { name: "votes-twice", Life: VotesTwice },
  { name: "votes-late", Life: VotesLate },
  { name: "locks-late", Life: LocksLate },
  { name: "rounds-mixed", Life: MixesRounds },
  { name: "void-by-third", Life: VoidsByThird },
  { name: "void-by-clock", Life: VoidsByClock },
  { name: "never-leaves-a-round", Life: NeverLeaves },
  { name: "one-leader-for-ever", Life: OneLeader },
  { name: "says-once", Life: SaysOnce },
  { name: "takes-no-end", Life: TakesNoEnd },
];
