/** `trade-reduction` (McAfee 1992): the last bid and ask set the prices and do not trade, so no lie about a price pays. */

import { amountMicro, ProtocolError } from "@gridmesh/protocol";
import { ration, sweep } from "./allocation.ts";
import { nothingTraded, welfareOf, withFills } from "./call-auction.ts";
import { compareIds, tradeAt } from "./order.ts";
import type { AuctionOrder, Clearing } from "./order.ts";
import { pairFills } from "./pairing.ts";
import { sortBook } from "./sort.ts";
import type { Side } from "./sort.ts";

/**
 * Buyers pay the last bid's limit, sellers get the last ask's; the difference stands as the buyers' fees. lo is the
 * sellers' price, hi the buyers'.
 * @throws AMOUNT_INVALID, ORDER_CONFLICT; QUOTA_EXCEEDED for a second order of an agent, ORDER_REJECTED for a least fill.
 */
export function clearTradeReduction(orders: readonly AuctionOrder[]): Clearing {
  checkOnePerAgent(orders);
  const { bids, asks } = sortBook(orders);
  const { lastBid, lastAsk } = sweep(bids, asks);
  if (lastBid <= 0 || lastAsk <= 0) return nothingTraded(bids, asks);
  const volume = Math.min(sumOf(bids, lastBid), sumOf(asks, lastAsk));
  fillAll(bids, lastBid, volume);
  fillAll(asks, lastAsk, volume);
  const paid = bids.limit[lastBid] as number;
  const got = asks.limit[lastAsk] as number;
  const { pairs, netted } = pairFills(bids, asks);
  const trades = pairs.map(({ bid, ask, qtyMilliWh }) => {
    const trade = tradeAt(bids.orders[bid] as AuctionOrder, asks.orders[ask] as AuctionOrder, {
      qtyMilliWh,
      price: got,
    });
    return { ...trade, buyerFeesMicro: amountMicro(qtyMilliWh, paid) - trade.amountMicro };
  });
  return withFills([bids, asks], {
    trades,
    priceMicroPerKWh: got,
    loMicroPerKWh: got,
    hiMicroPerKWh: paid,
    volumeMilliWh: volume,
    welfareMicro: welfareOf(bids, asks),
    netted,
    removed: [],
  });
}

function checkOnePerAgent(orders: readonly AuctionOrder[]): void {
  const agents = new Set<string>();
  for (const { agentId, minFillMilliWh, orderId } of orders) {
    if (agents.has(agentId))
      throw new ProtocolError("QUOTA_EXCEEDED", `a second order of ${agentId}, one is allowed here`);
    if (minFillMilliWh > 0)
      throw new ProtocolError("ORDER_REJECTED", `order ${orderId} wants a least fill, which has none here`);
    agents.add(agentId);
  }
}

function sumOf({ qty }: Side, before: number): number {
  let sum = 0;
  for (let i = 0; i < before; i += 1) sum += qty[i] as number;
  return sum;
}

/** Everybody before the last shares alike, whatever its price: a share that grew with the price would pay for lies. */
function fillAll(side: Side, before: number, volume: number): void {
  const wanted = sumOf(side, before);
  if (wanted <= volume) side.fill.set(side.qty.subarray(0, before));
  else rationById(side, before, { left: volume, wanted });
}

/** Odd mWh go by remainder, then by orderId: the side's own order would again follow the price. */
function rationById(
  side: Side,
  before: number,
  of: { readonly left: number; readonly wanted: number },
): void {
  const places = Array.from({ length: before }, (_, place) => place).sort((a, b) =>
    compareIds(idAt(side, a), idAt(side, b)),
  );
  const qty = Float64Array.from(places, (place) => side.qty[place] as number);
  const shared = { qty, fill: new Float64Array(before) };
  ration(shared, { from: 0, to: before }, of);
  places.forEach((place, index) => {
    side.fill[place] = shared.fill[index] as number;
  });
}

function idAt(side: Side, place: number): string {
  return (side.orders[place] as AuctionOrder).orderId;
}
