/** A small neighbourhood for desk tests: virtual time, sealed messages over lossy queues, disks that crash. */

import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import {
  amountMicro,
  canonicalBytes,
  isProtocolError,
  openEnvelope,
  ProtocolError,
  seal,
  uuidV7,
} from "@gridmesh/protocol";
import type { Clock, Random } from "../src/clock.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { type Identity, identityFromSeed } from "../src/identity.ts";
import { silentLog } from "../src/log.ts";
import { marketClock } from "../src/market-clock.ts";
import type { Link } from "../src/network/transport.ts";
import type { Received, SignedExchange } from "../src/signed-exchange.ts";
import { memoryDisk, type MemoryDisk, openTradeDesk } from "../src/trade/index.ts";
import type { OrderTerms, SignedBytes, TradeDesk, TradeEvent } from "../src/trade/types.ts";

export const NETWORK = "desk-test";
export const SLOT = { area: "home", startS: 1_800_000_000, durationS: 3600 };
export const START_MS = SLOT.startS * 1000;
export const PLENTY = { maxOrderMicro: 10 ** 12, spendPerHourMicro: 10 ** 13, maxOpenOrders: 1_000 };

/** xorshift32: enough chance for tests, and the seed alone repeats a run. */
export function seededRandom(seed: number): Random {
  let state = seed * 2_654_435_761 + 1 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let warm = 0; warm < 8; warm += 1) next();
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 255),
    below: (bound) => next() % bound,
  };
}

export class VirtualClock implements Clock {
  #nowMs = START_MS;
  #timers: { readonly atMs: number; readonly order: number; readonly fn: () => void }[] = [];
  #order = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - START_MS;
  }

  timer(ms: number, fn: () => void): Disposable {
    const timer = { atMs: this.#nowMs + ms, order: (this.#order += 1), fn };
    this.#timers.push(timer);
    return {
      [Symbol.dispose]: () => {
        this.#timers = this.#timers.filter((it) => it !== timer);
      },
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.timer(ms, resolve));
  }

  /** Runs timers in order until `ms` have passed, letting promises settle in between. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const [next] = this.#timers.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order);
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers = this.#timers.filter((it) => it !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fn();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}

export async function settle(): Promise<void> {
  for (let count = 0; count < 4; count += 1) await turn();
}

export interface MailFaults {
  lossPercent: number;
  duplicatePercent: number;
  maxDelayMs: number;
}

type Handler = Parameters<SignedExchange["handle"]>[2];

/** Carries sealed bytes between desks, and loses them. */
export class Mail {
  readonly faults: MailFaults = { lossPercent: 0, duplicatePercent: 0, maxDelayMs: 0 };
  readonly down = new Set<string>();
  /** Everything that left a node, in order. */
  readonly sent: { readonly from: string; readonly to: string; readonly bytes: Uint8Array }[] = [];
  /** Seen by every message on its way; may change its bytes. */
  tamper: ((bytes: Uint8Array) => Uint8Array) | undefined;
  readonly #ports: { readonly clock: Clock; readonly random: Random };
  readonly #handlers = new Map<string, Handler>();
  readonly #waiting = new Map<string, (answer: Received | ProtocolError) => void>();
  readonly #nonces = new Set<string>();
  readonly #engine = nodeEngine();

  constructor(ports: { readonly clock: Clock; readonly random: Random }) {
    this.#ports = ports;
  }

  exchangeOf(peerId: string): SignedExchange {
    const seal_ = (draft: Parameters<SignedExchange["tell"]>[2], signer: Identity["signer"]) => {
      const { clock, random } = this.#ports;
      return seal(draft, { network: NETWORK, signer, nowS: Math.floor(clock.nowMs() / 1000), random });
    };
    return {
      handle: (_protocol, type, on) => {
        const key = `${peerId} ${type}`;
        this.#handlers.set(key, on);
        return { [Symbol.dispose]: () => void this.#handlers.delete(key) };
      },
      request: async (to, _protocol, draft, { signer, timeoutMs }) => {
        const message = seal_(draft, signer);
        const { promise, resolve } = Promise.withResolvers<Received | ProtocolError>();
        this.#waiting.set(message.message_id, resolve);
        const timer = this.#ports.clock.timer(timeoutMs ?? 5_000, () =>
          resolve(new ProtocolError("CALL_TIMEOUT", "no answer")),
        );
        this.#post(peerId, to, canonicalBytes(message));
        const answer = await promise;
        timer[Symbol.dispose]();
        this.#waiting.delete(message.message_id);
        if (answer instanceof ProtocolError) throw answer;
        return answer;
      },
      tell: async (to, _protocol, draft, { signer }) =>
        this.#post(peerId, to, canonicalBytes(seal_(draft, signer))),
    };
  }

  /** Delivers the same bytes again, as an eavesdropper would. */
  replay(index: number): void {
    const letter = this.sent[index];
    assert(letter !== undefined);
    void this.#deliver(letter.from, letter.to, letter.bytes);
  }

  forgetNonces(): void {
    this.#nonces.clear();
  }

  #post(from: string, to: string, bytes: Uint8Array): void {
    if (this.down.has(to) || this.down.has(from)) throw new ProtocolError("PEER_UNREACHABLE", to);
    this.sent.push({ from, to, bytes });
    const { random, clock } = this.#ports;
    const copies = random.below(100) < this.faults.duplicatePercent ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (random.below(100) < this.faults.lossPercent) continue;
      const delayMs = this.faults.maxDelayMs === 0 ? 0 : random.below(this.faults.maxDelayMs);
      clock.timer(delayMs, () => void this.#deliver(from, to, this.tamper?.(bytes) ?? bytes));
    }
  }

  async #deliver(from: string, to: string, bytes: Uint8Array): Promise<void> {
    if (this.down.has(to)) return;
    let opened;
    try {
      opened = openEnvelope(bytes, {
        network: NETWORK,
        engine: this.#engine,
        nowS: Math.floor(this.#ports.clock.nowMs() / 1000),
        isMine: () => true,
        nonceSeen: (signer, nonce) => this.#nonces.has(`${to} ${signer} ${nonce}`),
      });
    } catch (error) {
      assert(isProtocolError(error), String(error));
      return;
    }
    this.#nonces.add(`${to} ${opened.signerId} ${opened.nonce}`);
    const { type, message, messageId, signerId } = opened;
    const received: Received = { type, message, messageId, signerId, from: linkTo(from) };
    const repliedTo = message["in_reply_to"];
    if (typeof repliedTo === "string") {
      const error = message["error_code"];
      const waiting = this.#waiting.get(repliedTo);
      waiting?.(typeof error === "string" ? new ProtocolError(error as "ORDER_STATE", "told") : received);
      return;
    }
    await this.#handle(received, to);
  }

  async #handle(received: Received, at: string): Promise<void> {
    const on = this.#handlers.get(`${at} ${received.type}`);
    if (on === undefined) return;
    const back = received.from.peerId;
    try {
      const reply = await on(received);
      if (reply === undefined || this.down.has(at)) return;
      const { draft, signer } = reply;
      const { clock, random } = this.#ports;
      const message = seal(
        { ...draft, in_reply_to: received.messageId },
        { network: NETWORK, signer, nowS: Math.floor(clock.nowMs() / 1000), random },
      );
      this.#post(at, back, canonicalBytes(message));
    } catch (error) {
      assert(isProtocolError(error), String(error instanceof Error ? error.stack : error));
      this.#waiting.get(received.messageId)?.(error);
    }
  }
}

