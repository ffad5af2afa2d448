/** Liars who know all that any of them hears, and mean to bring two ends about. */

import {
  allowedValue,
  type AuctionReport,
  type AuctionVote,
  leaderOf,
  type LockClaim,
  SlotVote,
  type VoteMessage,
  type VoteStep,
  type VoteValue,
} from "@gridmesh/energy";
import { ACK_BY_MS, type Liar, type ShownResult } from "./plan.ts";
import { ballotOf, type Member, type World } from "./world.ts";

interface Backed {
  readonly report: AuctionReport;
  readonly certificate: readonly AuctionVote[];
}

const keyOf = ({ vote, resultHash }: VoteValue): string => resultHash ?? vote;
const claimKey = (claim: LockClaim): string => `${String(claim.round)} ${keyOf(claim)}`;

/** What all liars of a slot know together. */
export class Coalition {
  readonly world: World;
  readonly reports = new Map<number, Map<string, Backed>>();
  /** Votes by round and value, of whoever signed them. */
  readonly votes = new Map<string, Map<string, AuctionVote>>();
  readonly old: VoteMessage[] = [];
  latestRound = 0;

  constructor(world: World) {
    this.world = world;
  }

  hear(message: VoteMessage, from: number): void {
    const isHonest = this.world.plan.liars[from] === undefined;
    if (message.kind !== "end" && isHonest) this.#follow(message);
    if (this.old.length < 300) this.old.push(message);
    if (message.kind === "vote") this.#hearVote(message.vote);
    if (message.kind !== "report") return;
    const { report, certificate } = message;
    const heard = this.reports.get(report.round) ?? new Map<string, Backed>();
    heard.set(report.agentId, { report, certificate });
    this.reports.set(report.round, heard);
    for (const vote of certificate) this.#hearVote(vote);
  }

  /** The round that an honest agent is in. */
  #follow(message: VoteMessage): void {
    const round = ballotOf(message)?.round ?? 0;
    this.latestRound = Math.max(this.latestRound, round);
  }

  #hearVote(vote: AuctionVote): void {
    const key = claimKey(vote);
    const same = this.votes.get(key) ?? new Map<string, AuctionVote>();
    same.set(vote.agentId, vote);
    this.votes.set(key, same);
  }

  /** Votes that really lock this value, liars' own among them where there are too few. */
  certificate(claim: LockClaim, liars: readonly AuctionVote[]): readonly AuctionVote[] | undefined {
    const votes = new Map(this.votes.get(claimKey(claim)));
    for (const vote of liars) votes.set(vote.agentId, vote);
    const enough = [...votes.values()].slice(0, this.world.context.quorums.most);
    return enough.length < this.world.context.quorums.most ? undefined : enough;
  }
}

export class Dishonest implements Member {
  readonly #coalition: Coalition;
  readonly #index: number;
  readonly #kind: Liar;
  readonly #lives: SlotVote[] = [];
  #round = -1;
  #times = 0;

  constructor(coalition: Coalition, index: number, kind: Liar) {
    this.#coalition = coalition;
    this.#index = index;
    this.#kind = kind;
  }

