/**
 * The trade desk of a node: every effect on energy and money passes through it, is journaled and fsynced before
 * anything is said of it, and is exactly-once by its own id. Amounts: integer mWh, micro-currency.
 */

import type { DeskAudit } from "./audit.ts";
import type { OrderEvidence } from "./order-evidence.ts";
import type { BookSnapshot, OrderSummary, Signer, Slot } from "@gridmesh/protocol";

/** What the owner allows the node to sign for an agent; counted in the journal. */
export interface SigningPolicy {
  readonly maxOrderMicro: number;
  /** Market hours. */
  readonly spendPerHourMicro: number;
  readonly maxOpenOrders: number;
}

/** Bytes as they were signed and sent, kept for ever: a Beckn body with its header, or a JCS document. */
export interface SignedBytes {
  /** Beckn: the JCS header of the frame. Documents: empty. */
  readonly header: string;
  /** The body verbatim. */
  readonly body: string;
}

export interface OfferTerms {
  readonly agentId: string;
  readonly slot: Slot;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly currency: string;
  /** Market time; orders for it are refused from here on (the gate of its slot). */
  readonly untilMs: number;
}

/** What a seller has on sale; written by the seller alone. */
export interface OpenOffer extends OfferTerms {
  readonly offerId: string;
  /** Boot epoch of the seller's journal: an offer does not outlive it. */
  readonly epoch: string;
  /** Quantity neither sold nor reserved by others, mWh. */
  readonly leftMilliWh: number;
}

/** The terms of an order over one slot, as both sides sign them. */
export interface OrderTerms {
  /** message_id of the Beckn confirm. */
  readonly orderId: string;
  readonly transactionId: string;
  readonly offerId: string;
  readonly offerEpoch: string;
  readonly buyer: string;
  readonly buyerPeerId: string;
  readonly seller: string;
  readonly sellerPeerId: string;
  readonly slot: Slot;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly amountMicro: number;
  readonly currency: string;
  readonly untilMs: number;
  /** `instant`: delivered at acceptance; `slot`: after the slot has ended. */
  readonly delivery: "slot" | "instant";
}

export interface Decision {
  readonly accepted: boolean;
  /** Error code of a refusal. */
  readonly reason?: string;
  readonly contractId: string;
}

/** What happened to an order, told to roles, logs and events. */
export interface TradeEvent {
  readonly kind:
    | "held"
    | "accepted"
    | "rejected"
    | "committed"
    | "released"
    | "annulled"
    | "delivered"
    | "disputed"
    | "received"
    | "settled"
    | "closed";
  readonly agentId: string;
  readonly order: OrderSummary;
}

/** Energy that enters or leaves a book outside a trade; `key` makes it exactly-once. */
export interface EnergyEntry {
  readonly kind: "produce" | "consume" | "loss";
  readonly agentId: string;
  /** e.g. the slot id; a second entry of this kind and key is ignored. */
  readonly key: string;
  readonly quantityMilliWh: number;
  /** Kept beside the record so that a role can go on after a restart. */
  readonly plan?: Readonly<Record<string, number>>;
}

/** Energy settled with the area's operator because no contract covered it; one per agent and slot. */
export interface ImbalanceEntry {
  readonly agentId: string;
  readonly slot: Slot;
  /** Signed: positive = the agent drew from the operator, negative = it fed in. mWh. */
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly operator: { readonly agentId: string; readonly peerId: string };
}

export interface TradeDesk {
  /** Boot epoch: random, first record of the journal. */
  readonly epoch: string;
  /** Opens an agent's book once; later calls (restarts) change nothing. `capacityMilliWh` bounds what it may hold. */
  open(options: {
    readonly signer: Signer;
    readonly name: string;
    readonly moneyMicro: number;
    readonly energyMilliWh: number;
    readonly capacityMilliWh: number;
    /** What the owner allows to be signed; absent: no order. Exceeding it throws SPEND_LIMIT. */
    readonly policy?: SigningPolicy;
    /** As area operator: answers imbalance statements with these tariffs. */
    readonly tariff?: { readonly retailMicroPerKWh: number; readonly feedInMicroPerKWh: number };
  }): Promise<void>;
  /** @throws AGENT_NOT_FOUND when no book is open. */
  book(agentId: string): BookSnapshot;
  books(): readonly BookSnapshot[];
  /** Stored energy that is free: available − reserved. */
  availableMilliWh(agentId: string): number;
  /** Need of a slot that purchases may fill beyond the battery's room; memory only, set again after a restart. */
  expectNeed(agentId: string, slotId: string, quantityMilliWh: number): void;
  /**
   * How much more the agent may buy for this slot. With an expected need: need − purchases of this slot that are not
   * released; else: capacity − available − open purchases.
   */
  roomMilliWh(agentId: string, slotId: string): number;
  record(entry: EnergyEntry): Promise<void>;
  /** The journaled entry of this kind and key, if any. */
  entry(agentId: string, kind: EnergyEntry["kind"], key: string): EnergyEntry | undefined;
  /** Books it and sends the signed statement to the operator until it is receipted. */
  imbalance(entry: ImbalanceEntry): Promise<void>;

