/** Orders best first, ties by orderId: radix passes over integer keys, a comparison of texts only where keys tie. */

import { MAX_MICRO_PER_KWH, ProtocolError } from "@gridmesh/protocol";
import { at } from "./exact.ts";
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
}

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
/** Characters of an id that make its key, and how many each place can tell apart. */
const KEY_CHARS = 5;
const CLASSES = 66;

/** Both sides sorted, whatever the order of arrival. @throws ORDER_CONFLICT when an id stands twice. */
export function sortBook(orders: readonly AuctionOrder[]): { readonly bids: Side; readonly asks: Side } {
  const ranked = byId(orders);
  const bids: number[] = [];
  const asks: number[] = [];
  for (const position of ranked) (orders[position]?.side === "bid" ? bids : asks).push(position);
  return { bids: side(orders, bids, -1), asks: side(orders, asks, 1) };
}

/** The given orders alone as one side, sorted. */
export function sortSide(orders: readonly AuctionOrder[], of: "bid" | "ask"): Side {
  const ranked = byId(orders);
  return side(orders, Array.from(ranked), of === "bid" ? -1 : 1);
}

function side(orders: readonly AuctionOrder[], ranked: readonly number[], sign: 1 | -1): Side {
  const keys = new Uint32Array(orders.length);
  for (const position of ranked) {
    keys[position] = MAX_MICRO_PER_KWH + sign * limitAt(orders, position);
  }
  const sorted = radix(Uint32Array.from(ranked), keys);
  const count = sorted.length;
  const picked: AuctionOrder[] = [];
  const qty = new Float64Array(count);
  const limit = new Int32Array(count);
  for (let i = 0; i < count; i += 1) {
    const order = orders[at(sorted, i)] as AuctionOrder;
    picked.push(order);
    qty[i] = order.qtyMilliWh;
    limit[i] = order.limitMicroPerKWh;
  }
  return { orders: picked, qty, limit, fill: new Float64Array(count) };
}

function limitAt(orders: readonly AuctionOrder[], position: number): number {
  return (orders[position] as AuctionOrder).limitMicroPerKWh;
}

function idAt(orders: readonly AuctionOrder[], position: number): string {
  return (orders[position] as AuctionOrder).orderId;
}

/** Positions by ascending orderId. */
function byId(orders: readonly AuctionOrder[]): Uint32Array {
  const count = orders.length;
  const skip = commonPrefix(orders);
  const keys = new Uint32Array(count);
  const start = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) {
    keys[i] = keyOf(idAt(orders, i), skip);
    start[i] = i;
  }
  const sorted = radix(start, keys);
  for (let from = 0; from < count;) {
    let to = from + 1;
    while (to < count && at(keys, at(sorted, to)) === at(keys, at(sorted, from))) to += 1;
    if (to - from > 1) sortRun(orders, sorted.subarray(from, to));
    from = to;
  }
  return sorted;
}

/** Ids whose keys tie. */
function sortRun(orders: readonly AuctionOrder[], run: Uint32Array): void {
  const sorted = Array.from(run).sort((a, b) => compareIds(idAt(orders, a), idAt(orders, b)));
  for (let i = 1; i < sorted.length; i += 1) {
    const id = idAt(orders, at(sorted, i));
    if (id === idAt(orders, at(sorted, i - 1))) {
      throw new ProtocolError("ORDER_CONFLICT", `order ${id} stands twice`);
    }
  }
  run.set(sorted);
}

function commonPrefix(orders: readonly AuctionOrder[]): number {
  const first = orders[0]?.orderId ?? "";
  let length = first.length;
  for (let i = 1; i < orders.length && length > 0; i += 1) {
    const id = idAt(orders, i);
    let same = 0;
    while (same < length && id.charCodeAt(same) === first.charCodeAt(same)) same += 1;
    length = same;
  }
  return length;
}

/** A number that never orders two ids the wrong way round; it may tie. */
function keyOf(id: string, skip: number): number {
  let key = 0;
  let place = 0;
  for (; place < KEY_CHARS; place += 1) {
    const code = id.charCodeAt(skip + place);
    const known = classOf(code);
    key = key * CLASSES + known;
    // Characters that share a class are told apart by the texts alone, so nothing after them may count.
    if (isShared(known)) break;
  }
  for (place += 1; place < KEY_CHARS; place += 1) key *= CLASSES;
  return key;
}

/** 0 end · 1 below digits · 2…11 digits · 12 · 13…38 capitals · 39 · 40…65 small letters and, with z, all above. */
function classOf(code: number): number {
  if (Number.isNaN(code)) return 0;
  if (code < 48) return 1;
  if (code <= 57) return code - 46;
  if (code < 65) return 12;
  if (code <= 90) return code - 52;
  if (code < 97) return 39;
  return Math.min(code - 57, 65);
}

function isShared(known: number): boolean {
  return known <= 1 || known === 12 || known === 39 || known === 65;
}

/** Stable: positions by ascending key. */
function radix(positions: Uint32Array, keys: Uint32Array): Uint32Array {
  let from = positions;
  let to: Uint32Array = new Uint32Array(positions.length);
  const counts = new Uint32Array(DIGITS);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    counts.fill(0);
    for (let i = 0; i < from.length; i += 1) {
      const digit = (at(keys, at(from, i)) >>> shift) & (DIGITS - 1);
      counts[digit] = at(counts, digit) + 1;
    }
    if (from.length > 0 && isOneDigit(counts, from.length)) continue;
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit += 1) {
      const count = at(counts, digit);
      counts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < from.length; i += 1) {
      const position = at(from, i);
      const digit = (at(keys, position) >>> shift) & (DIGITS - 1);
      const place = at(counts, digit);
      to[place] = position;
      counts[digit] = place + 1;
    }
    [from, to] = [to, from];
  }
  return from;
}

function isOneDigit(counts: Uint32Array, total: number): boolean {
  for (let digit = 0; digit < DIGITS; digit += 1) {
    const count = at(counts, digit);
    if (count > 0) return count === total;
  }
  return true;
}
