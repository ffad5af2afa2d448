/** What must hold of one node's books at any time; a sentence per breach. */

import { isOrderOpen } from "@gridmesh/protocol";
import { balance, type Book, type DeskState, type OrderHalf } from "./state.ts";

const COMMITTED = "committed/";
/** Purchases whose money is on hold. */
const IN_HAND: ReadonlySet<string> = new Set(["HELD", "COMMITTED", "DISPUTED"]);

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
  checkAccounts(book, found);
  checkHolds(book, found);
  for (const half of book.orders.values()) {
    checkOrder(half, { who: book.name, found });
    if (isOrderOpen(half.state) !== book.open.has(half)) {
      found.push(`I11 ${book.name}: ${half.key} in the wrong list`);
    }
  }
}

function checkAccounts(book: Book, found: string[]): void {
  for (const unit of ["money", "energy"] as const) {
    let sum = 0;
    for (const [account, amount] of book[unit]) {
      sum += amount;
      if (mustNotBeNegative(account) && amount < 0) found.push(`I3 ${book.name}: ${account} is ${amount}`);
    }
    if (sum !== 0) found.push(`I1/I2/I9 ${book.name}: ${unit} sums to ${sum}`);
  }
}

/** What is held and committed is what the open orders say, neither more nor less. */
function checkHolds(book: Book, found: string[]): void {
  let held = 0;
  let underWay = 0;
  const committed = new Map<string, number>();
  for (const { heldMicro, state, terms, role } of book.open) {
    held += heldMicro;
    if (role === "buyer" && IN_HAND.has(state)) underWay += terms.quantityMilliWh;
    if (state !== "ACCEPTED") continue;
    committed.set(terms.slotId, balance(committed, terms.slotId) + terms.quantityMilliWh);
  }
  const booked = balance(book.money, "held");
  if (held !== booked) found.push(`I4 ${book.name}: ${booked} held for orders over ${held}`);
  if (underWay !== book.openPurchasesMilliWh) found.push(`I4 ${book.name}: ${underWay} mWh under way`);
  for (const [account, amount] of book.energy) {
    if (!account.startsWith(COMMITTED)) continue;
    if (amount !== balance(committed, account.slice(COMMITTED.length))) {
      found.push(`I4 ${book.name}: ${account} is ${amount}`);
    }
  }
}

function mustNotBeNegative(account: string): boolean {
  return account === "available" || account === "held" || account.startsWith(COMMITTED);
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
  if ((half.state === "PAID" || half.state === "CLOSED") && documents.trade_delivery === undefined) {
    found.push(`I5 ${who}: ${half.key} received without delivery`);
  }
}