  start(): void {
    const { world } = this.#coalition;
    const setup = world.setup(this.#index);
    const lives = this.#kind === "twins" ? 2 : this.#kind === "withholds" ? 1 : 0;
    for (let life = 0; life < lives; life += 1) {
      // The second brain gives up on results at once.
      const ackByMs = life === 1 && world.roll(2) === 0 ? -20_000 : ACK_BY_MS;
      this.#lives.push(new SlotVote({ ...setup, ackByMs }));
    }
    for (const [life] of this.#lives.entries()) this.#wake(life);
    if (this.#kind === "silent" || lives > 0) return;
    for (let atMs = 0; atMs < 300_000; atMs += 700 + Math.floor(atMs / 4))
      world.events.put(atMs, () => this.#scheme());
  }

  see(result: ShownResult): void {
    const [one, other] = this.#lives;
    const { atMs } = this.#coalition.world.events;
    if (one !== undefined) this.#say(0, one.found({ ...result, isRight: true }, atMs));
    if (other !== undefined && result.resultHash === this.#coalition.world.plan.aims[1].resultHash)
      this.#say(1, other.found(result, atMs));
  }

  receive(message: VoteMessage, from: number): void {
    this.#coalition.hear(message, from);
    const { plan, events } = this.#coalition.world;
    for (const [life, brain] of this.#lives.entries())
      if (this.#lives.length === 1 || plan.liars[from] !== undefined || plan.side[from] === (life === 0))
        this.#say(life, brain.receive(message, events.atMs));
    if (this.#lives.length === 0 && this.#kind !== "silent" && this.#coalition.latestRound > this.#round)
      this.#scheme();
  }

  #wake(life: number): void {
    const brain = this.#lives[life];
    if (brain !== undefined) this.#say(life, brain.wake(this.#coalition.world.events.atMs));
  }

  #say(life: number, { messages, wakeAtMs }: VoteStep): void {
    const { world } = this.#coalition;
    for (const { message } of messages)
      for (const index of world.ids.keys()) {
        const isShown =
          this.#lives.length === 1 ? world.roll(3) > 0 : world.plan.side[index] === (life === 0);
        if (index !== this.#index && isShown) world.post(this.#index, index, message);
      }
    if (wakeAtMs !== undefined && wakeAtMs < 600_000) {
      const atMs = Math.max(wakeAtMs, world.events.atMs + 500);
      world.events.put(atMs, () => this.#wake(life));
    }
  }

  #scheme(): void {
    const { latestRound, world } = this.#coalition;
    this.#times = latestRound === this.#round ? this.#times + 1 : 0;
    this.#round = latestRound;
    if (this.#times > 3) return;
    if (this.#kind === "stale") this.#replay();
    if (this.#kind === "forges") this.#forge();
    if (this.#kind === "bends") for (let time = 0; time < 30; time += 1) this.#bend();
    // Once one agent has its end, all are to come to the other.
    const [one, other] = world.plan.aims;
    this.#push(true, world.isStarOut ? other : one);
    this.#push(false, other);
  }

  /** To one side all that speaks for one end. */
  #push(side: boolean, aim: VoteValue): void {
    const { world, latestRound: round } = this.#coalition;
    const peers = [...world.ids.keys()].filter(
      (index) => index !== this.#index && world.plan.side[index] === side,
    );
    const messages: VoteMessage[] = [
      { kind: "vote", vote: this.#vote(0, aim) },
      { kind: "lock", lock: this.#sign("auction_lock", round, aim) },
    ];
    if (round > 0) {
      const proposal = leaderOf(round, world.context) === this.#id ? this.#proposal(aim) : undefined;
      messages.push({ kind: "report", ...this.#report(round, aim) });
      messages.push({ kind: "vote", vote: this.#vote(round, aim) });
      if (proposal !== undefined) messages.push({ kind: "proposal", proposal });
    }
    for (const index of peers) for (const message of messages) world.post(this.#index, index, message);
  }

  get #id(): string {
    return this.#coalition.world.ids[this.#index] ?? "";
  }

  #place(round: number, agentId = this.#id) {
    const { slotId, rulesHash } = this.#coalition.world.context;
    return { agentId, slotId, rulesHash, round };
  }

  #sign(type: "auction_lock", round: number, value: VoteValue) {
    return this.#coalition.world.sign(type, { ...this.#place(round), ...value });
  }

  #vote(round: number, value: VoteValue, agentId = this.#id): AuctionVote {
    return this.#coalition.world.sign("auction_vote", { ...this.#place(round, agentId), ...value });
  }

  #liarIds(): string[] {
    const { ids, plan } = this.#coalition.world;
    return ids.filter((_, index) => plan.liars[index] !== undefined);
  }

  /** Claims the latest lock for it that there are, or can be made, votes for; else an ack, or nothing. */
  #report(round: number, aim: VoteValue, agentId = this.#id): Backed {
    const { world } = this.#coalition;
    for (let of = round - 1; of >= 0; of -= 1) {
      const claim = { ...aim, round: of };
      const own = this.#liarIds().map((id) => this.#vote(of, aim, id));
      const certificate = this.#coalition.certificate(claim, own);
      if (certificate === undefined) continue;
      const report = world.sign("auction_report", {
        ...this.#place(round, agentId),
        first: aim,
        lock: claim,
      });
      return { report, certificate };
    }
    return {
      report: world.sign("auction_report", { ...this.#place(round, agentId), first: aim }),
      certificate: [],
    };
  }

  /** Of the reports heard and made up, some that allow this end; else some that do not. */
  #proposal(aim: VoteValue) {
    const { world, latestRound: round } = this.#coalition;
    const { most } = world.context.quorums;
    const liars = new Set(this.#liarIds());
    const made = [...liars].map((id) => this.#report(round, aim, id));
    const heard = [...(this.#coalition.reports.get(round)?.values() ?? [])].filter(
      ({ report }) => !liars.has(report.agentId),
    );
    const worth = ({ report: { lock, first } }: Backed): number => {
      if (lock !== undefined) return keyOf(lock) === keyOf(aim) ? 100 + lock.round : -100 - lock.round;
      return first !== undefined && keyOf(first) === keyOf(aim) ? 1 : first?.vote === "ack" ? -1 : 0;
    };
    const best = [...made, ...heard].sort((a, b) => worth(b) - worth(a)).slice(0, most);
    if (best.length < most) return undefined;
    const reports = best.map(({ report }) => report);
    const said = world.roll(4) > 0 ? allowedValue(reports, world.context.quorums) : aim;
    const latest = best.toSorted((a, b) => (b.report.lock?.round ?? -1) - (a.report.lock?.round ?? -1))[0];
    const certificate = latest?.certificate ?? [];
    return world.sign("auction_proposal", { ...this.#place(round), ...said, reports, certificate });
  }

  #replay(): void {
    const { world, old, latestRound } = this.#coalition;
    for (let time = 0; time < 20 && old.length > 0; time += 1) {
      const message = old[world.roll(old.length)];
      const to = world.roll(world.plan.n);
      if (message !== undefined && to !== this.#index)
        world.post(this.#index, to, { ...message, again: world.roll(2) === 0 });
    }
    const far = { ...this.#place(latestRound + 5 + world.roll(1_000_000)), first: { vote: "void" as const } };
    world.send(this.#index, { kind: "report", report: world.sign("auction_report", far), certificate: [] });
  }

  /** Says what others said with one field of it, or one field less, from elsewhere, and signs it. */
  #bend(): void {
    const { world, old } = this.#coalition;
    const message = old[world.roll(old.length)];
    const other = old.filter(({ kind }) => kind === message?.kind)[world.roll(20)] ?? message;
    if (message === undefined || other === undefined) return;
    const to = world.roll(world.plan.n);
    if (to !== this.#index) world.post(this.#index, to, this.#crossed(message, other));
  }

  #crossed(message: VoteMessage, other: VoteMessage): VoteMessage {
    const { world } = this.#coalition;
    if (message.kind === "end" || other.kind === "end") {
      const [one, two] = [message, other].map((it) => (it.kind === "end" ? it.end : undefined));
      return one === undefined ? message : { kind: "end", end: this.#mixed(one, two ?? one) as typeof one };
    }
    const [ballot, from] = [ballotOf(message), ballotOf(other)];
    if (ballot === undefined || from === undefined) return message;
    const { signature: _, ...fields } = this.#mixed(ballot, from) as typeof ballot;
    const type = `auction_${message.kind}` as const;
    const signed = world.sign(type, { ...fields, agentId: this.#id });
    return { ...message, [message.kind]: signed };
  }

  #mixed(one: object, other: object): object {
    const { world } = this.#coalition;
    const keys = Object.keys({ ...one, ...other });
    const key = keys[world.roll(keys.length)] ?? "";
    const { [key]: _, ...rest } = one as Record<string, unknown>;
    const taken = (other as Record<string, unknown>)[key];
    const optional = new Set(["reason", "resultHash", "proposalHash", "first", "lock", "acks", "locks"]);
    if (key === "round") return { ...rest, round: world.roll(this.#coalition.latestRound + 3) };
    if (Array.isArray(taken) && world.roll(2) === 0) return { ...rest, [key]: taken.slice(world.roll(3)) };
    if (taken === undefined || (optional.has(key) && world.roll(2) === 0))
      return optional.has(key) ? rest : one;
    return { ...rest, [key]: taken };
  }

  /** Names and locks that nobody signed. */
  #forge(): void {
    const { world, latestRound } = this.#coalition;
    const { slotId, rulesHash, quorums } = world.context;
    const aim = world.plan.aims[world.roll(2)] ?? { vote: "void" };
    const round = latestRound;
    const forged = world.ids.slice(0, quorums.most).map((agentId) => ({
      ...this.#place(round, agentId),
      ...aim,
      signature: `${agentId} forged ${String(round)}`,
    }));
    for (const vote of forged) {
      world.send(this.#index, { kind: "vote", vote });
      world.send(this.#index, { kind: "lock", lock: vote });
    }
    const end = aim.vote === "ack" ? "FINAL" : "VOID";
    const of = {
      slotId,
      rulesHash,
      end,
      ...(aim.resultHash === undefined ? {} : { resultHash: aim.resultHash }),
    } as const;
    world.send(this.#index, { kind: "end", end: { ...of, locks: forged } });
    const few = this.#liarIds().map((id) => this.#vote(0, aim, id));
    const one = few[0];
    const same = one === undefined ? [] : Array.from({ length: quorums.most }, () => one);
    world.send(this.#index, { kind: "end", end: { ...of, acks: same } });
    const report = world.sign("auction_report", {
      ...this.#place(round + 1),
      lock: { ...aim, round },
    });
    world.send(this.#index, { kind: "report", report, certificate: world.roll(2) === 0 ? same : forged });
  }
}
