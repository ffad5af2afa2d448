export type { JsonObject, JsonValue } from "./json.ts";
export type { Signer } from "./signer.ts";
export type {
  BookSnapshot,
  BuyerState,
  OrderSummary,
  SellerState,
  Slot,
} from "./messages/trade/book.ts";
