/** An honest agent: a slot's vote over a disk that outlives it, and a process that does not. */

import {
  isEnded,
  type SlotEnd,
  SlotVote,
  type VoteMessage,
  type VoteRecord,
  type VoteStep,
} from "@gridmesh/energy";
import type { VoteBug } from "./bugs.ts";
import { ONE, OTHER, type ShownResult } from "./plan.ts";
import { Breach, type Member, type World } from "./world.ts";

export interface SimOptions {
  readonly bug?: VoteBug | undefined;
  /** Looks for agents that end differently, and for nothing else. */
  readonly only?: "agreement" | undefined;
}

export class Honest implements Member {
  /** What it has acted on, for good. */
  acted: SlotEnd | undefined;
  readonly #world: World;
  readonly #index: number;
  readonly #bug: VoteBug | undefined;
  readonly #only: string | undefined;
  readonly #disk: VoteRecord[] = [];
  #life: SlotVote | undefined;
  #lives = 0;
  #clockOffMs = 0;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #seen: ShownResult | undefined;

  constructor(world: World, index: number, { bug, only }: SimOptions) {
    this.#only = only;
    this.#world = world;
    this.#index = index;
    this.#bug = bug;
  }

  get id(): string {
    return this.#world.ids[this.#index] ?? "";
  }

  get isDead(): boolean {
    const from = this.#world.plan.deadFromMs[this.#index];
    return from !== undefined && this.#world.events.atMs >= from;
  }

  start(): void {
    const { roll, plan } = this.#world;
    const setup = this.#world.setup(this.#index);
    if (this.isDead) return;
    this.#lives += 1;
    if (this.#lives > 1) this.#world.counts.returns += 1;
    this.#clockOffMs = plan.clockOffMs === 0 ? 0 : roll(2 * plan.clockOffMs) - plan.clockOffMs;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    const Life = this.#bug?.Life ?? SlotVote;
    const kept = this.#bug?.keeps === undefined ? this.#disk : this.#disk.filter(this.#bug.keeps);
    this.#life = new Life(this.#bug?.setup?.(setup) ?? setup, kept);
    this.#take(this.#life.wake(this.#now()));
    // What it saw before, it fetches again.
    if (this.#seen !== undefined) this.see(this.#seen);
  }

  see(result: ShownResult): void {
    if (this.#life === undefined || this.isDead) return;
    // The first it sees; a second only where the first was shown to be wrong.
    if (this.#seen !== undefined && this.#seen.isRight && this.#seen !== result) return;
    this.#seen = result;
    this.#take(this.#life.found(result, this.#now()));
  }

  receive(message: VoteMessage): void {
    if (this.#life === undefined || this.isDead) return;
    this.#take(this.#life.receive(message, this.#now()));
  }

  /** Evidence it holds against others. */
  get doubles() {
    return this.#life?.doubles ?? [];
  }

  #now(): number {
    return this.#world.events.atMs + this.#clockOffMs;
  }

  #take(step: VoteStep): void {
    const { roll, plan, events, counts } = this.#world;
    const mayCrash = events.atMs < plan.calmMs && (step.records.length > 0 || step.messages.length > 0);
    const isCrash = mayCrash && roll(1_000) < plan.crashPermille;
    const [journaled, sent] = isCrash ? this.#crashPoint(step) : [step.records.length, step.messages.length];
    const journal = () => {
      for (const record of step.records.slice(0, journaled)) this.#disk.push(record);
    };
    if (this.#bug?.isJournalLate !== true) journal();
    for (const { to, message } of step.messages.slice(0, sent)) this.#world.send(this.#index, message, to);
    if (this.#bug?.isJournalLate === true) journal();
    counts.votes += step.records.filter(({ kind }) => kind === "vote").length;
    this.#act(journaled === step.records.length);
    if (isCrash) this.#crash();
    else this.#wakeBy(step.wakeAtMs);
  }

  /** How many records are durable, and how many messages left, when the process dies. */
  #crashPoint({ records, messages }: VoteStep): [number, number] {
    const { roll } = this.#world;
    if (this.#bug?.isJournalLate === true) return [roll(records.length + 1), messages.length];
    if (roll(2) === 0) return [roll(records.length + 1), 0];
    return [records.length, roll(messages.length + 1)];
  }

  #crash(): void {
    this.#world.counts.crashes += 1;
    this.#life = undefined;
    const { events, roll, plan } = this.#world;
    const backAtMs = Math.min(events.atMs + 100 + roll(60_000), Math.max(plan.calmMs, events.atMs + 1));
    events.put(backAtMs, () => this.start());
  }

  #act(isDurable: boolean): void {
    const end = this.#bug?.end?.(this.#life, this.#now()) ?? this.#life?.end;
    if (end === undefined || !isDurable) return;
    if (this.#only === undefined) this.#checkProof(end);
    const before = this.acted;
    if (before !== undefined && (before.end !== end.end || before.resultHash !== end.resultHash))
      throw new Breach("agreement", `${this.#index} acts on ${before.end}, then on ${end.end}`);
    this.acted = end;
    if (this.#index === this.#world.plan.star) this.#world.isStarOut = true;
  }

  #checkProof(end: SlotEnd): void {
    if (!isEnded(end, this.#world.context))
      throw new Breach("proven", `${this.id} acts on an end without proof`);
    if (end.end === "FINAL" && end.resultHash !== ONE && end.resultHash !== OTHER)
      throw new Breach("right", `${this.id} acts on a wrong result`);
  }

  #wakeBy(wakeAtMs: number | undefined): void {
    if (wakeAtMs === undefined) return;
    const atMs = Math.max(wakeAtMs - this.#clockOffMs, this.#world.events.atMs + 1);
    if (atMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = atMs;
    const life = this.#lives;
    this.#world.events.put(atMs, () => {
      if (this.#lives !== life || this.#wakeAtMs !== atMs || this.#life === undefined || this.isDead) return;
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.#take(this.#life.wake(this.#now()));
    });
  }
}
