/** What one book says of its dealings with one counterparty, in the forms that both sides compare. */

import { createHash } from "node:crypto";
import {
  canonicalBytes,
  canonicalize,
  merkleRoot,
  type TradeOrders,
  type TradeReconcile,
  type TradeTotals,
} from "@gridmesh/protocol";
import { balance, type Book, type OrderHalf } from "./state.ts";

export type ListedOrder = TradeOrders["orders"][number];

/** Receipts signed from `fromMs` until before `toMs`. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How the book stands now. */
export function standingWith(book: Book, counterparty: string): TradeReconcile {
  const open = openWith(book, counterparty);
  const ids = open.map(({ terms, orderHash }) => [terms.orderId, orderHash]);
  return {
    openCount: open.length,
    openHash: sha256(canonicalBytes(ids)),
    totals: {
      orders: book.partners.get(counterparty)?.settled ?? 0,
      paidMicro: balance(book.money, `paid/${counterparty}`),
      receivedMicro: -balance(book.money, `received/${counterparty}`) + 0,
      inMilliWh: -balance(book.energy, `in/${counterparty}`) + 0,
      outMilliWh: balance(book.energy, `out/${counterparty}`),
    },
  };
}

/** Orders with this counterparty that have not ended here, by id. */
export function openWith(book: Book, counterparty: string): readonly OrderHalf[] {
  return [...book.open].filter((half) => otherOf(half) === counterparty).sort(byId);
}

/** Orders with this counterparty that were paid and receipted in this time, by id. */
export function settledWith(book: Book, counterparty: string, period: Period): readonly OrderHalf[] {
  const found: OrderHalf[] = [];
  for (const half of book.orders.values()) {
    if (otherOf(half) === counterparty && isWithin(half, period)) found.push(half);
  }
  return found.sort(byId);
}

/** Both sides keep the receipt, so both know the same time of it. */
function isWithin({ state, documents }: OrderHalf, { fromMs, toMs }: Period): boolean {
  const signedAtMs = documents.trade_receipt?.signedAtMs;
  if (signedAtMs === undefined || (state !== "CLOSED" && state !== "SETTLED")) return false;
  return fromMs <= signedAtMs && signedAtMs < toMs;
}

/** What these orders moved, and the root both sides find over them. */
export function summed(orders: readonly OrderHalf[]): {
  readonly totals: TradeTotals;
  readonly root: string;
} {
  const totals = { orders: 0, paidMicro: 0, receivedMicro: 0, inMilliWh: 0, outMilliWh: 0 };
  const leaves: Uint8Array[] = [];
  for (const { role, terms, orderHash, finalMilliWh, finalAmountMicro } of orders) {
    const [amountMicro, milliWh] = [finalAmountMicro ?? 0, finalMilliWh ?? 0];
    totals.orders += 1;
    totals[role === "buyer" ? "paidMicro" : "receivedMicro"] += amountMicro;
    totals[role === "buyer" ? "inMilliWh" : "outMilliWh"] += milliWh;
    leaves.push(canonicalBytes({ orderId: terms.orderId, orderHash, finalMilliWh: milliWh, amountMicro }));
  }
  return { totals, root: `sha256:${merkleRoot(leaves)}` };
}

/** The same dealings from the other side. */
export function mirrored(totals: TradeTotals): TradeTotals {
  const { orders, paidMicro, receivedMicro, inMilliWh, outMilliWh } = totals;
  return {
    orders,
    paidMicro: receivedMicro,
    receivedMicro: paidMicro,
    inMilliWh: outMilliWh,
    outMilliWh: inMilliWh,
  };
}

export function sameTotals(one: TradeTotals, other: TradeTotals): boolean {
  return canonicalize(one) === canonicalize(other);
}

export function listed({ terms, orderHash, state, finalMilliWh, finalAmountMicro }: OrderHalf): ListedOrder {
  return {
    orderId: terms.orderId,
    orderHash,
    state,
    ...(finalMilliWh === null ? {} : { finalMilliWh }),
    ...(finalAmountMicro === null ? {} : { amountMicro: finalAmountMicro }),
  };
}

function otherOf({ role, terms }: OrderHalf): string {
  return role === "buyer" ? terms.seller : terms.buyer;
}

/** By the units of the id, as every runtime compares text. */
function byId(one: OrderHalf, other: OrderHalf): number {
  const isSameId = one.terms.orderId === other.terms.orderId;
  const [a, b] = isSameId ? [one.orderHash, other.orderHash] : [one.terms.orderId, other.terms.orderId];
  return a < b ? -1 : Number(a > b);
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
