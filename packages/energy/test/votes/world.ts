/** One slot among n agents on a network that loses, doubles, delays and parts, with signatures nobody can forge. */

import {
  type SignAuction,
  type SignedBallot,
  type SlotVoteSetup,
  voteContext,
  type VoteContext,
  type VoteMessage,
} from "@gridmesh/energy";
import type { Dice } from "../book-cases.ts";
import { Events } from "./events.ts";
import { ACK_BY_MS, type VotePlan } from "./plan.ts";

export function ballotOf(message: VoteMessage): SignedBallot["document"] | undefined {
  if (message.kind === "vote") return message.vote;
  if (message.kind === "lock") return message.lock;
  if (message.kind === "report") return message.report;
  return message.kind === "proposal" ? message.proposal : undefined;
}

export interface Member {
  receive(message: VoteMessage, from: number): void;
}

export interface Counts {
  slots: number;
  final: number;
  finalInOneRound: number;
  void: number;
  messages: number;
  lost: number;
  doubled: number;
  votes: number;
  crashes: number;
  returns: number;
  partitions: number;
  liars: number;
  dead: number;
  convicted: number;
  roundsMost: number;
}

export function noCounts(): Counts {
  return {
    slots: 0,
    final: 0,
    finalInOneRound: 0,
    void: 0,
    messages: 0,
    lost: 0,
    doubled: 0,
    votes: 0,
    crashes: 0,
    returns: 0,
    partitions: 0,
    liars: 0,
    dead: 0,
    convicted: 0,
    roundsMost: 0,
  };
}

/** A promise that did not hold. */
export class Breach extends Error {
  readonly invariant: string;
  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`);
    this.invariant = invariant;
  }
}

export class World {
  readonly events = new Events();
  readonly roll: Dice;
  readonly plan: VotePlan;
  readonly ids: readonly string[];
  readonly context: VoteContext;
  readonly counts = noCounts();
  readonly members: Member[] = [];
  /** The star has ended. */
  isStarOut = false;
  /** Every ballot that left its signer. */
  readonly sent = new Set<SignedBallot["document"]>();
  readonly #signatures = new WeakMap<object, string>();
  #signs = 0;

  constructor(roll: Dice, plan: VotePlan) {
    this.roll = roll;
    this.plan = plan;
    this.ids = Array.from({ length: plan.n }, (_, index) => `agent-${String(index).padStart(2, "0")}`);
    this.context = voteContext({
      network: "simulated",
      slotId: `city/${String(roll(1_000) * 900)}/900`,
      rulesHash: "0".repeat(64),
      roll: this.ids,
      verify: (type, document) => this.#signatures.get(document) === type,
    });
  }

  /** Signs as anybody: who calls it answers for whom. Whatever is changed afterwards is another object, and unsigned. */
  readonly sign: SignAuction = (type, fields) => {
    this.#signs += 1;
    const document = Object.freeze({ ...fields, signature: `${fields.agentId} ${String(this.#signs)}` });
    this.#signatures.set(document, type);
    return document;
  };

  setup(index: number): SlotVoteSetup {
    const agentId = this.ids[index] ?? "";
    return {
      ...this.context,
      agentId,
      sign: this.sign,
      ackByMs: ACK_BY_MS,
      roundMs: 1_000,
      resendMs: 1_000,
    };
  }

  typeOf(document: object): string | undefined {
    return this.#signatures.get(document);
  }

  /** To one, or to all others. */
  send(from: number, message: VoteMessage, to?: string): void {
    for (const [index, id] of this.ids.entries())
      if (index !== from && (to === undefined || to === id)) this.post(from, index, message);
  }

  post(from: number, to: number, message: VoteMessage): void {
    const { plan, roll, counts, events } = this;
    const ballot = ballotOf(message);
    if (ballot !== undefined) this.sent.add(ballot);
    counts.messages += 1;
    const isCalm = events.atMs >= plan.calmMs;
    if (!isCalm && (this.#isParted(from, to) || roll(1_000) < this.#lossPermille(message, from, to))) {
      counts.lost += 1;
      return;
    }
    const isTwice = !isCalm && roll(1_000) < plan.twicePermille;
    if (isTwice) counts.doubled += 1;
    for (let copy = isTwice ? 2 : 1; copy > 0; copy -= 1) {
      const delayMs = 5 + roll(isCalm ? 150 : plan.delayMs);
      events.put(events.atMs + delayMs, () => this.members[to]?.receive(message, from));
    }
  }

  #lossPermille(message: VoteMessage, from: number, to: number): number {
    const { isNarrow, star, lossPermille } = this.plan;
    if (star !== undefined) return this.#starLossPermille(message, from, to);
    if (!isNarrow) return lossPermille;
    if (message.kind === "vote") return (to * 7 + message.vote.round * 3) % 5 === 0 ? 50 : 900;
    if (message.kind === "lock") return 600;
    if (message.kind === "report") return message.report.lock === undefined ? 50 : 800;
    return message.kind === "end" ? 900 : 50;
  }

  #starLossPermille(message: VoteMessage, from: number, to: number): number {
    const { star, hidden, liars, isDeaf } = this.plan;
    if (from === star && this.isStarOut) return 1_000;
    if (to === star || liars[to] !== undefined) return 0;
    if (message.kind === "lock") return message.lock.round === 0 ? 970 : 200;
    if (message.kind === "report") return hidden[from] === true ? 950 : 50;
    if (message.kind === "end") return 1_000;
    if (message.kind !== "vote") return 0;
    const isUnheard = isDeaf && (from === star || hidden[from] === true);
    return message.vote.round > 0 ? 200 : isUnheard ? 1_000 : 0;
  }

  #isParted(from: number, to: number): boolean {
    const { atMs } = this.events;
    return this.plan.partitions.some(({ fromMs, toMs, side, oneWay }) => {
      if (atMs < fromMs || atMs >= toMs || side[from] === side[to]) return false;
      return !oneWay || side[from] === true;
    });
  }
}
