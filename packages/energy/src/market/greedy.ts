/** Matching without one price: `pay-as-ask`, the trade that needs no supervisor, and `gsy-pay-as-bid` for comparison. */

import { withFills } from "./call-auction.ts";
import { WideSum } from "./exact.ts";
import { tradeAt } from "./order.ts";
import type { AuctionOrder, AuctionTrade, Clearing } from "./order.ts";
import { sortBook } from "./sort.ts";
import type { Side } from "./sort.ts";

/**
 * Bids from the dearest down, each served by the cheapest asks of others at the ask's price.
 * @throws AMOUNT_INVALID, ORDER_CONFLICT, QUOTA_EXCEEDED for orders no book should hold.
 */
export function clearPayAsAsk(orders: readonly AuctionOrder[]): Clearing {
  const { bids, asks } = sortBook(orders);
  const match = open(bids, asks);
  let first = 0;
  bids.orders.forEach((_, bid) => {
    while (first < asks.orders.length && isFull(asks, first)) first += 1;
    for (let ask = first; ask < asks.orders.length && fits(match, bid, ask); ask += 1) {
      take(match, { bid, ask, price: asks.limit[ask] as number });
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
  const { bids, asks } = sortBook(orders);
  const match = open(bids, asks);
  // Asks are cheapest first: backwards they are dearest first and ids descend.
  const bidsInTurn = levelsReversed(bids);
  let first = 0;
  for (let ask = asks.orders.length - 1; ask >= 0; ask -= 1) {
    while (first < bidsInTurn.length && isFull(bids, bidsInTurn[first] as number)) first += 1;
    for (let turn = first; turn < bidsInTurn.length && !isFull(asks, ask); turn += 1) {
      const bid = bidsInTurn[turn] as number;
      if (!fits(match, bid, ask)) break;
      take(match, { bid, ask, price: bids.limit[bid] as number });
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
  return (bids.limit[bid] as number) >= (asks.limit[ask] as number);
}

function isFull({ qty, fill }: Side, place: number): boolean {
  return (fill[place] as number) === (qty[place] as number);
}

/** Nothing between own orders, and nothing under a least fill of either. */
function take(
  { bids, asks, trades }: Match,
  { bid, ask, price }: { readonly bid: number; readonly ask: number; readonly price: number },
): void {
  const buying = bids.orders[bid] as AuctionOrder;
  const selling = asks.orders[ask] as AuctionOrder;
  const qtyMilliWh = Math.min(
    (bids.qty[bid] as number) - (bids.fill[bid] as number),
    (asks.qty[ask] as number) - (asks.fill[ask] as number),
  );
  const least = Math.max(leastOf(bids, bid), leastOf(asks, ask));
  if (qtyMilliWh === 0 || qtyMilliWh < least || buying.agentId === selling.agentId) return;
  bids.fill[bid] = (bids.fill[bid] as number) + qtyMilliWh;
  asks.fill[ask] = (asks.fill[ask] as number) + qtyMilliWh;
  trades.push(tradeAt(buying, selling, { qtyMilliWh, price }));
}

function leastOf(side: Side, place: number): number {
  return (side.orders[place] as AuctionOrder).minFillMilliWh - (side.fill[place] as number);
}

function levelsReversed({ limit }: Side): number[] {
  return Array.from(limit, (_, place) => place).sort(
    (a, b) => (limit[b] as number) - (limit[a] as number) || b - a,
  );
}

function clearingOf({ bids, asks, trades }: Match): Clearing {
  const welfare = new WideSum();
  let volumeMilliWh = 0;
  for (const side of [bids, asks]) {
    side.orders.forEach((order, place) => {
      const fill = side.fill[place] as number;
      if (fill === 0) return;
      welfare.add(fill, order.side === "bid" ? order.limitMicroPerKWh : -order.limitMicroPerKWh);
      if (order.side === "bid") volumeMilliWh += fill;
    });
  }
  return withFills([bids, asks], {
    trades,
    priceMicroPerKWh: null,
    loMicroPerKWh: asks.limit[0] ?? null,
    hiMicroPerKWh: bids.limit[0] ?? null,
    volumeMilliWh,
    welfareMicro: welfare.toMicro(),
    netted: [],
    removed: [],
  });
}
