/** What the journal means: books, offers, orders. Only `apply` changes it. */

import type {
  BuyerState,
  OrderSummary,
  RecordedBytes,
  RecordedNonce,
  RecordedTerms,
  RecordOf,
  SellerState,
  TradeDocument,
  TradeDocumentType,
} from "@gridmesh/protocol";

/** One side's half of an order. */
export interface OrderHalf {
  readonly key: string;
  readonly role: "buyer" | "seller";
  readonly agentId: string;
  readonly terms: RecordedTerms;
  readonly orderHash: string;
  readonly order: RecordedBytes;
  state: BuyerState | SellerState;
  /** The seller's decision as it was said; absent while the buyer is in doubt. */
  answer: RecordedBytes | undefined;
  contractId: string | undefined;
  reason: string | undefined;
  /** Money on hold for it, micro-currency. */
  heldMicro: number;
  deliveredMilliWh: number | null;
  /** By the buyer's own meter. */
  measuredMilliWh: number | null;
  finalMilliWh: number | null;
  finalAmountMicro: number | null;
  readonly documents: { [T in TradeDocumentType]?: Extract<TradeDocument, { readonly type: T }> };
  evidence: number;
  readonly createdAtMs: number;
  updatedAtMs: number;
  /** Record that made its present state. */
  lastSeq: number;
}

/** An order that was cancelled before it came. */
interface Forestalled {
  readonly cancel: TradeDocument;
  readonly annulment: TradeDocument;
  readonly lastSeq: number;
}

export interface OfferState {
  readonly offerId: string;
  readonly agentId: string;
  readonly slotId: string;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly currency: string;
  readonly untilMs: number;
  readonly seq: number;
  soldMilliWh: number;
  withdrawn: boolean;
}

export interface ImbalanceState {
  readonly record: RecordOf<"imbalance">;
  receipt: TradeDocument | undefined;
  lastSeq: number;
}

/** An agent's book. */
export interface Book {
  readonly agentId: string;
  readonly name: string;
  readonly capacityMilliWh: number;
  /** Account → micro-currency. */
  readonly money: Map<string, number>;
  /** Account → mWh. */
  readonly energy: Map<string, number>;
  entries: number;
  /** By `<buyer>/<orderId>`; a node may host both sides, each in its own book. */
  readonly orders: Map<string, OrderHalf>;
  readonly open: Set<OrderHalf>;
  /** By the key they would have; as seller. */
  readonly forestalled: Map<string, Forestalled>;
  /** By `<kind> <key>`. */
  readonly energyRecords: Map<string, RecordOf<"produce">>;
  /** By `<counterparty> <slotId>`. */
  readonly imbalances: Map<string, ImbalanceState>;
  /** Bought and neither received nor released, mWh. */
  openPurchasesMilliWh: number;
  /** Bought per slot, less what was released or never arrived, mWh. */
  readonly purchased: Map<string, number>;
  /** Contracted sales per slot, mWh. */
  readonly sold: Map<string, number>;
  readonly spending: SpendingWindow;
  /** By agent_id. */
  readonly partners: Map<string, Partner>;
}

/** Another agent with which there is or was an order. */
export interface Partner {
  /** Of its newest order. */
  peerId: string;
  /** Orders paid and receipted. */
  settled: number;
  /** Oldest first. */
  readonly statements: RecordOf<"statement">[];
}

/** What was put on hold within the last market hour. */
export interface SpendingWindow {
  readonly holds: Map<string, { readonly atMs: number; readonly micro: number }>;
  micro: number;
}

export interface DeskState {
  lastSeq: number;
  boot: RecordOf<"boot"> | undefined;
  readonly books: Map<string, Book>;
  readonly offers: Map<string, OfferState>;
  /** Own statements that the operator has not receipted. */
  readonly unreceipted: Set<ImbalanceState>;
  /** Nonces of effects, oldest first, as far back as a message may be replayed. */
  nonces: RecordedNonce[];
}

export function emptyState(): DeskState {
  return {
    lastSeq: 0,
    boot: undefined,
    books: new Map(),
    offers: new Map(),
    unreceipted: new Set(),
    nonces: [],
  };
}

export function balance(accounts: ReadonlyMap<string, number>, account: string): number {
  return accounts.get(account) ?? 0;
}

/** Money put on hold in the market hour before `nowMs`, micro-currency. */
export function spentInHour(window: SpendingWindow, nowMs: number): number {
  let micro = window.micro;
  for (const hold of window.holds.values()) {
    if (hold.atMs > nowMs - HOUR_MS) break;
    micro -= hold.micro;
  }
  return micro;
}

export const HOUR_MS = 3_600_000;

export function summaryOf(half: OrderHalf): OrderSummary {
  const { terms } = half;
  const isBuyer = half.role === "buyer";
  return {
    orderId: terms.orderId,
    transactionId: terms.transactionId,
    role: half.role,
    agentId: half.agentId,
    counterparty: isBuyer ? terms.seller : terms.buyer,
    counterpartyPeerId: isBuyer ? terms.sellerPeerId : terms.buyerPeerId,
    slotId: terms.slotId,
    state: half.state,
    ...(half.reason === undefined ? {} : { reason: half.reason }),
    quantityMilliWh: terms.quantityMilliWh,
    priceMicroPerKWh: terms.priceMicroPerKWh,
    amountMicro: terms.amountMicro,
    finalMilliWh: half.finalMilliWh ?? half.deliveredMilliWh,
    finalAmountMicro: half.finalAmountMicro,
    currency: terms.currency,
    createdAtMs: half.createdAtMs,
    updatedAtMs: half.updatedAtMs,
  };
}