function linkTo(peerId: string): Link {
  return { peerId, address: "", inbound: true, relayed: false, openedAtMs: 0, lastByteMs: 0 };
}

export interface AgentPlan {
  readonly moneyMicro?: number;
  readonly energyMilliWh?: number;
  readonly capacityMilliWh?: number;
  readonly policy?: Parameters<TradeDesk["open"]>[0]["policy"];
  readonly tariff?: { readonly retailMicroPerKWh: number; readonly feedInMicroPerKWh: number };
}

/** A node with one agent of the same name. */
export interface House {
  readonly name: string;
  readonly identity: Identity;
  readonly agent: Identity;
  readonly agentId: string;
  readonly peerId: string;
  readonly plan: AgentPlan;
  readonly events: TradeEvent[];
  readonly fatal: ProtocolError[];
  disk: MemoryDisk;
  desk: TradeDesk;
  linked: (peerId: string) => void;
}

export class World {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly mail: Mail;
  readonly houses = new Map<string, House>();
  #orders = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.mail = new Mail({ clock: this.clock, random: this.random });
  }

  async house(name: string, plan: AgentPlan = {}, disk: MemoryDisk = memoryDisk()): Promise<House> {
    const identity = identityFromSeed(seededRandom(nameSeed(`node ${name}`)).bytes(32));
    const agent = identityFromSeed(seededRandom(nameSeed(`agent ${name}`)).bytes(32));
    const { peerId } = identity;
    const house: House = {
      ...{ name, identity, agent, agentId: agent.signer.agentId, peerId, plan, disk },
      ...{ events: [], fatal: [], desk: undefined as unknown as TradeDesk, linked: () => {} },
    };
    this.houses.set(peerId, house);
    await this.boot(house);
    return house;
  }

  /** Starts the node on its present disk and opens its agent's book. */
  async boot(house: House): Promise<void> {
    this.mail.down.delete(house.peerId);
    house.desk = await openTradeDesk({
      disk: house.disk,
      network: NETWORK,
      peerId: house.peerId,
      exchange: this.mail.exchangeOf(house.peerId),
      engine: nodeEngine(),
      clock: this.clock,
      random: this.random,
      market: marketClock(this.clock),
      log: silentLog(),
      onFatal: (error) => house.fatal.push(error),
      onLink: (fn) => {
        house.linked = fn;
        return { [Symbol.dispose]() {} };
      },
    });
    house.desk.onEvent((event) => house.events.push(event));
    house.desk.setCourier({ resend: (terms, order) => this.carry(house, terms, order) });
    const { moneyMicro = 100_000_000, energyMilliWh = 0, capacityMilliWh = 15_000_000 } = house.plan;
    await house.desk.open({
      signer: house.agent.signer,
      name: house.name,
      ...{ moneyMicro, energyMilliWh, capacityMilliWh, policy: house.plan.policy ?? PLENTY },
      ...(house.plan.tariff === undefined ? {} : { tariff: house.plan.tariff }),
    });
  }

  /** The process dies: what it wrote is there, what it knew is not. */
  kill(house: House): void {
    this.mail.down.add(house.peerId);
    house.disk = house.disk.afterKill();
    void house.desk.stop();
  }

  async restart(house: House): Promise<void> {
    await this.boot(house);
    for (const other of this.houses.values()) other.linked(house.peerId);
  }

  /** Confirm and on_confirm over the same lossy network, as the exchange room would carry them. */
  async carry(buyer: House, terms: OrderTerms, order: SignedBytes): Promise<void> {
    const seller = this.houses.get(terms.sellerPeerId);
    if (seller === undefined || this.#lost(seller, buyer)) return;
    const answer = await seller.desk.decide(terms, order, (decision) => ({
      header: "",
      body: JSON.stringify(decision),
    }));
    if (this.#lost(seller, buyer)) return;
    const decision = JSON.parse(answer.body) as Parameters<TradeDesk["conclude"]>[2];
    await buyer.desk.conclude(terms.buyer, terms.orderId, decision, answer);
  }

  #lost(...houses: readonly House[]): boolean {
    const isDown = houses.some((house) => this.mail.down.has(house.peerId));
    return isDown || this.random.below(100) < this.mail.faults.lossPercent;
  }

  async offer(seller: House, quantityMilliWh: number, priceMicroPerKWh = 150_000): Promise<string> {
    const { offerId } = await seller.desk.offer({
      agentId: seller.agentId,
      slot: SLOT,
      quantityMilliWh,
      priceMicroPerKWh,
      currency: "USD",
      untilMs: START_MS + 3_000_000,
    });
    return offerId;
  }

  terms(buyer: House, seller: House, part: Partial<OrderTerms> & { readonly offerId: string }): OrderTerms {
    const quantityMilliWh = part.quantityMilliWh ?? 1_000_000;
    const priceMicroPerKWh = part.priceMicroPerKWh ?? 150_000;
    const orderId = uuidV7(this.clock.nowMs(), this.random);
    return {
      orderId,
      transactionId: `transaction-${(this.#orders += 1)}`,
      offerEpoch: seller.desk.epoch,
      buyer: buyer.agentId,
      buyerPeerId: buyer.peerId,
      seller: seller.agentId,
      sellerPeerId: seller.peerId,
      slot: SLOT,
      currency: "USD",
      untilMs: START_MS + 3_000_000,
      delivery: "slot",
      ...part,
      quantityMilliWh,
      priceMicroPerKWh,
      amountMicro: part.amountMicro ?? amountMicro(quantityMilliWh, priceMicroPerKWh),
    };
  }

  /** Hold, then carry; what the network loses the desk asks for again. */
  async buy(buyer: House, terms: OrderTerms, order: SignedBytes = orderBytes(terms)): Promise<void> {
    await buyer.desk.hold(terms, order);
    await this.carry(buyer, terms, order);
  }

  async assertSound(): Promise<void> {
    for (const { name, desk } of this.houses.values()) {
      const audit = await desk.audit();
      assert.deepEqual(audit.differences, [], name);
    }
  }

  /** Every pair of books cancels and every unit sums to 0 over all of them. */
  assertPairsCancel(): void {
    const books = [...this.houses.values()].flatMap((house) => house.desk.books());
    const total = new Map<string, number>();
    for (const mine of books) {
      for (const theirs of books) {
        const paid =
          (mine.money[`paid/${theirs.agentId}`] ?? 0) + (theirs.money[`received/${mine.agentId}`] ?? 0);
        const moved =
          (mine.energy[`out/${theirs.agentId}`] ?? 0) + (theirs.energy[`in/${mine.agentId}`] ?? 0);
        assert.equal(paid, 0, `${mine.name} paid ${theirs.name}`);
        assert.equal(moved, 0, `${mine.name} delivered to ${theirs.name}`);
      }
      for (const [account, amount] of Object.entries(mine.energy)) {
        if (account.startsWith("imbalance/")) total.set(account, (total.get(account) ?? 0) + amount);
      }
      total.set("imbalance", (total.get("imbalance") ?? 0) + (mine.money["imbalance"] ?? 0));
    }
    for (const [account, amount] of total) assert.equal(amount, 0, account);
  }
}

export function orderBytes(terms: OrderTerms): SignedBytes {
  return { header: "", body: JSON.stringify({ confirm: terms.orderId, amount: terms.amountMicro }) };
}

export async function rejectsWith(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, (error) => isProtocolError(error) && error.code === code);
}

function nameSeed(name: string): number {
  let seed = 7;
  for (const letter of name) seed = (seed * 31 + letter.charCodeAt(0)) % 1_000_003;
  return seed;
}
