/** Trade documents: signed once, without nonce, valid for ever; `/gridmesh/trade/1` carries them between two nodes. */

import * as z from "zod";
import { MAX_MICRO, MAX_MICRO_PER_KWH, MAX_MILLI_WH } from "../../quantity.ts";

const agentId = z.string().regex(/^ed25519:[1-9A-HJ-NP-Za-km-z]{32,44}$/);
const slotText = z.string().max(96);
const orderIdText = z.string().min(1).max(128);
const hashText = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const signatureText = z.string().length(88);
const milliWh = z.int().min(0).max(MAX_MILLI_WH);
const micro = z.int().min(0).max(MAX_MICRO);
const timeMs = z.int().min(0);

const orderFields = {
  version: z.string().max(8),
  orderId: orderIdText,
  orderHash: hashText,
  buyer: agentId,
  seller: agentId,
  signedAtMs: timeMs,
  signature: signatureText,
};

/** Seller: what was delivered of each slot; `committedTotalMilliWh` is all it had sold for that slot. */
export const tradeDeliverySchema = z.strictObject({
  type: z.literal("trade_delivery"),
  ...orderFields,
  slots: z
    .array(z.strictObject({ slotId: slotText, allocatedMilliWh: milliWh, committedTotalMilliWh: milliWh }))
    .min(1)
    .max(96),
});

/** Buyer: what it takes as final of each slot, and the money that moves for it. */
export const tradePaymentSchema = z.strictObject({
  type: z.literal("trade_payment"),
  ...orderFields,
  slots: z
    .array(z.strictObject({ slotId: slotText, finalMilliWh: milliWh }))
    .min(1)
    .max(96),
  amountMicro: micro,
  buyerFeesMicro: micro,
});

/** Seller: the payment is booked. */
export const tradeReceiptSchema = z.strictObject({
  type: z.literal("trade_receipt"),
  ...orderFields,
  amountMicro: micro,
});

/** Buyer: its own reading is too far from what the seller says it delivered. */
const tradeDisputeSchema = z.strictObject({
  type: z.literal("trade_dispute"),
  ...orderFields,
  claimMilliWh: milliWh,
});

/** Buyer: it wants the order no more; the seller answers with an annulment, or with what it has done already. */
const tradeCancelSchema = z.strictObject({
  type: z.literal("trade_cancel"),
  ...orderFields,
});

/** Seller: the order is off; what it took back is free again. */
const tradeAnnulmentSchema = z.strictObject({
  type: z.literal("trade_annulment"),
  ...orderFields,
  reason: z.string().max(64),
});

const imbalanceFields = {
  version: z.string().max(8),
  /** The one whose energy no contract covered. */
  agent: agentId,
  operator: agentId,
  slotId: slotText,
  /** Positive: the agent drew from the operator; negative: it fed in. */
  quantityMilliWh: z.int().min(-MAX_MILLI_WH).max(MAX_MILLI_WH),
  priceMicroPerKWh: z.int().min(-MAX_MICRO_PER_KWH).max(MAX_MICRO_PER_KWH),
  /** Positive: the agent owes the operator. */
  amountMicro: z.int().min(-MAX_MICRO).max(MAX_MICRO),
  signedAtMs: timeMs,
  signature: signatureText,
};

/** Agent: what of this slot no contract covered; one per agent and slot. */
export const tradeImbalanceSchema = z.strictObject({
  type: z.literal("trade_imbalance"),
  ...imbalanceFields,
});

/** Operator: the opposite is booked; `statementHash` names the statement. */
export const tradeImbalanceReceiptSchema = z.strictObject({
  type: z.literal("trade_imbalance_receipt"),
  ...imbalanceFields,
  statementHash: hashText,
});

/** What moved between two agents, from the signer's side: micro-currency and mWh. */
export const tradeTotalsSchema = z.strictObject({
  /** Orders paid and receipted. */
  orders: z.int().min(0),
  paidMicro: z.int().min(0),
  receivedMicro: z.int().min(0),
  inMilliWh: z.int().min(0),
  outMilliWh: z.int().min(0),
});

/** Either side of a pair: all that was settled between both in a time, by what its own book says. */
const tradeStatementSchema = z.strictObject({
  type: z.literal("trade_statement"),
  version: z.string().max(8),
  /** The signer. */
  agent: agentId,
  counterparty: agentId,
  /** Orders whose receipt was signed from here … */
  fromMs: timeMs,
  /** … until before here. */
  toMs: timeMs,
  totals: tradeTotalsSchema,
  /** RFC 6962 over the canonical form of each order's id, hash, final mWh and amount, by id: the same on both sides. */
  root: hashText,
  signedAtMs: timeMs,
  signature: signatureText,
});

/** Any document that `trade_send` may carry. */
export const tradeDocumentSchema = z.discriminatedUnion("type", [
  tradeDeliverySchema,
  tradePaymentSchema,
  tradeReceiptSchema,
  tradeDisputeSchema,
  tradeCancelSchema,
  tradeAnnulmentSchema,
  tradeImbalanceSchema,
  tradeImbalanceReceiptSchema,
  tradeStatementSchema,
]);

export type TradeDelivery = Readonly<z.infer<typeof tradeDeliverySchema>>;
export type TradePayment = Readonly<z.infer<typeof tradePaymentSchema>>;
export type TradeReceipt = Readonly<z.infer<typeof tradeReceiptSchema>>;
export type TradeDispute = Readonly<z.infer<typeof tradeDisputeSchema>>;
export type TradeCancel = Readonly<z.infer<typeof tradeCancelSchema>>;
export type TradeAnnulment = Readonly<z.infer<typeof tradeAnnulmentSchema>>;
export type TradeImbalance = Readonly<z.infer<typeof tradeImbalanceSchema>>;
export type TradeImbalanceReceipt = Readonly<z.infer<typeof tradeImbalanceReceiptSchema>>;
export type TradeStatement = Readonly<z.infer<typeof tradeStatementSchema>>;
export type TradeTotals = Readonly<z.infer<typeof tradeTotalsSchema>>;
export type TradeDocument = Readonly<z.infer<typeof tradeDocumentSchema>>;
export type TradeDocumentType = TradeDocument["type"];

/** The field that names the signer of each kind of document. */
export const tradeDocumentSigner: Readonly<
  Record<TradeDocumentType, "buyer" | "seller" | "agent" | "operator">
> = {
  trade_delivery: "seller",
  trade_payment: "buyer",
  trade_receipt: "seller",
  trade_dispute: "buyer",
  trade_cancel: "buyer",
  trade_annulment: "seller",
  trade_imbalance: "agent",
  trade_imbalance_receipt: "operator",
  trade_statement: "agent",
};
