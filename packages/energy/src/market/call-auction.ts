/** `call-uniform`: one price for all, at which nobody wants more or less than he got. A function of the set of orders. */

import { amountMicro, ProtocolError } from "@gridmesh/protocol";
import { floorMulDiv } from "../units.ts";
import { checkBook, compareIds } from "./order.ts";
import type { AuctionOrder, AuctionTrade, Clearing } from "./order.ts";
import { pairFills } from "./pairing.ts";

const PERMILLE = 1_000;
const MICRO_PER_KWH_MILLI = 1_000_000n;

interface Side {
  /** Best first. */
  readonly orders: readonly AuctionOrder[];
  readonly fills: ReadonlyMap<string, number>;
}

interface Auction {
  readonly bids: Side;
  readonly asks: Side;
  readonly volume: number;
  readonly lo: number;
  readonly hi: number;
}

/**
 * Clears a book at lo + ⌊(hi − lo)·kPermille/1000⌋.
 * @throws AMOUNT_INVALID, ORDER_CONFLICT, QUOTA_EXCEEDED for orders no book should hold.
 */
export function clearCallUniform(
  orders: readonly AuctionOrder[],
  rules: { readonly kPermille: number },
): Clearing {
  checkBook(orders);
  if (!Number.isInteger(rules.kPermille) || rules.kPermille < 0 || rules.kPermille > PERMILLE) {
    throw new ProtocolError(
      "AMOUNT_INVALID",
      `kPermille must be an integer in 0 … 1000, not ${rules.kPermille}`,
    );
  }
  const removed: string[] = [];
  let bids = orders.filter((order) => order.side === "bid").sort(bestBidFirst);
  let asks = orders.filter((order) => order.side === "ask").sort(bestAskFirst);
  for (;;) {
    const auction = run(bids, asks);
    const worst = leastAdvantage(auction);
    if (worst === undefined) return result(auction, removed, rules.kPermille);
    removed.push(worst.orderId);
    bids = bids.filter((order) => order !== worst);
    asks = asks.filter((order) => order !== worst);
  }
}

function bestBidFirst(a: AuctionOrder, b: AuctionOrder): number {
  return b.limitMicroPerKWh - a.limitMicroPerKWh || compareIds(a.orderId, b.orderId);
}

function bestAskFirst(a: AuctionOrder, b: AuctionOrder): number {
  return a.limitMicroPerKWh - b.limitMicroPerKWh || compareIds(a.orderId, b.orderId);
}

function run(bidOrders: readonly AuctionOrder[], askOrders: readonly AuctionOrder[]): Auction {
  const volume = crossing(bidOrders, askOrders);
  const bids = { orders: bidOrders, fills: fillLevels(bidOrders, volume) };
  const asks = { orders: askOrders, fills: fillLevels(askOrders, volume) };
  const lo = Math.max(...edge(bids, "remainder"), ...edge(asks, "fill"));
  const hi = Math.min(...edge(bids, "fill"), ...edge(asks, "remainder"));
  return { bids, asks, volume, lo, hi };
}

/** Sweeps while the bid pays what the ask wants, equal prices too. */
function crossing(bids: readonly AuctionOrder[], asks: readonly AuctionOrder[]): number {
  let volume = 0;
  let bid = first(bids);
  let ask = first(asks);
  while (bid !== undefined && ask !== undefined && bid.limit >= ask.limit) {
    const both = Math.min(bid.left, ask.left);
    volume += both;
    bid = after(bids, bid, both);
    ask = after(asks, ask, both);
  }
  return volume;
}

interface Place {
  readonly index: number;
  readonly left: number;
  readonly limit: number;
}

function first(orders: readonly AuctionOrder[], index = 0): Place | undefined {
  const order = orders[index];
  return order && { index, left: order.qtyMilliWh, limit: order.limitMicroPerKWh };
}

function after(orders: readonly AuctionOrder[], place: Place, taken: number): Place | undefined {
  const left = place.left - taken;
  return left > 0 ? { ...place, left } : first(orders, place.index + 1);
}

/** Level by level to the volume; the level that does not fit is rationed. */
function fillLevels(orders: readonly AuctionOrder[], volume: number): ReadonlyMap<string, number> {
  const fills = new Map<string, number>();
  let left = volume;
  for (let from = 0; from < orders.length && left > 0;) {
    let to = from;
    let wanted = 0;
    while (to < orders.length && orders[to]?.limitMicroPerKWh === orders[from]?.limitMicroPerKWh) {
      wanted += orders[to]?.qtyMilliWh ?? 0;
      to += 1;
    }
    const level = orders.slice(from, to);
    if (wanted <= left) for (const order of level) fills.set(order.orderId, order.qtyMilliWh);
    else ration(level, { left, wanted }, fills);
    left -= Math.min(wanted, left);
    from = to;
  }
  return fills;
}

