/** What must hold of one node's books at any time; a sentence per breach. */

import { type BuyerState, isOrderOpen } from "@gridmesh/protocol";
import { balance, type Book, type DeskState, type OrderHalf } from "./state.ts";

/** I1–I4, I9, I12 over all books of a journal; empty when all is well. */
export function breaches(state: DeskState): readonly string[] {
  const found: string[] = [];
  for (const book of state.books.values()) checkBook(book, found);
  for (const offer of state.offers.values()) {
    const left = offer.quantityMilliWh - offer.soldMilliWh;
    if (left < 0 || offer.soldMilliWh < 0) found.push(`I3 offer ${offer.offerId}: ${left} mWh left`);
  }
  return found;
}

function checkBook(book: Book, found: string[]): void {
  const who = book.name;
  for (const [unit, accounts] of [
    ["money", book.money],
    ["energy", book.energy],
  ] as const) {
    let sum = 0;
    for (const amount of accounts.values()) sum += amount;
    if (sum !== 0) found.push(`I1/I2/I9 ${who}: ${unit} sums to ${sum}`);
  }
  for (const [account, amount] of [...book.money, ...book.energy]) {
    if (mustNotBeNegative(account) && amount < 0) found.push(`I3 ${who}: ${account} is ${amount}`);
  }
  let held = 0;
  let underWay = 0;
  const committed = new Map<string, number>();
  for (const half of book.orders.values()) {
    held += half.heldMicro;
    if (isBuying(half)) underWay += half.terms.quantityMilliWh;
    if (half.state === "ACCEPTED") {
      committed.set(half.terms.slotId, balance(committed, half.terms.slotId) + half.terms.quantityMilliWh);
    }
    checkOrder(half, { who, found });
    if (isOrderOpen(half.state) !== book.open.has(half))
      found.push(`I11 ${who}: ${half.key} in the wrong list`);
  }
  if (held !== balance(book.money, "held")) {
    found.push(`I4 ${who}: ${balance(book.money, "held")} held for orders over ${held}`);
  }
  if (underWay !== book.openPurchasesMilliWh) found.push(`I4 ${who}: ${underWay} mWh under way`);
  for (const [account, amount] of book.energy) {
    const [kind, ...slot] = account.split("/");
    if (kind === "committed" && amount !== balance(committed, slot.join("/"))) {
      found.push(`I4 ${who}: ${account} is ${amount}`);
    }
  }
}

function mustNotBeNegative(account: string): boolean {
  return account === "available" || account === "held" || account.startsWith("committed/");
}

function isBuying(half: OrderHalf): boolean {
  return half.state === "HELD" || half.state === "COMMITTED";
}

function checkOrder(
  half: OrderHalf,
  { who, found }: { readonly who: string; readonly found: string[] },
): void {
  const { terms, documents, finalMilliWh, finalAmountMicro } = half;
  if (finalAmountMicro !== null && finalAmountMicro > terms.amountMicro) {
    found.push(`I12 ${who}: ${half.key} moved ${finalAmountMicro} of ${terms.amountMicro}`);
  }
  const most = Math.min(half.deliveredMilliWh ?? terms.quantityMilliWh, terms.quantityMilliWh);
  if (finalMilliWh !== null && finalMilliWh > most) {
    found.push(`I12 ${who}: ${half.key} final ${finalMilliWh} of ${most} mWh`);
  }
  if (half.state === "SETTLED" && documents.trade_payment === undefined) {
    found.push(`I5 ${who}: ${half.key} credited without payment`);
  }
  const received: readonly (BuyerState | string)[] = ["PAID", "CLOSED"];
  if (received.includes(half.state) && documents.trade_delivery === undefined) {
    found.push(`I5 ${who}: ${half.key} received without delivery`);
  }
}
