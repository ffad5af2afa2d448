/** Matching without one price: `pay-as-ask`, the trade that needs no supervisor, and `gsy-pay-as-bid` for comparison. */

import { at, WideSum } from "./exact.ts";
import { checkBook, tradeAt } from "./order.ts";
import type { AuctionOrder, AuctionTrade, Clearing } from "./order.ts";
import { sortBook } from "./sort.ts";
import type { Side } from "./sort.ts";

/**
 * Bids from the dearest down, each served by the cheapest asks of others at the ask's price.
 * @throws AMOUNT_INVALID, ORDER_CONFLICT, QUOTA_EXCEEDED for orders no book should hold.
 */
export function clearPayAsAsk(orders: readonly AuctionOrder[]): Clearing {
  checkBook(orders);
  const { bids, asks } = sortBook(orders);
  const match = open(bids, asks);
  let first = 0;
  bids.orders.forEach((_, bid) => {
    while (first < asks.orders.length && isFull(asks, first)) first += 1;
    for (let ask = first; ask < asks.orders.length && fits(match, bid, ask); ask += 1) {
      take(match, { bid, ask, price: at(asks.limit, ask) });
      if (isFull(bids, bid)) break;
    }
  });
  return clearingOf(match);
}

/**
 * As GSy's two-sided pay-as-bid: asks from the dearest down, each served by bids from the dearest down, equal ones in
 * reverse order of orderId, at the bid's price. It takes the most volume, not the most worth.
 * @throws AMOUNT_INVALID, ORDER_CONFLICT, QUOTA_EXCEEDED for orders no book should hold.
 */
export function clearGsyPayAsBid(orders: readonly AuctionOrder[]): Clearing {
  checkBook(orders);
  const { bids, asks } = sortBook(orders);
  const match = open(bids, asks);
  // Asks are cheapest first: backwards they are dearest first and ids descend.
  const bidsInTurn = levelsReversed(bids);
  let first = 0;
  for (let ask = asks.orders.length - 1; ask >= 0; ask -= 1) {
    while (first < bidsInTurn.length && isFull(bids, at(bidsInTurn, first))) first += 1;
    for (let turn = first; turn < bidsInTurn.length && !isFull(asks, ask); turn += 1) {
      const bid = at(bidsInTurn, turn);
      if (!fits(match, bid, ask)) break;
      take(match, { bid, ask, price: at(bids.limit, bid) });
    }
  }
  return clearingOf(match);
}

interface Match {
  readonly bids: Side;
  readonly asks: Side;
  readonly trades: AuctionTrade[];
}

function open(bids: Side, asks: Side): Match {
  return { bids, asks, trades: [] };
}

function fits({ bids, asks }: Match, bid: number, ask: number): boolean {
  return at(bids.limit, bid) >= at(asks.limit, ask);
}

function isFull({ qty, fill }: Side, place: number): boolean {
  return at(fill, place) === at(qty, place);
}

/** Nothing between own orders, and nothing under a least fill of either. */
function take(
  { bids, asks, trades }: Match,
  { bid, ask, price }: { readonly bid: number; readonly ask: number; readonly price: number },
): void {
  const buying = bids.orders[bid] as AuctionOrder;
  const selling = asks.orders[ask] as AuctionOrder;
  const qtyMilliWh = Math.min(at(bids.qty, bid) - at(bids.fill, bid), at(asks.qty, ask) - at(asks.fill, ask));
  const least = Math.max(leastOf(bids, bid), leastOf(asks, ask));
  if (qtyMilliWh === 0 || qtyMilliWh < least || buying.agentId === selling.agentId) return;
  bids.fill[bid] = at(bids.fill, bid) + qtyMilliWh;
  asks.fill[ask] = at(asks.fill, ask) + qtyMilliWh;
  trades.push(tradeAt(buying, selling, { qtyMilliWh, price }));
}

function leastOf(side: Side, place: number): number {
  return (side.orders[place] as AuctionOrder).minFillMilliWh - at(side.fill, place);
}

function levelsReversed({ limit }: Side): number[] {
  return Array.from(limit, (_, place) => place).sort((a, b) => at(limit, b) - at(limit, a) || b - a);
}

function clearingOf({ bids, asks, trades }: Match): Clearing {
  const fills = new Map<string, number>();
  const welfare = new WideSum();
  let volumeMilliWh = 0;
  for (const side of [bids, asks]) {
    side.orders.forEach((order, place) => {
      const fill = at(side.fill, place);
      if (fill === 0) return;
      fills.set(order.orderId, fill);
      welfare.add(fill, order.side === "bid" ? order.limitMicroPerKWh : -order.limitMicroPerKWh);
      if (order.side === "bid") volumeMilliWh += fill;
    });
  }
  return {
    trades,
    fills,
    priceMicroPerKWh: null,
    loMicroPerKWh: asks.limit[0] ?? null,
    hiMicroPerKWh: bids.limit[0] ?? null,
    volumeMilliWh,
    welfareMicro: welfare.toMicro(),
    netted: [],
    removed: [],
  };
}
