/** One slot as one seat lives it: orders come, a supervisor clears them, everybody votes, the end is booked. */

import {
  type Auction,
  type ClearingResult,
  documentHash,
  findFraud,
  type OrderReveal,
  rememberVerified,
  resultOf,
  type SlotEnd,
  SlotVote,
  type VoteMessage,
  type VoteRecord,
  type VoteStep,
  voteContext,
} from "@gridmesh/energy";
import type { Signer } from "@gridmesh/protocol";

/** Milliseconds after the slot's beginning. */
export interface SlotTimes {
  /** The first supervisor clears. */
  readonly clearMs: number;
  /** Each next in rank waits so much longer. */
  readonly takeOverMs: number;
  readonly ackMs: number;
  readonly roundMs: number;
}

export type Said =
  | { readonly kind: "reveal"; readonly reveal: OrderReveal }
  /** Who knows how the slot ended, but not on what. */
  | { readonly kind: "ask"; readonly agentId: string; readonly resultHash: string }
  | { readonly kind: "result"; readonly result: ClearingResult; readonly reveals: readonly OrderReveal[] }
  | { readonly kind: "vote"; readonly message: VoteMessage };

export interface SlotLifeOptions {
  readonly auction: Auction;
  readonly signer: Signer;
  readonly beganAtMs: number;
  readonly times: SlotTimes;
  /** What this seat journaled of the slot in earlier lives; grows. */
  readonly journal: VoteRecord[];
  /** To one agent, or to all others. */
  readonly say: (said: Said, to?: string) => void;
}

interface Cleared {
  readonly result: ClearingResult;
  readonly reveals: readonly OrderReveal[];
}

/** Ballots of a few rounds of everybody. */
const REMEMBERED = 1_000;
const ASK_MS = 1_000;

export class SlotLife {
  readonly #options: SlotLifeOptions;
  readonly #vote: SlotVote;
  readonly #reveals = new Map<string, OrderReveal>();
  /** Cleared orders by the hash of their result. */
  readonly #cleared = new Map<string, Cleared>();
  #saidResult = false;
  #askAtMs = 0;
  #wakeAtMs: number | undefined = 0;
  endedAtMs: number | undefined;

  constructor(options: SlotLifeOptions) {
    const { auction, signer, beganAtMs, times, journal } = options;
    const { network, rules, verify } = auction.context;
    this.#options = options;
    const roll = rules.roll.map(({ agent_id }) => agent_id);
    const { slotId, rulesHash } = auction;
    this.#vote = new SlotVote(
      {
        ...voteContext({ network, slotId, rulesHash, roll, verify: rememberVerified(verify, REMEMBERED) }),
        agentId: signer.agentId,
        sign: (type, fields) => auction.sign(type, fields, signer),
        ackByMs: beganAtMs + times.ackMs,
        roundMs: times.roundMs,
        resendMs: times.roundMs,
      },
      journal,
    );
  }

  get end(): SlotEnd | undefined {
    return this.#vote.end;
  }

  /** The orders of the result the slot ended with, where this seat has them. */
  get traded(): readonly OrderReveal[] | undefined {
    return this.#cleared.get(this.#vote.end?.resultHash ?? "")?.reveals;
  }

  begin(reveal: OrderReveal): void {
    this.#reveals.set(reveal.orderId, reveal);
    this.#options.say({ kind: "reveal", reveal });
  }

  hear(said: Said, nowMs: number): void {
    if (said.kind === "reveal") this.#reveals.set(said.reveal.orderId, said.reveal);
    else if (said.kind === "ask") this.#answer(said.agentId, said.resultHash);
    else if (said.kind === "vote") this.#take(this.#vote.receive(said.message, nowMs), nowMs);
    else this.#judge(said.result, said.reveals, nowMs);
  }

  tick(nowMs: number): void {
    if (this.#isOwnTurn(nowMs)) this.#clear(nowMs);
    this.#askFor(nowMs);
    if (this.#wakeAtMs !== undefined && nowMs >= this.#wakeAtMs) this.#take(this.#vote.wake(nowMs), nowMs);
  }

  #askFor(nowMs: number): void {
    const resultHash = this.end?.resultHash;
    if (resultHash === undefined || this.#cleared.has(resultHash) || nowMs < this.#askAtMs) return;
    this.#askAtMs = nowMs + ASK_MS;
    this.#options.say({ kind: "ask", agentId: this.#options.signer.agentId, resultHash });
  }

  #answer(agentId: string, resultHash: string): void {
    const cleared = this.#cleared.get(resultHash);
    if (cleared !== undefined) this.#options.say({ kind: "result", ...cleared }, agentId);
  }

  #isOwnTurn(nowMs: number): boolean {
    const { auction, signer, beganAtMs, times } = this.#options;
    const rank = auction.ranked.findIndex(({ agentId }) => agentId === signer.agentId);
    if (rank === -1 || this.#saidResult || this.#cleared.size > 0 || this.end !== undefined) return false;
    const afterMs = nowMs - beganAtMs;
    return afterMs >= times.clearMs + rank * times.takeOverMs && afterMs < times.ackMs;
  }

  #clear(nowMs: number): void {
    const { auction, signer, say } = this.#options;
    const term = 1 + auction.ranked.findIndex(({ agentId }) => agentId === signer.agentId);
    const reveals = [...this.#reveals.values()].sort((a, b) => (a.orderId < b.orderId ? -1 : 1));
    const result = auction.result(reveals, { term, signer });
    this.#saidResult = true;
    say({ kind: "result", result, reveals });
    this.#judge(result, reveals, nowMs);
  }

  /** Recomputes it; who holds a proof against it does not ack it. */
  #judge(result: ClearingResult, reveals: readonly OrderReveal[], nowMs: number): void {
    const { auction } = this.#options;
    const resultHash = documentHash(result);
    if (this.#cleared.has(resultHash)) return;
    const { context, slotId } = auction;
    const isSigned = context.verify("clearing_result", { ...result });
    const right = resultOf(reveals, { rules: context.rules, slotId }).content;
    const view = { gates: [], results: [result], commitments: [], reveals, receipts: [] };
    const isRight = isSigned && right.orderRoot === result.orderRoot && findFraud(view, context).length === 0;
    if (isRight) this.#cleared.set(resultHash, { result, reveals });
    this.#take(this.#vote.found({ resultHash, isRight }, nowMs), nowMs);
  }

  /** Journal first, then the wire. */
  #take({ records, messages, wakeAtMs }: VoteStep, nowMs: number): void {
    this.#options.journal.push(...records);
    for (const { to, message } of messages) this.#options.say({ kind: "vote", message }, to);
    this.#wakeAtMs = wakeAtMs;
    if (this.end !== undefined) this.endedAtMs ??= nowMs;
  }
}
