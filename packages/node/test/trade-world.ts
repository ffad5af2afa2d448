/** A small neighbourhood for desk tests: nodes with one agent each, lossy mail, disks that crash. */

import assert from "node:assert/strict";
import { amountMicro, isProtocolError, type ProtocolError, uuidV7 } from "@gridmesh/protocol";
import type { Random } from "../src/clock.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { type Identity, identityFromSeed } from "../src/identity.ts";
import { silentLog } from "../src/log.ts";
import { marketClock } from "../src/market-clock.ts";
import { memoryDisk, type MemoryDisk, openTradeDesk } from "../src/trade/index.ts";
import type { OrderTerms, SignedBytes, TradeDesk, TradeEvent } from "../src/trade/types.ts";
import { Mail, NETWORK, seededRandom, START_MS, VirtualClock } from "./trade-mail.ts";

export const SLOT = { area: "home", startS: START_MS / 1000, durationS: 3600 };
export const PLENTY = { maxOrderMicro: 10 ** 12, spendPerHourMicro: 10 ** 13, maxOpenOrders: 1_000 };

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
  /** What the heartbeats of all peers say of our clock. */
  clockOffsetMs: number | undefined;
  /** Records after which a node writes a snapshot. */
  snapshotEvery: number | undefined;
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
      name,
      identity,
      agent,
      agentId: agent.signer.agentId,
      peerId,
      plan,
      disk,
      events: [],
      fatal: [],
      desk: undefined as unknown as TradeDesk,
      linked: () => {},
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
      clockOffsetMs: () => this.clockOffsetMs,
      snapshotEvery: this.snapshotEvery,
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
      moneyMicro,
      energyMilliWh,
      capacityMilliWh,
      policy: house.plan.policy ?? PLENTY,
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
