/** Live messages of `/gridmesh/trade/1`: fresh at each send, they carry documents or ask for them. */

import * as z from "zod";
import { MAX_MICRO, MAX_MILLI_WH } from "../../quantity.ts";
import { tradeDocumentSchema, tradeTotalsSchema } from "./documents.ts";

/** Most documents in one `trade_send`. */
export const MAX_DOCUMENTS = 8;
/** Most orders in one `trade_query`. */
export const MAX_QUERY_ORDERS = 64;

/** Most orders in one `trade_orders`. */
export const MAX_LISTED_ORDERS = 160;

const orderId = z.string().min(1).max(128);
const hash = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const timeMs = z.int().min(0);

/** The fields beside the common header, by type; the signer's field of both is `sender_id`. */
export const tradeMessageSchemas = {
  trade_send: z.strictObject({
    documents: z.array(tradeDocumentSchema).min(1).max(MAX_DOCUMENTS),
  }),
  /** Asks for the last own document of each of these orders; unknown ones are answered ORDER_NOT_FOUND. */
  trade_query: z.strictObject({
    orderIds: z.array(orderId).min(1).max(MAX_QUERY_ORDERS),
  }),
  /** How the sender's book stands with the recipient; answered by the other side's. */
  trade_reconcile: z.strictObject({
    openCount: z.int().min(0),
    /** Of the canonical form of [orderId, orderHash] of each order that has not ended, by id. */
    openHash: hash,
    totals: tradeTotalsSchema,
  }),
  /**
   * Orders as the sender's book has them, by id; answered by the other side's of the same, and of all in `ended`.
   * A state of a half, or of a seller that never saw the order and knows it is called off.
   */
  trade_orders: z.strictObject({
    orders: z
      .array(
        z.strictObject({
          orderId,
          orderHash: hash,
          state: z.string().max(16),
          finalMilliWh: z.int().min(0).max(MAX_MILLI_WH).optional(),
          amountMicro: z.int().min(0).max(MAX_MICRO).optional(),
        }),
      )
      .max(MAX_LISTED_ORDERS),
    /** The list is of all orders receipted in this time, with ids after `after` and up to `upTo`; null: to the last. */
    ended: z
      .strictObject({
        fromMs: timeMs,
        toMs: timeMs,
        after: z.string().max(128),
        upTo: orderId.nullable(),
      })
      .optional(),
  }),
};

export type TradeMessageType = keyof typeof tradeMessageSchemas;
export type TradeSend = Readonly<z.infer<(typeof tradeMessageSchemas)["trade_send"]>>;
export type TradeReconcile = Readonly<z.infer<(typeof tradeMessageSchemas)["trade_reconcile"]>>;
export type TradeOrders = Readonly<z.infer<(typeof tradeMessageSchemas)["trade_orders"]>>;
export type TradeQuery = Readonly<z.infer<(typeof tradeMessageSchemas)["trade_query"]>>;
