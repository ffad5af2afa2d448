/** What an auction takes and gives; all quantities integer mWh, all prices micro-currency per kWh. */

import { amountMicro } from "@gridmesh/protocol";

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

/** Ascending by UTF-16 code units, which for ids in hex is by bytes. */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
