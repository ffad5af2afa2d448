export type { BookSnapshot, BuyerState, OrderSummary, SellerState, Slot } from "./book.ts";
export {
  type TradeAnnulment,
  type TradeCancel,
  type TradeDelivery,
  tradeDeliverySchema,
  type TradeDispute,
  type TradeDocument,
  tradeDocumentSchema,
  tradeDocumentSigner,
  type TradeDocumentType,
  type TradeImbalance,
  type TradeImbalanceReceipt,
  tradeImbalanceReceiptSchema,
  tradeImbalanceSchema,
  type TradePayment,
  tradePaymentSchema,
  type TradeReceipt,
  type TradeStatement,
  type TradeTotals,
  tradeReceiptSchema,
} from "./documents.ts";
export {
  MAX_DOCUMENTS,
  MAX_LISTED_ORDERS,
  MAX_QUERY_ORDERS,
  type TradeMessageType,
  tradeMessageSchemas,
  type TradeOrders,
  type TradeQuery,
  type TradeReconcile,
  type TradeSend,
} from "./messages.ts";
export { type Posting, postings } from "./postings.ts";
export {
  type JournalRecord,
  orderKey,
  type RecordedBytes,
  type RecordedNonce,
  type RecordedTerms,
  type RecordKind,
  type RecordOf,
} from "./records.ts";
export {
  type BuyerStep,
  isEndPair,
  isOrderOpen,
  nextBuyerState,
  nextSellerState,
  type SellerStep,
} from "./states.ts";