/** ⌊qty·left/Σqty⌋ each, then 1 mWh by largest remainder, ties by orderId. */
function ration(
  level: readonly AuctionOrder[],
  { left, wanted }: { readonly left: number; readonly wanted: number },
  fills: Map<string, number>,
): void {
  let given = 0;
  const shares = level.map((order) => {
    const share = floorMulDiv(order.qtyMilliWh, left, wanted);
    given += share;
    const remainder = Number(BigInt(order.qtyMilliWh) * BigInt(left) - BigInt(share) * BigInt(wanted));
    return { order, share, remainder };
  });
  shares.sort((a, b) => b.remainder - a.remainder || compareIds(a.order.orderId, b.order.orderId));
  shares.forEach(({ order, share }, index) => {
    const fill = share + (index < left - given ? 1 : 0);
    if (fill > 0) fills.set(order.orderId, fill);
  });
}

/** The limit next to the crossing of those with a fill (worst) or with a remainder (best); empty when there is none. */
function edge(side: Side, of: "fill" | "remainder"): number[] {
  let found: number[] = [];
  for (const order of side.orders) {
    const fill = side.fills.get(order.orderId) ?? 0;
    if (of === "remainder" && fill < order.qtyMilliWh) return [order.limitMicroPerKWh];
    if (of === "fill" && fill > 0) found = [order.limitMicroPerKWh];
  }
  return found;
}

/** Of the orders whose least fill is not kept the one that gains least, then the larger least fill, then by id. */
function leastAdvantage(auction: Auction): AuctionOrder | undefined {
  let worst: { readonly order: AuctionOrder; readonly advantage: number } | undefined;
  for (const side of [auction.bids, auction.asks]) {
    for (const order of side.orders) {
      const fill = side.fills.get(order.orderId) ?? 0;
      if (fill === 0 || fill >= order.minFillMilliWh) continue;
      const advantage =
        order.side === "bid" ? order.limitMicroPerKWh - auction.lo : auction.hi - order.limitMicroPerKWh;
      const candidate = { order, advantage };
      if (worst === undefined || isWorse(candidate, worst)) worst = candidate;
    }
  }
  return worst?.order;
}

function isWorse(
  a: { readonly order: AuctionOrder; readonly advantage: number },
  b: { readonly order: AuctionOrder; readonly advantage: number },
): boolean {
  if (a.advantage !== b.advantage) return a.advantage < b.advantage;
  const larger = a.order.minFillMilliWh - b.order.minFillMilliWh;
  return larger !== 0 ? larger > 0 : compareIds(a.order.orderId, b.order.orderId) < 0;
}

function result(auction: Auction, removed: readonly string[], kPermille: number): Clearing {
  const { bids, asks, volume, lo, hi } = auction;
  const bestBid = bids.orders[0]?.limitMicroPerKWh ?? null;
  const bestAsk = asks.orders[0]?.limitMicroPerKWh ?? null;
  const nothing = { trades: [], fills: new Map(), volumeMilliWh: 0, welfareMicro: 0, netted: [], removed };
  if (volume === 0)
    return { ...nothing, priceMicroPerKWh: null, loMicroPerKWh: bestBid, hiMicroPerKWh: bestAsk };
  const price = lo + Math.floor(((hi - lo) * kPermille) / PERMILLE);
  const { pairs, netted } = pairFills(filled(bids), filled(asks));
  const trades = pairs.map(({ bid, ask, qtyMilliWh }): AuctionTrade => {
    const between = { bidId: bid.orderId, askId: ask.orderId, buyer: bid.agentId, seller: ask.agentId };
    const amount = amountMicro(qtyMilliWh, price);
    return { ...between, qtyMilliWh, priceMicroPerKWh: price, amountMicro: amount };
  });
  return {
    trades,
    fills: new Map([...bids.fills, ...asks.fills]),
    priceMicroPerKWh: price,
    loMicroPerKWh: lo,
    hiMicroPerKWh: hi,
    volumeMilliWh: volume,
    welfareMicro: welfare(bids, asks),
    netted,
    removed,
  };
}

function filled(side: Side): { readonly order: AuctionOrder; left: number }[] {
  return side.orders
    .map((order) => ({ order, left: side.fills.get(order.orderId) ?? 0 }))
    .filter(({ left }) => left > 0);
}

/** Exact sum, rounded half to even once. */
function welfare(bids: Side, asks: Side): number {
  const value = (side: Side): bigint =>
    side.orders.reduce(
      (sum, order) => sum + BigInt(side.fills.get(order.orderId) ?? 0) * BigInt(order.limitMicroPerKWh),
      0n,
    );
  const total = value(bids) - value(asks);
  const whole = total / MICRO_PER_KWH_MILLI;
  const twice = (total % MICRO_PER_KWH_MILLI) * 2n;
  const up = twice > MICRO_PER_KWH_MILLI || (twice === MICRO_PER_KWH_MILLI && whole % 2n === 1n);
  const micro = Number(whole + (up ? 1n : 0n));
  if (!Number.isSafeInteger(micro))
    throw new ProtocolError("AMOUNT_INVALID", `welfare ${micro} is out of range`);
  return micro;
}
