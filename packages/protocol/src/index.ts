export {
  type Blame,
  type ErrorCode,
  type ErrorEntry,
  errorTable,
  exitCodeOf,
  type ForeignError,
  forPeer,
  fromRpcError,
  isErrorCode,
  isProtocolError,
  ProtocolError,
  type ProtocolErrorOptions,
  type RpcError,
  type SuggestedAction,
  toProtocolError,
  toRpcError,
  verdictOf,
} from "./errors.ts";
export type { JsonObject, JsonValue } from "./json.ts";
export type { Signer } from "./signer.ts";
export type { BookSnapshot, BuyerState, OrderSummary, SellerState, Slot } from "./messages/trade/book.ts";
export {
  amountMicro,
  checkSlot,
  MAX_MICRO,
  MAX_MICRO_PER_KWH,
  MAX_MILLI_WH,
  mulDiv,
  parseSlotId,
  slotAt,
  slotId,
} from "./quantity.ts";
