/** What an auction takes and gives; all quantities integer mWh, all prices micro-currency per kWh. */

import { amountMicro, MAX_MICRO_PER_KWH, MAX_MILLI_WH, ProtocolError } from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";

export interface AuctionOrder {
  readonly orderId: string;
  readonly agentId: string;
  readonly side: "bid" | "ask";
  readonly qtyMilliWh: number;
  /** A bid pays at most, an ask wants at least. */
  readonly limitMicroPerKWh: number;
  /** Fills between 0 and this are not taken; the quantity itself: all or none. */
  readonly minFillMilliWh: number;
}

export interface AuctionTrade {
  readonly bidId: string;
  readonly askId: string;
  readonly buyer: string;
  readonly seller: string;
  readonly qtyMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly amountMicro: number;
  /** What the buyer pays on top and the seller gets less. */
  readonly buyerFeesMicro: number;
  readonly sellerFeesMicro: number;
}

export interface Clearing {
  readonly trades: readonly AuctionTrade[];
  /** Orders that got anything, by orderId. */
  readonly fills: ReadonlyMap<string, number>;
  /** null when nothing trades. */
  readonly priceMicroPerKWh: number | null;
  /** Between these no order wants more or less than it got; without a trade the best bid and ask, null where none. */
  readonly loMicroPerKWh: number | null;
  readonly hiMicroPerKWh: number | null;
  readonly volumeMilliWh: number;
  /** What the buyers would have paid less what the sellers would have taken. */
  readonly welfareMicro: number;
  /** An agent's own bids and asks that met and cannot be sold to another: neither trade nor fee. */
  readonly netted: readonly { readonly agentId: string; readonly qtyMilliWh: number }[];
  /** Orders left out because their least fill could not be kept, in that order. */
  readonly removed: readonly string[];
}

/** Most orders of one book that may ask for a least fill. */
const MAX_MIN_FILLS = 1_000;

/** A trade of two orders without fees. */
export function tradeAt(
  bid: AuctionOrder,
  ask: AuctionOrder,
  { qtyMilliWh, price }: { readonly qtyMilliWh: number; readonly price: number },
): AuctionTrade {
  return {
    bidId: bid.orderId,
    askId: ask.orderId,
    buyer: bid.agentId,
    seller: ask.agentId,
    qtyMilliWh,
    priceMicroPerKWh: price,
    amountMicro: amountMicro(qtyMilliWh, price),
    buyerFeesMicro: 0,
    sellerFeesMicro: 0,
  };
}

/** Checks ranges; whoever sorts the book sees double ids. @throws AMOUNT_INVALID, QUOTA_EXCEEDED. */
export function checkBook(orders: readonly AuctionOrder[]): void {
  let minFills = 0;
  let total = 0;
  for (const order of orders) {
    checkInteger("qtyMilliWh", order.qtyMilliWh, [1, MAX_MILLI_WH]);
    checkInteger("limitMicroPerKWh", order.limitMicroPerKWh, [-MAX_MICRO_PER_KWH, MAX_MICRO_PER_KWH]);
    checkInteger("minFillMilliWh", order.minFillMilliWh, [0, order.qtyMilliWh]);
    if (order.minFillMilliWh > 0) minFills += 1;
    total += order.qtyMilliWh;
  }
  checkInteger("sum of qtyMilliWh", total, [0, Number.MAX_SAFE_INTEGER]);
  if (minFills > MAX_MIN_FILLS) {
    throw new ProtocolError(
      "QUOTA_EXCEEDED",
      `${minFills} orders with a least fill, at most ${MAX_MIN_FILLS}`,
    );
  }
}

/** Ascending by UTF-16 code units, which for ids in hex is by bytes. */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
