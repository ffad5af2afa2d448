/**
 * A book read once, in the order it lies in memory, into columns of numbers: what follows touches the orders themselves
 * only where keys tie and where trades are written.
 */

import { MAX_MICRO_PER_KWH, MAX_MILLI_WH, ProtocolError } from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";
import type { AuctionOrder } from "./order.ts";

export interface Columns {
  readonly orders: readonly AuctionOrder[];
  readonly qty: Float64Array;
  readonly limit: Int32Array;
  readonly isBid: Uint8Array;
  /** Wants a least fill. */
  readonly isDemanding: Uint8Array;
  /** Never orders two ids the wrong way round; it may tie. */
  readonly idKey: Uint32Array;
  /** Equal for equal agents; seldom for others. */
  readonly agentKey: Uint32Array;
}

/** Most orders of one book that may ask for a least fill. */
const MAX_DEMANDING = 1_000;
/** Characters of an id that make its key, and how many each place can tell apart. */
const KEY_CHARS = 5;
const CLASSES = 66;
/** Characters at the end of an agent's id that make its key. */
const AGENT_CHARS = 4;

/** Reads and checks every order. @throws AMOUNT_INVALID; QUOTA_EXCEEDED for too many orders with a least fill. */
export function readColumns(orders: readonly AuctionOrder[]): Columns {
  const count = orders.length;
  const columns = {
    orders,
    qty: new Float64Array(count),
    limit: new Int32Array(count),
    isBid: new Uint8Array(count),
    isDemanding: new Uint8Array(count),
    idKey: new Uint32Array(count),
    agentKey: new Uint32Array(count),
  };
  const skip = commonPrefix(orders);
  let total = 0;
  let demanding = 0;
  for (let i = 0; i < count; i += 1) {
    const order = orders[i] as AuctionOrder;
    checkOrder(order);
    columns.qty[i] = order.qtyMilliWh;
    columns.limit[i] = order.limitMicroPerKWh;
    columns.isBid[i] = order.side === "bid" ? 1 : 0;
    columns.idKey[i] = idKeyOf(order.orderId, skip);
    columns.agentKey[i] = agentKeyOf(order.agentId);
    total += order.qtyMilliWh;
    if (order.minFillMilliWh === 0) continue;
    columns.isDemanding[i] = 1;
    demanding += 1;
  }
  checkInteger("sum of qtyMilliWh", total, [0, Number.MAX_SAFE_INTEGER]);
  if (demanding > MAX_DEMANDING) {
    const text = `${demanding} orders with a least fill, at most ${MAX_DEMANDING}`;
    throw new ProtocolError("QUOTA_EXCEEDED", text);
  }
  return columns;
}

/** @throws AMOUNT_INVALID. */
function checkOrder({ qtyMilliWh, limitMicroPerKWh, minFillMilliWh }: AuctionOrder): void {
  if (!isWithin(qtyMilliWh, 1, MAX_MILLI_WH)) checkInteger("qtyMilliWh", qtyMilliWh, [1, MAX_MILLI_WH]);
  if (!isWithin(limitMicroPerKWh, -MAX_MICRO_PER_KWH, MAX_MICRO_PER_KWH)) {
    checkInteger("limitMicroPerKWh", limitMicroPerKWh, [-MAX_MICRO_PER_KWH, MAX_MICRO_PER_KWH]);
  }
  if (!isWithin(minFillMilliWh, 0, qtyMilliWh))
    checkInteger("minFillMilliWh", minFillMilliWh, [0, qtyMilliWh]);
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function commonPrefix(orders: readonly AuctionOrder[]): number {
  const first = orders[0]?.orderId ?? "";
  let length = first.length;
  for (let i = 1; i < orders.length && length > 0; i += 1) {
    const id = (orders[i] as AuctionOrder).orderId;
    let same = 0;
    while (same < length && id.charCodeAt(same) === first.charCodeAt(same)) same += 1;
    length = same;
  }
  return length;
}

function idKeyOf(id: string, skip: number): number {
  const { length } = id;
  let key = 0;
  let place = 0;
  while (place < KEY_CHARS) {
    const at = skip + place;
    const code = at < length ? id.charCodeAt(at) : END;
    const known = CLASS_OF[code < LAST ? code : LAST] as number;
    place += 1;
    if (known >= 0) key = key * CLASSES + known;
    else {
      // Characters that share a class are told apart by the texts alone, so nothing after them may count.
      key = key * CLASSES - 1 - known;
      break;
    }
  }
  for (; place < KEY_CHARS; place += 1) key *= CLASSES;
  return key;
}

const END = 0;
const LAST = 127;
/** Digits, capitals and a to y have a class of their own; the others share one, kept as −1 − class. */
const CLASS_OF = Int8Array.from({ length: LAST + 1 }, (_, code) => classOf(code));

/** Ascending with the code: 0 end and controls · 1 below digits · 2…11 · 12 · 13…38 · 39 · 40…64 · 65. */
function classOf(code: number): number {
  if (code === END) return -1;
  if (code < 48) return -2;
  if (code <= 57) return code - 46;
  if (code < 65) return -13;
  if (code <= 90) return code - 52;
  if (code < 97) return -40;
  return code < 122 ? code - 57 : -66;
}

function agentKeyOf(agentId: string): number {
  let key = agentId.length;
  for (let i = Math.max(0, agentId.length - AGENT_CHARS); i < agentId.length; i += 1) {
    key = Math.imul(key, 31) + agentId.charCodeAt(i);
  }
  return key >>> 0;
}
