/** A district of nodes in one process, each with a seat at the market; seats can be killed and come back. */

import {
  type Auction,
  createAuction,
  type MarketOrder,
  type MarketRules,
  type OrderReveal,
  randomStream,
  type RandomStream,
  resultOf,
  type VoteRecord,
} from "@gridmesh/energy";
import type { AgentNode } from "@gridmesh/node";
import { type TestNetwork, testNetwork } from "@gridmesh/node/testing";
import type { JsonValue, Signer } from "@gridmesh/protocol";
import { engine, signerOf } from "../keys.ts";
import { type Said, SlotLife, type SlotTimes } from "./slot-life.ts";

const DURATION_S = 900;
const SUPERVISORS = 3;
const TICK_MS = 40;
const CALL_MS = 5_000;

export interface DistrictOptions {
  readonly seats: number;
  readonly seed: number;
  readonly times: SlotTimes;
}

interface Seat {
  readonly signer: Signer;
  readonly journals: Map<string, VoteRecord[]>;
  readonly lives: Map<string, SlotLife>;
  readonly nodeSeed: Uint8Array;
  node: AgentNode | undefined;
}

export interface SlotOutcome {
  /** FINAL, VOID or open, and the result, of each seat. */
  readonly ends: readonly string[];
  /** Wall ms from the beginning of the slot; null while it is open or was over before a restart. */
  readonly endedAfterMs: readonly (number | null)[];
}

export interface BookSums {
  readonly moneyMicro: number;
  readonly energyMilliWh: number;
  readonly trades: number;
}

export class District implements AsyncDisposable {
  readonly #options: DistrictOptions;
  readonly #net: TestNetwork;
  readonly #seats: readonly Seat[];
  readonly #rules: MarketRules;
  readonly #chance: RandomStream;
  readonly #slots = new Map<string, { readonly auction: Auction; readonly beganAtMs: number }>();
  readonly #timer: NodeJS.Timeout;
  readonly #network: string;

