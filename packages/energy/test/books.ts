/** Books written by the one table of postings, record by record, as a node writes them. */

import {
  amountMicro,
  type BookSnapshot,
  type JournalRecord,
  type OrderSummary,
  postings,
  type RecordedTerms,
} from "@gridmesh/protocol";

export const AREA = "city";

export interface TestTrade {
  readonly buyer: string;
  readonly seller: string;
  readonly slotId: string;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface TestBook extends BookSnapshot {
  readonly money: Record<string, number>;
  readonly energy: Record<string, number>;
  readonly orders: Mutable<OrderSummary>[];
}

type Draft = JournalRecord extends infer R
  ? R extends JournalRecord
    ? Omit<R, "seq" | "atMs">
    : never
  : never;

const NO_BYTES = { header: "", body: "" };

export class TestBooks {
  readonly #books = new Map<string, Mutable<TestBook>>();
  #seq = 0;

  open(agentId: string, start: { moneyMicro: number; energyMilliWh: number; capacityMilliWh: number }): void {
    const book = {
      agentId,
      name: `name of ${agentId}`,
      peerId: `peer of ${agentId}`,
      capacityMilliWh: start.capacityMilliWh,
      money: {},
      energy: {},
      entries: 0,
      orders: [],
    };
    this.#books.set(agentId, book);
    this.write({ kind: "open", agent: agentId, name: book.name, ...start });
  }

