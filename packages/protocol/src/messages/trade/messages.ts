/** Live messages of `/gridmesh/trade/1`: fresh at each send, they carry documents or ask for them. */

import * as z from "zod";
import { tradeDocumentSchema } from "./documents.ts";

/** Most documents in one `trade_send`. */
export const MAX_DOCUMENTS = 8;
/** Most orders in one `trade_query`. */
export const MAX_QUERY_ORDERS = 64;

/** The fields beside the common header, by type; the signer's field of both is `sender_id`. */
export const tradeMessageSchemas = {
  trade_send: z.strictObject({
    documents: z.array(tradeDocumentSchema).min(1).max(MAX_DOCUMENTS),
  }),
  /** Asks for the last own document of each of these orders; unknown ones are answered ORDER_NOT_FOUND. */
  trade_query: z.strictObject({
    orderIds: z.array(z.string().min(1).max(128)).min(1).max(MAX_QUERY_ORDERS),
  }),
};

export type TradeMessageType = keyof typeof tradeMessageSchemas;
export type TradeSend = Readonly<z.infer<(typeof tradeMessageSchemas)["trade_send"]>>;
export type TradeQuery = Readonly<z.infer<(typeof tradeMessageSchemas)["trade_query"]>>;