  offer(terms: OfferTerms): Promise<OpenOffer>;
  withdraw(offerId: string): Promise<void>;
  openOffers(filter?: { readonly agentId?: string; readonly slotId?: string }): readonly OpenOffer[];
  /**
   * One offer that orders may still be made for, also when nothing is left of it.
   * @throws OFFER_NOT_FOUND (unknown, another agent's), OFFER_EXPIRED (ended, withdrawn), MARKET_HALTED.
   */
  offerOf(agentId: string, offerId: string): OpenOffer;
  /** Told of each new offer once it is on sale. */
  onOffer(fn: (offer: OpenOffer) => void): Disposable;
  /**
   * Sets quantity aside for one transaction until `untilMs` (market time); memory only.
   * @throws OFFER_NOT_FOUND, OFFER_EXPIRED, QUANTITY_UNAVAILABLE, MARKET_HALTED.
   */
  reserve(options: {
    readonly offerId: string;
    readonly transactionId: string;
    readonly quantityMilliWh: number;
    readonly untilMs: number;
  }): void;
  unreserve(offerId: string, transactionId: string): void;

  /**
   * Buyer, step 1: money on hold, the order's bytes journaled and fsynced; only then may they be sent.
   * @throws FUNDS_INSUFFICIENT, QUANTITY_UNAVAILABLE (no room), AMOUNT_INVALID, ORDER_CONFLICT, MARKET_HALTED.
   */
  hold(terms: OrderTerms, order: SignedBytes): Promise<void>;
  /**
   * Seller, step 2: decides once, journals order and answer, then returns the answer's bytes; a known order gets the
   * same bytes again. `answer` builds and signs them for the decision taken. Refusals are journaled too.
   * @throws ORDER_CONFLICT (same key, other bytes), COUNTERPARTY_WRONG, AMOUNT_INVALID.
   */
  decide(
    terms: OrderTerms,
    order: SignedBytes,
    answer: (decision: Decision) => SignedBytes,
  ): Promise<SignedBytes>;
  /** Buyer, step 3: commit or release, by the seller's signed decision alone. Repeats change nothing. */
  conclude(buyer: string, orderId: string, decision: Decision, bytes: SignedBytes): Promise<void>;
  /**
   * Seller, step 4: the slot is over (or delivery is instant); delivery, payment, receipt then run by themselves over
   * `/gridmesh/trade/1`, with retries across restarts of both sides.
   */
  deliver(
    seller: string,
    orderKey: { buyer: string; orderId: string },
    deliveredMilliWh: number,
  ): Promise<void>;
  /**
   * Buyer: what its own meter says came in, before the delivery is there. The lesser of both readings is final; too
   * far apart, they are in dispute first.
   * @throws ORDER_NOT_FOUND, ORDER_STATE (delivered, ended), ORDER_CONFLICT (measured otherwise before), AMOUNT_INVALID.
   */
  measure(buyer: string, orderId: string, receivedMilliWh: number): Promise<void>;
  /**
   * Buyer: calls the order off; the hold stays until the seller's signed annulment, refusal or delivery ends it.
   * @throws ORDER_NOT_FOUND, ORDER_STATE (ended, or paid already).
   */
  cancel(buyer: string, orderId: string): Promise<void>;
  /**
   * Seller: takes an order back that its buyer called off in other words than a signed document, before its delivery.
   * @throws ORDER_NOT_FOUND, ORDER_STATE (delivered, ended).
   */
  annul(seller: string, orderKey: { buyer: string; orderId: string }): Promise<void>;
  orders(filter?: {
    readonly agentId?: string;
    readonly slotId?: string;
    readonly open?: boolean;
  }): readonly OrderSummary[];
  /** One order by its key; `orders` looks at all of them. */
  order(agentId: string, orderKey: { buyer: string; orderId: string }): OrderSummary | undefined;
  /** The order's bytes as they were held or decided: header and body of its confirm. */
  signedOrder(agentId: string, orderKey: { buyer: string; orderId: string }): SignedBytes | undefined;
  /** All that its books hold of a transaction's orders. */
  evidence(transactionId: string): readonly OrderEvidence[];
  /** How a held order is sent again after a restart or a lost answer; set by the Beckn room. */
  setCourier(courier: { resend(terms: OrderTerms, order: SignedBytes): Promise<void> }): void;
  onEvent(fn: (event: TradeEvent) => void): Disposable;
  /** Entries still on their way (orders open, imbalance statements without receipt). */
  pending(): { readonly orders: number; readonly imbalances: number };
  /** In what the ledger of a counterparty was found to disagree with the own one, a sentence each. */
  disagreements(): readonly string[];
  /** Chain, replay against the live books, invariants; of this node's ledger alone, with every signature it keeps. */
  audit(): Promise<DeskAudit>;
  stop(): Promise<void>;
}