  write(draft: Draft): void {
    this.#seq += 1;
    const record = { ...draft, seq: this.#seq, atMs: this.#seq } as JournalRecord;
    if (record.kind === "boot") return;
    const book = this.book(record.agent);
    for (const { unit, account, amount } of postings(record))
      book[unit][account] = (book[unit][account] ?? 0) + amount;
    book.entries += 1;
  }

  book(agentId: string): Mutable<TestBook> {
    const book = this.#books.get(agentId);
    if (book === undefined) throw new Error(`no book ${agentId}`);
    return book;
  }

  all(): TestBook[] {
    return [...this.#books.values()];
  }

  /** A trade up to its end, or to where `until` says. Returns its order id. */
  trade(
    trade: TestTrade,
    until: "held" | "accepted" | "committed" | "delivered" | "paid" | "closed" = "closed",
  ): string {
    const steps = ["held", "accepted", "committed", "delivered", "paid", "closed"].indexOf(until);
    const orderId = `order-${this.#seq}`;
    const terms = this.#terms(trade, orderId);
    const { buyer, seller, slotId, quantityMilliWh } = trade;
    const key = `${buyer}/${orderId}`;
    const signed = { orderHash: "", order: NO_BYTES };
    const answer = { answer: NO_BYTES, contractId: "c" };
    const delivered = { slotId, deliveredMilliWh: quantityMilliWh };
    const final = { area: AREA, finalMilliWh: quantityMilliWh, amountMicro: terms.amountMicro, feesMicro: 0 };
    this.write({ kind: "hold", agent: buyer, terms, ...signed });
    const bought = this.#order("buyer", terms, "HELD");
    if (steps >= 1) {
      this.write({ kind: "accept", agent: seller, terms, ...signed, ...answer });
      const sold = this.#order("seller", terms, "ACCEPTED");
      if (steps >= 2) bought.state = "COMMITTED";
      if (steps >= 3) {
        this.write({ kind: "deliver", agent: seller, key, buyer, quantityMilliWh, ...delivered });
        Object.assign(sold, { state: "DELIVERED", finalMilliWh: quantityMilliWh });
      }
      if (steps >= 4) {
        this.write({ kind: "receive", agent: buyer, key, seller, heldMicro: terms.amountMicro, ...final });
        Object.assign(bought, {
          state: "PAID",
          finalMilliWh: quantityMilliWh,
          finalAmountMicro: terms.amountMicro,
        });
      }
      if (steps >= 5) {
        this.write({ kind: "credit", agent: seller, key, buyer, ...delivered, ...final });
        Object.assign(sold, { state: "SETTLED", finalAmountMicro: terms.amountMicro });
        bought.state = "CLOSED";
      }
    }
    return orderId;
  }

  /** An order the seller refused. */
  refused(trade: TestTrade): void {
    const orderId = `order-${this.#seq}`;
    const terms = this.#terms(trade, orderId);
    const key = `${trade.buyer}/${orderId}`;
    const signed = { orderHash: "", order: NO_BYTES };
    const reason = "OFFER_EXPIRED";
    this.write({ kind: "hold", agent: trade.buyer, terms, ...signed });
    this.write({
      kind: "reject",
      agent: trade.seller,
      terms,
      ...signed,
      answer: NO_BYTES,
      contractId: "c",
      reason,
    });
    const heldMicro = terms.amountMicro;
    this.write({ kind: "release", agent: trade.buyer, key, reason, heldMicro, answer: NO_BYTES });
    this.#order("buyer", terms, "RELEASED");
    this.#order("seller", terms, "REJECTED");
  }

  produce(agent: string, key: string, quantityMilliWh: number): void {
    this.write({ kind: "produce", agent, key, quantityMilliWh });
  }

  consume(agent: string, key: string, quantityMilliWh: number): void {
    this.write({ kind: "consume", agent, key, quantityMilliWh });
  }

  lose(agent: string, key: string, quantityMilliWh: number): void {
    this.write({ kind: "loss", agent, key, quantityMilliWh });
  }

  /** Positive: the agent drew from the operator. */
  settle(
    agent: string,
    operator: string,
    rest: { slotId: string; quantityMilliWh: number; price: number },
  ): void {
    const { slotId, quantityMilliWh, price } = rest;
    const amount = amountMicro(quantityMilliWh, price);
    const both = { kind: "imbalance" as const, slotId, priceMicroPerKWh: price };
    const from = { counterparty: operator, counterpartyPeerId: `peer of ${operator}` };
    const to = { counterparty: agent, counterpartyPeerId: `peer of ${agent}` };
    this.write({ ...both, ...from, agent, side: "agent", quantityMilliWh, amountMicro: amount });
    const mirrored = { quantityMilliWh: -quantityMilliWh, amountMicro: -amount };
    this.write({ ...both, ...to, agent: operator, side: "operator", ...mirrored });
  }

  #terms(trade: TestTrade, orderId: string): RecordedTerms {
    return {
      orderId,
      transactionId: `transaction of ${orderId}`,
      offerId: "offer",
      offerEpoch: "epoch",
      buyer: trade.buyer,
      buyerPeerId: `peer of ${trade.buyer}`,
      seller: trade.seller,
      sellerPeerId: `peer of ${trade.seller}`,
      slotId: trade.slotId,
      quantityMilliWh: trade.quantityMilliWh,
      priceMicroPerKWh: trade.priceMicroPerKWh,
      amountMicro: amountMicro(trade.quantityMilliWh, trade.priceMicroPerKWh),
      buyerFeesMicro: 0,
      sellerFeesMicro: 0,
      currency: "USD",
      untilMs: 0,
      delivery: "slot",
    };
  }

  #order(
    role: "buyer" | "seller",
    terms: RecordedTerms,
    state: OrderSummary["state"],
  ): Mutable<OrderSummary> {
    const mine = role === "buyer" ? terms.buyer : terms.seller;
    const order: Mutable<OrderSummary> = {
      orderId: terms.orderId,
      transactionId: terms.transactionId,
      role,
      agentId: mine,
      counterparty: role === "buyer" ? terms.seller : terms.buyer,
      counterpartyPeerId: role === "buyer" ? terms.sellerPeerId : terms.buyerPeerId,
      slotId: terms.slotId,
      state,
      quantityMilliWh: terms.quantityMilliWh,
      priceMicroPerKWh: terms.priceMicroPerKWh,
      amountMicro: terms.amountMicro,
      finalMilliWh: null,
      finalAmountMicro: null,
      currency: terms.currency,
      createdAtMs: this.#seq,
      updatedAtMs: this.#seq,
    };
    this.book(mine).orders.push(order);
    return order;
  }
}
