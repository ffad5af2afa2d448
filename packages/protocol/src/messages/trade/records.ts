/** Journal records: every effect on energy and money of a node, in the order it happened. */

import type { TradeDocument } from "./documents.ts";

/** The nonce of the message that caused a record: in the same record, both survive a crash or neither. */
export interface RecordedNonce {
  readonly signer: string;
  readonly nonce: string;
  /** Unix seconds. */
  readonly timestamp: number;
}

/** A signed message or document as it was sent: header (may be empty) and body. */
export interface RecordedBytes {
  readonly header: string;
  readonly body: string;
}

interface RecordBase {
  /** 1, 2, 3 … without a gap. */
  readonly seq: number;
  /** Market time, ms. */
  readonly atMs: number;
  readonly nonce?: RecordedNonce;
  readonly documents?: readonly TradeDocument[];
}

interface BookRecordBase extends RecordBase {
  /** agent_id of the book's owner. */
  readonly agent: string;
}

/** What a contract says, as both books need it. */
export interface RecordedTerms {
  readonly orderId: string;
  readonly transactionId: string;
  readonly offerId: string;
  readonly offerEpoch: string;
  readonly buyer: string;
  readonly buyerPeerId: string;
  readonly seller: string;
  readonly sellerPeerId: string;
  readonly slotId: string;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly amountMicro: number;
  readonly buyerFeesMicro: number;
  readonly sellerFeesMicro: number;
  readonly currency: string;
  readonly untilMs: number;
  readonly delivery: "slot" | "instant";
}

/** First record of every journal. */
interface BootRecord extends RecordBase {
  readonly kind: "boot";
  readonly epoch: string;
  readonly network: string;
  readonly peerId: string;
}
interface OpenRecord extends BookRecordBase {
  readonly kind: "open";
  readonly name: string;
  readonly moneyMicro: number;
  readonly energyMilliWh: number;
  readonly capacityMilliWh: number;
}
/** The agent's key was handed over: its book goes on under the new id. */
interface SucceedRecord extends BookRecordBase {
  readonly kind: "succeed";
  readonly successor: string;
}
interface OfferRecord extends BookRecordBase {
  readonly kind: "offer";
  readonly offerId: string;
  readonly slotId: string;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly currency: string;
  readonly untilMs: number;
}
interface WithdrawRecord extends BookRecordBase {
  readonly kind: "withdraw";
  readonly offerId: string;
}
/** Opens an order in a book: the buyer's hold, or the seller's decision. */
interface HoldRecord extends BookRecordBase {
  readonly kind: "hold";
  readonly terms: RecordedTerms;
  readonly orderHash: string;
  readonly order: RecordedBytes;
}
interface AcceptRecord extends BookRecordBase {
  readonly kind: "accept";
  readonly terms: RecordedTerms;
  readonly orderHash: string;
  readonly order: RecordedBytes;
  readonly answer: RecordedBytes;
  readonly contractId: string;
}
interface RejectRecord extends BookRecordBase {
  readonly kind: "reject";
  readonly terms: RecordedTerms;
  readonly orderHash: string;
  readonly order: RecordedBytes;
  readonly answer: RecordedBytes;
  readonly contractId: string;
  readonly reason: string;
}
/** A later step of an order; `key` = `<buyer>/<orderId>`. */
interface OrderStepBase extends BookRecordBase {
  readonly key: string;
}
interface CommitRecord extends OrderStepBase {
  readonly kind: "commit";
  readonly contractId: string;
  readonly answer: RecordedBytes;
}
interface ReleaseRecord extends OrderStepBase {
  readonly kind: "release";
  readonly reason: string;
  readonly heldMicro: number;
  readonly answer: RecordedBytes;
}
/** What the buyer's own meter says came in for an order. */
interface MeasureRecord extends OrderStepBase {
  readonly kind: "measure";
  readonly receivedMilliWh: number;
}
/** Two readings too far apart: nothing moves until the lesser of both is due. */
interface DisputeRecord extends OrderStepBase {
  readonly kind: "dispute";
}
/** The buyer wants it no more; nothing moves until the seller answers. */
interface CancelRecord extends OrderStepBase {
  readonly kind: "cancel";
}
/** Seller: cancelled before it came; should it still come, it is refused. */
interface ForestallRecord extends OrderStepBase {
  readonly kind: "forestall";
  readonly orderHash: string;
}
interface VoidRecord extends OrderStepBase {
  readonly kind: "void";
  readonly reason: string;
  readonly slotId: string;
  readonly quantityMilliWh: number;
}
interface DeliverRecord extends OrderStepBase {
  readonly kind: "deliver";
  readonly buyer: string;
  readonly slotId: string;
  readonly quantityMilliWh: number;
  readonly deliveredMilliWh: number;
}
interface ReceiveRecord extends OrderStepBase {
  readonly kind: "receive";
  readonly seller: string;
  readonly area: string;
  readonly finalMilliWh: number;
  readonly amountMicro: number;
  readonly feesMicro: number;
  readonly heldMicro: number;
}
interface CreditRecord extends OrderStepBase {
  readonly kind: "credit";
  readonly buyer: string;
  readonly area: string;
  readonly slotId: string;
  readonly deliveredMilliWh: number;
  readonly finalMilliWh: number;
  readonly amountMicro: number;
  readonly feesMicro: number;
}
interface CloseRecord extends OrderStepBase {
  readonly kind: "close";
}
/** Two contents for one id: both are kept, nothing is booked. */
interface EvidenceRecord extends OrderStepBase {
  readonly kind: "evidence";
  readonly what: string;
  readonly bytes: RecordedBytes;
}
interface EnergyRecord extends BookRecordBase {
  readonly kind: "produce" | "consume" | "loss";
  readonly key: string;
  readonly quantityMilliWh: number;
  readonly plan?: Readonly<Record<string, number>>;
}
/** From the book owner's side: positive energy came in, positive money went out. */
interface ImbalanceRecord extends BookRecordBase {
  readonly kind: "imbalance";
  readonly side: "agent" | "operator";
  readonly counterparty: string;
  readonly counterpartyPeerId: string;
  readonly slotId: string;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly amountMicro: number;
}
interface ImbalanceReceiptRecord extends BookRecordBase {
  readonly kind: "imbalance_receipt";
  readonly counterparty: string;
  readonly slotId: string;
}

/** What both signed of all that was settled between them in a time: the own statement, then the other's. */
interface StatementRecord extends BookRecordBase {
  readonly kind: "statement";
  readonly counterparty: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export type JournalRecord =
  | BootRecord
  | OpenRecord
  | SucceedRecord
  | OfferRecord
  | WithdrawRecord
  | HoldRecord
  | AcceptRecord
  | RejectRecord
  | CommitRecord
  | ReleaseRecord
  | MeasureRecord
  | DisputeRecord
  | CancelRecord
  | ForestallRecord
  | VoidRecord
  | DeliverRecord
  | ReceiveRecord
  | CreditRecord
  | CloseRecord
  | EvidenceRecord
  | EnergyRecord
  | ImbalanceRecord
  | ImbalanceReceiptRecord
  | StatementRecord;

export type RecordKind = JournalRecord["kind"];
/** The record of this kind. */
export type RecordOf<K extends RecordKind, R = JournalRecord> = R extends JournalRecord
  ? K extends R["kind"]
    ? R
    : never
  : never;

/** `<buyer>/<orderId>`: what an order is known by, in both books. */
export function orderKey(buyer: string, orderId: string): string {
  return `${buyer}/${orderId}`;
}
