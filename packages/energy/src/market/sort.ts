/** Orders best first, ties by orderId: radix passes over integer keys, a comparison of texts only where keys tie. */

import { MAX_MICRO_PER_KWH, ProtocolError } from "@gridmesh/protocol";
import { readColumns } from "./columns.ts";
import type { Columns } from "./columns.ts";
import { compareIds } from "./order.ts";
import type { AuctionOrder } from "./order.ts";

/** One side of a book, best first; what `fill` holds is the allocation's. */
export interface Side {
  readonly orders: readonly AuctionOrder[];
  /** mWh; 0 once an order was left out. */
  readonly qty: Float64Array;
  /** micro-currency per kWh. */
  readonly limit: Int32Array;
  /** mWh. */
  readonly fill: Float64Array;
  /** Equal for equal agents; seldom for others. */
  readonly agentKey: Uint32Array;
  /** Places of the orders that want a least fill. */
  readonly demanding: readonly number[];
}

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
/** Below so many comparing is faster. */
const SMALL = 200;

/**
 * Both sides sorted, whatever the order of arrival.
 * @throws AMOUNT_INVALID, QUOTA_EXCEEDED; ORDER_CONFLICT when an id stands twice.
 */
export function sortBook(orders: readonly AuctionOrder[]): { readonly bids: Side; readonly asks: Side } {
  const columns = readColumns(orders);
  const ranked = byId(columns);
  const bids = new Uint32Array(ranked.length);
  const asks = new Uint32Array(ranked.length);
  let bidCount = 0;
  let askCount = 0;
  for (let i = 0; i < ranked.length; i += 1) {
    const position = ranked[i] as number;
    if (columns.isBid[position] === 1) bids[bidCount++] = position;
    else asks[askCount++] = position;
  }
  return {
    bids: sideOf(columns, bids.subarray(0, bidCount), -1),
    asks: sideOf(columns, asks.subarray(0, askCount), 1),
  };
}

/** sign: 1 when the lowest price is best. */
function sideOf(columns: Columns, own: Uint32Array, sign: 1 | -1): Side {
  const keys = new Uint32Array(columns.orders.length);
  for (let i = 0; i < own.length; i += 1) {
    const position = own[i] as number;
    keys[position] = MAX_MICRO_PER_KWH + sign * (columns.limit[position] as number);
  }
  const sorted = radix(own, keys);
  const count = sorted.length;
  const picked: AuctionOrder[] = [];
  const qty = new Float64Array(count);
  const limit = new Int32Array(count);
  const agentKey = new Uint32Array(count);
  const demanding: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const position = sorted[i] as number;
    picked.push(columns.orders[position] as AuctionOrder);
    qty[i] = columns.qty[position] as number;
    limit[i] = columns.limit[position] as number;
    agentKey[i] = columns.agentKey[position] as number;
    if ((columns.isDemanding[position] as number) === 1) demanding.push(i);
  }
  return { orders: picked, qty, limit, fill: new Float64Array(count), agentKey, demanding };
}

/** Positions by ascending orderId. */
function byId({ orders, idKey }: Columns): Uint32Array {
  const count = orders.length;
  const arrived = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) arrived[i] = i;
  const sorted = radix(arrived, idKey);
  for (let from = 0; from < count;) {
    let to = from + 1;
    const key = idKey[sorted[from] as number] as number;
    while (to < count && (idKey[sorted[to] as number] as number) === key) to += 1;
    if (to - from > 1) sortRun(orders, sorted.subarray(from, to));
    from = to;
  }
  return sorted;
}

/** Ids whose keys tie. */
function sortRun(orders: readonly AuctionOrder[], run: Uint32Array): void {
  const idAt = (position: number): string => (orders[position] as AuctionOrder).orderId;
  const byText = (a: number, b: number): number => {
    const order = compareIds(idAt(a), idAt(b));
    if (order === 0 && a !== b) {
      throw new ProtocolError("ORDER_CONFLICT", `order ${idAt(a)} stands twice`);
    }
    return order;
  };
  if (run.length > 2) {
    run.set(Array.from(run).sort(byText));
  } else if (byText(run[0] as number, run[1] as number) > 0) {
    run.reverse();
  }
}

/** Stable: positions by ascending key. */
function radix(positions: Uint32Array, keys: Uint32Array): Uint32Array {
  if (positions.length < SMALL) {
    return positions.toSorted((a, b) => (keys[a] as number) - (keys[b] as number));
  }
  let from = positions;
  let to: Uint32Array = new Uint32Array(positions.length);
  const counts = new Uint32Array(DIGITS);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    counts.fill(0);
    for (let i = 0; i < from.length; i += 1) {
      const digit = ((keys[from[i] as number] as number) >>> shift) & (DIGITS - 1);
      counts[digit] = (counts[digit] as number) + 1;
    }
    if (isOneDigit(counts, from.length)) continue;
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit += 1) {
      const count = counts[digit] as number;
      counts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < from.length; i += 1) {
      const position = from[i] as number;
      const digit = ((keys[position] as number) >>> shift) & (DIGITS - 1);
      const place = counts[digit] as number;
      to[place] = position;
      counts[digit] = place + 1;
    }
    [from, to] = [to, from];
  }
  return from;
}

function isOneDigit(counts: Uint32Array, total: number): boolean {
  for (let digit = 0; digit < DIGITS; digit += 1) {
    const count = counts[digit] as number;
    if (count > 0) return count === total;
  }
  return true;
}