  private constructor(options: DistrictOptions, net: TestNetwork) {
    this.#options = options;
    this.#net = net;
    this.#network = "district";
    this.#chance = randomStream(options.seed, "district");
    this.#seats = Array.from({ length: options.seats }, (_, index) => ({
      signer: signerOf(10 + index),
      journals: new Map(),
      lives: new Map(),
      nodeSeed: Uint8Array.from({ length: 32 }, (_unused, at) => (options.seed + 31 * index + at) & 0xff),
      node: undefined,
    }));
    this.#rules = rulesOf(this.#seats.map(({ signer }) => signer.agentId));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  static async open(options: DistrictOptions): Promise<District> {
    const net = await testNetwork(1, { seed: options.seed });
    const district = new District(options, net);
    for (const index of district.#seats.keys()) await district.start(index);
    return district;
  }

  get hub(): TestNetwork["hub"] {
    return this.#net.hub;
  }

  /** PeerIds of the seats, by place. */
  get peerIds(): readonly string[] {
    return this.#seats.map(({ node }) => node?.id ?? "");
  }

  /** Starts a seat, or brings it back with what its journal holds. */
  async start(index: number): Promise<void> {
    const seat = this.#seat(index);
    const say = (params: JsonValue): JsonValue => {
      this.#hear(seat, params);
      return null;
    };
    seat.node = await this.#net.add({
      seed: seat.nodeSeed,
      agents: [{ name: "seat", definition: { capabilities: [], methods: { say } } }],
    });
    for (const slotId of this.#slots.keys()) this.#live(seat, slotId);
  }

  /** All it knows but its journal is gone. */
  async kill(index: number): Promise<void> {
    const seat = this.#seat(index);
    const { node } = seat;
    seat.node = undefined;
    seat.lives.clear();
    await node?.stop({ deadlineMs: 0 });
  }

  /** Begins a slot: every seat that is up orders. Returns its id and who supervises, by place. */
  begin(number: number): { readonly slotId: string; readonly ranked: readonly number[] } {
    const slotId = `city/${number * DURATION_S}/${DURATION_S}`;
    const supervisors = this.#seats.slice(0, SUPERVISORS).map(({ signer }) => signer);
    const auction = createAuction({
      network: this.#network,
      slotId,
      rules: this.#rules,
      supervisors,
      engine,
    });
    this.#slots.set(slotId, { auction, beganAtMs: Date.now() });
    for (const [index, seat] of this.#seats.entries()) {
      if (seat.node === undefined) continue;
      const life = this.#live(seat, slotId);
      life?.begin(auction.reveal(seat.signer, this.#order(seat.signer, auction, index), 1 + (number % 200)));
    }
    const ranked = auction.ranked.map((one) =>
      this.#seats.findIndex(({ signer }) => signer.agentId === one.agentId),
    );
    return { slotId, ranked };
  }

  outcome(slotId: string): SlotOutcome {
    const lives = this.#seats.map((seat) => seat.lives.get(slotId));
    const beganAtMs = this.#slots.get(slotId)?.beganAtMs ?? 0;
    return {
      ends: lives.map((life) => (life?.end === undefined ? "open" : (life.end.resultHash ?? life.end.end))),
      endedAfterMs: lives.map((life) => (life?.endedAtMs === undefined ? null : life.endedAtMs - beganAtMs)),
    };
  }

  /** Whether every seat has ended the slot, and knows on what. */
  isBooked(slotId: string): boolean {
    return this.#seats.every(({ lives }) => {
      const life = lives.get(slotId);
      return life?.end !== undefined && (life.end.end === "VOID" || life.traded !== undefined);
    });
  }

  /** What all FINAL slots moved, summed over every seat's own book: 0 where all books agree. */
  sums(): BookSums {
    let [moneyMicro, energyMilliWh, trades] = [0, 0, 0];
    for (const { signer, lives } of this.#seats)
      for (const [slotId, life] of lives) {
        const own = this.#ownTrades(slotId, life.traded ?? []);
        for (const { buyer, seller, qtyMilliWh, amountMicro } of own) {
          trades += buyer === signer.agentId ? 1 : 0;
          const sign = Number(buyer === signer.agentId) - Number(seller === signer.agentId);
          moneyMicro -= sign * amountMicro;
          energyMilliWh += sign * qtyMilliWh;
        }
      }
    return { moneyMicro, energyMilliWh, trades };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#net[Symbol.asyncDispose]();
  }

  #ownTrades(slotId: string, reveals: readonly OrderReveal[]) {
    return reveals.length === 0 ? [] : resultOf(reveals, { rules: this.#rules, slotId }).trades;
  }

  #order(trader: Signer, { slotId, rulesHash }: Auction, index: number): MarketOrder {
    const isBid = index % 2 === 0;
    return {
      agentId: trader.agentId,
      side: isBid ? "bid" : "ask",
      slotId,
      rulesHash,
      qtyMilliWh: this.#chance.integer(100_000, 3_000_000),
      limitMicroPerKWh: isBid
        ? this.#chance.integer(150_000, 300_000)
        : this.#chance.integer(50_000, 200_000),
      minFillMilliWh: 0,
    };
  }

  #seat(index: number): Seat {
    const seat = this.#seats[index];
    if (seat === undefined) throw new RangeError(`no seat ${index}`);
    return seat;
  }

  #live(seat: Seat, slotId: string): SlotLife | undefined {
    const slot = this.#slots.get(slotId);
    const known = seat.lives.get(slotId);
    if (slot === undefined || known !== undefined) return known;
    const journal = seat.journals.get(slotId) ?? [];
    seat.journals.set(slotId, journal);
    const { times } = this.#options;
    const say = (said: Said, to?: string) => this.#say(seat, { slotId, said }, to);
    const life = new SlotLife({ ...slot, signer: seat.signer, times, journal, say });
    seat.lives.set(slotId, life);
    return life;
  }

  /** A call to each: who is away hears nothing, and nobody waits for it. */
  #say(seat: Seat, heard: { readonly slotId: string; readonly said: Said }, to?: string): void {
    for (const other of this.#seats) {
      if (other === seat || (to !== undefined && other.signer.agentId !== to)) continue;
      const peerId = other.node?.id;
      if (peerId === undefined) continue;
      const params = structuredClone(heard) as unknown as JsonValue;
      seat.node?.call(`${peerId}:seat/say`, params, { timeoutMs: CALL_MS }).catch(() => undefined);
    }
  }

  #hear(seat: Seat, params: JsonValue): void {
    const { slotId, said } = params as unknown as { readonly slotId: string; readonly said: Said };
    if (seat.node !== undefined) this.#live(seat, slotId)?.hear(said, Date.now());
  }

  #tick(): void {
    const nowMs = Date.now();
    for (const { node, lives } of this.#seats)
      if (node !== undefined) for (const life of lives.values()) life.tick(nowMs);
  }
}

function rulesOf(agentIds: readonly string[]): MarketRules {
  return {
    area: "city",
    mechanism: "call-uniform",
    durationS: DURATION_S,
    commitS: 120,
    closeS: 115,
    revealS: 100,
    resultS: 90,
    ackS: 70,
    finalS: 10,
    kPermille: 500,
    minMicroPerKWh: 0,
    maxMicroPerKWh: 1_000_000,
    tickMicro: 1,
    feeMicroPerKWh: 0,
    maxOrdersPerAgent: 16,
    roll: agentIds.map((agent_id, index) => ({ agent_id, meter_id: `m${index}` })),
    supervisors: agentIds.slice(0, SUPERVISORS),
    version: 1,
  };
}

/** Looks again until it holds or the time is over. Returns whether it held. */
export async function until(holds: () => boolean, withinMs: number): Promise<boolean> {
  for (const endMs = Date.now() + withinMs; Date.now() < endMs;) {
    if (holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  return holds();
}
