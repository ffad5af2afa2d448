/** Where two books first disagree, and how that is told. */

import { isOrderOpen, orderKey, type BuyerState, type SellerState } from "@gridmesh/protocol";
import type { DeskContext } from "./context.ts";
import { type ListedOrder, listed } from "./dealings.ts";
import type { Book, OrderHalf } from "./state.ts";

/** The order of this id between a book's owner and another, whichever of them bought. */
export function orderWith(book: Book, other: string, orderId: string): OrderHalf | undefined {
  const asBuyer = book.orders.get(orderKey(other, orderId));
  if (asBuyer?.role === "seller") return asBuyer;
  const own = book.orders.get(orderKey(book.agentId, orderId));
  return own?.role === "buyer" && own.terms.seller === other ? own : undefined;
}

/** The first order that one side has otherwise than the other; `later` while only what is under way differs. */
export type Difference = { readonly orderId: string; readonly what: string } | "later" | undefined;

/** Compares settled orders of one stretch of ids, both in order; a book answers for what is in its list alone. */
export function firstDifference(
  lists: { readonly mine: readonly ListedOrder[]; readonly theirs: readonly ListedOrder[] },
  here: { readonly book: Book; readonly other: string },
): Difference {
  const mine = new Map(lists.mine.map((order) => [order.orderId, order]));
  const theirs = new Map(lists.theirs.map((order) => [order.orderId, order]));
  let isLater = false;
  for (const orderId of [...new Set([...mine.keys(), ...theirs.keys()])].sort()) {
    const half = mine.has(orderId) ? undefined : orderWith(here.book, here.other, orderId);
    const own = mine.get(orderId) ?? (half === undefined ? undefined : listed(half));
    const what = differenceOf(own, theirs.get(orderId));
    if (what === "later") isLater = true;
    else if (what !== undefined) return { orderId, what };
  }
  return isLater ? "later" : undefined;
}

function differenceOf(mine: ListedOrder | undefined, theirs: ListedOrder | undefined): string | undefined {
  if (mine === undefined) return `${theirs?.state ?? "known"} there and unknown here`;
  if (theirs === undefined) return `${mine.state} here and unknown there`;
  if (mine.orderHash !== theirs.orderHash) return "of other content here than there";
  if (isUnderWay(mine) || isUnderWay(theirs)) return "later";
  const isSame = mine.finalMilliWh === theirs.finalMilliWh && mine.amountMicro === theirs.amountMicro;
  if (isSame && isSettled(mine) === isSettled(theirs)) return undefined;
  return `${sizeOf(mine)} here and ${sizeOf(theirs)} there`;
}

function isUnderWay({ state }: ListedOrder): boolean {
  return isOrderOpen(state as BuyerState | SellerState);
}

function isSettled({ state }: ListedOrder): boolean {
  return state === "CLOSED" || state === "SETTLED";
}

function sizeOf({ state, finalMilliWh, amountMicro }: ListedOrder): string {
  return `${state} with ${finalMilliWh ?? 0} mWh for ${amountMicro ?? 0}`;
}

/** Keeps and logs that two ledgers disagree, until they are found to agree. */
export function disagree(
  context: DeskContext,
  pair: { readonly agentId: string; readonly counterparty: string },
  difference: { readonly orderId: string; readonly what: string },
): void {
  const { agentId, counterparty } = pair;
  const { orderId, what } = difference;
  const name = context.state.books.get(agentId)?.name ?? agentId;
  const text = `${name} and ${counterparty}: order ${orderId} is ${what}`;
  context.disagreements.set(`${agentId} ${counterparty}`, text);
  context.log.warn("trade.ledger", text, { code: "LEDGER_MISMATCH" });
}

export function agree(
  context: DeskContext,
  { agentId, counterparty }: { readonly agentId: string; readonly counterparty: string },
): void {
  context.disagreements.delete(`${agentId} ${counterparty}`);
}
