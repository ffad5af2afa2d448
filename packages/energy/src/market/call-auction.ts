/** `call-uniform` and `call-pay-as-bid`: one allocation, two price rules. A function of the set of orders. */

import { MAX_MICRO_PER_KWH } from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";
import { allocate } from "./allocation.ts";
import type { Allocation } from "./allocation.ts";
import { WideSum } from "./exact.ts";
import { tradeAt } from "./order.ts";
import type { AuctionOrder, AuctionTrade, Clearing } from "./order.ts";
import { pairFills } from "./pairing.ts";
import { sortBook } from "./sort.ts";
import type { Side } from "./sort.ts";

const PERMILLE = 1_000;

/**
 * Clears a book at lo + ⌊(hi − lo)·kPermille/1000⌋.
 * @throws AMOUNT_INVALID, ORDER_CONFLICT, QUOTA_EXCEEDED for orders no book should hold.
 */
export function clearCallUniform(
  orders: readonly AuctionOrder[],
  rules: { readonly kPermille: number },
): Clearing {
  checkInteger("kPermille", rules.kPermille, [0, PERMILLE]);
  return clearCall(orders, {
    one: ({ lo, hi }) => lo + Math.floor(((hi - lo) * rules.kPermille) / PERMILLE),
  });
}

/**
 * The same orders fill, each trade at its bid's limit.
 * @throws AMOUNT_INVALID, ORDER_CONFLICT, QUOTA_EXCEEDED for orders no book should hold.
 */
export function clearPayAsBid(orders: readonly AuctionOrder[]): Clearing {
  return clearCall(orders, { each: (bid) => bid.limitMicroPerKWh });
}

interface Pricing {
  /** The price of all trades. */
  readonly one?: (allocation: Allocation) => number;
  /** The price of a trade. */
  readonly each?: (bid: AuctionOrder) => number;
}

function clearCall(orders: readonly AuctionOrder[], pricing: Pricing): Clearing {
  const sorted = sortBook(orders);
  const { allocation, removed } = allocate(sorted.bids, sorted.asks);
  const { bids, asks, volume, lo, hi } = allocation;
  if (volume === 0) return nothingTraded(bids, asks, removed);
  const price = pricing.one?.(allocation) ?? null;
  const { pairs, netted } = pairFills(bids, asks);
  const trades: AuctionTrade[] = [];
  for (const { bid, ask, qtyMilliWh } of pairs) {
    const buying = bids.orders[bid] as AuctionOrder;
    const atPrice = price ?? pricing.each?.(buying) ?? MAX_MICRO_PER_KWH;
    trades.push(tradeAt(buying, asks.orders[ask] as AuctionOrder, { qtyMilliWh, price: atPrice }));
  }
  return withFills([bids, asks], {
    trades,
    priceMicroPerKWh: price,
    loMicroPerKWh: lo,
    hiMicroPerKWh: hi,
    volumeMilliWh: volume,
    welfareMicro: welfareOf(bids, asks),
    netted,
    removed,
  });
}

/** What a book without a crossing comes to: the best bid and ask. */
export function nothingTraded(bids: Side, asks: Side, removed: readonly string[] = []): Clearing {
  return {
    trades: [],
    fills: new Map(),
    priceMicroPerKWh: null,
    loMicroPerKWh: bestOf(bids),
    hiMicroPerKWh: bestOf(asks),
    volumeMilliWh: 0,
    welfareMicro: 0,
    netted: [],
    removed,
  };
}

function bestOf({ qty, limit }: Side): number | null {
  const first = qty.findIndex((left) => left > 0);
  return first === -1 ? null : (limit[first] as number);
}

/** The map by id is made when it is first asked for: the trades need none, and it costs as much as all the rest. */
export function withFills(sides: readonly Side[], rest: Omit<Clearing, "fills">): Clearing {
  let fills: ReadonlyMap<string, number> | undefined;
  return {
    ...rest,
    get fills() {
      fills ??= fillsOf(sides);
      return fills;
    },
  };
}

function fillsOf(sides: readonly Side[]): ReadonlyMap<string, number> {
  const fills = new Map<string, number>();
  for (const { orders, fill } of sides) {
    for (let i = 0; i < fill.length; i += 1) {
      if ((fill[i] as number) > 0) fills.set((orders[i] as AuctionOrder).orderId, fill[i] as number);
    }
  }
  return fills;
}

/** Exact sum of what buyers would have paid less what sellers would have taken, rounded half to even once. */
export function welfareOf(bids: Side, asks: Side): number {
  const sum = new WideSum();
  for (let i = 0; i < bids.fill.length; i += 1) sum.add(bids.fill[i] as number, bids.limit[i] as number);
  for (let i = 0; i < asks.fill.length; i += 1) sum.add(asks.fill[i] as number, -(asks.limit[i] as number));
  return sum.toMicro();
}
