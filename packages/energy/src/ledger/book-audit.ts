/** One book alone: double entry, nothing negative, and every balance explained by the orders behind it. */

import type { BookSnapshot, OrderSummary } from "@gridmesh/protocol";
import { balanceOf, bookSum, partnersOf, peerBalance } from "./accounts.ts";
import type { PeerAccount, Unit } from "./accounts.ts";
import type { Difference } from "./audit-types.ts";

/** Turns an agent_id into the name a report shows. */
export type NameOf = (agentId: string) => string;

const OPEN_BUYER = new Set<string>(["HELD", "COMMITTED", "DISPUTED"]);

/** Which orders make up an account of one counterparty, and with which sign. */
const BEHIND: Readonly<
  Record<
    PeerAccount,
    { role: OrderSummary["role"]; states: ReadonlySet<string>; value: (order: OrderSummary) => number }
  >
> = {
  out: {
    role: "seller",
    states: new Set(["DELIVERED", "DISPUTED", "SETTLED"]),
    value: (order) => order.finalMilliWh ?? 0,
  },
  in: { role: "buyer", states: new Set(["PAID", "CLOSED"]), value: (order) => -(order.finalMilliWh ?? 0) },
  paid: { role: "buyer", states: new Set(["PAID", "CLOSED"]), value: (order) => order.finalAmountMicro ?? 0 },
  received: {
    role: "seller",
    states: new Set(["SETTLED"]),
    value: (order) => -(order.finalAmountMicro ?? 0),
  },
};

/** What is wrong inside this book; empty when nothing is. */
export function checkBook(book: BookSnapshot, nameOf: NameOf): Difference[] {
  const own = (what: string): Difference => ({ a: book.name, b: "", transactionId: "", what });
  const found: Difference[] = [];
  for (const unit of ["money", "energy"] as const) {
    const sum = bookSum(book, unit);
    if (sum !== 0) found.push(own(`the ${unit} accounts sum to ${sum}, not 0`));
    found.push(...negatives(book, unit).map(own));
  }
  found.push(...promises(book).map(own));
  for (const partner of partnersOf(book)) found.push(...unexplained(book, partner, nameOf));
  return found;
}

/** Accounts that only ever hold what is there; the others are sources, sinks and claims. */
function negatives(book: BookSnapshot, unit: Unit): string[] {
  return Object.entries(book[unit])
    .filter(
      ([account, balance]) => balance < 0 && /^(?:available|held|committed|deposit)(?:\/|$)/.test(account),
    )
    .map(([account, balance]) => `${unit} ${account} is ${balance}, below 0`);
}

/** held = the open orders' amounts, committed/<slot> = what was accepted and not delivered. */
function promises(book: BookSnapshot): string[] {
  const found: string[] = [];
  const holds = book.orders.filter((order) => order.role === "buyer" && OPEN_BUYER.has(order.state));
  const held = holds.reduce((sum, order) => sum + order.amountMicro, 0);
  if (held !== balanceOf(book, "money", "held")) {
    found.push(`held is ${balanceOf(book, "money", "held")}, the open orders say ${held}`);
  }
  const committed = new Map<string, number>();
  for (const account of Object.keys(book.energy)) {
    if (account.startsWith("committed/")) committed.set(account, 0);
  }
  for (const order of book.orders) {
    if (order.role !== "seller" || order.state !== "ACCEPTED") continue;
    const account = `committed/${order.slotId}`;
    committed.set(account, (committed.get(account) ?? 0) + order.quantityMilliWh);
  }
  for (const [account, expected] of committed) {
    const balance = balanceOf(book, "energy", account);
    if (balance !== expected) found.push(`${account} is ${balance}, the accepted orders say ${expected}`);
  }
  return found;
}

function unexplained(book: BookSnapshot, partner: string, nameOf: NameOf): Difference[] {
  const found: Difference[] = [];
  for (const account of ["out", "in", "paid", "received"] as const) {
    const { role, states, value } = BEHIND[account];
    const orders = book.orders.filter(
      (order) => order.counterparty === partner && order.role === role && states.has(order.state),
    );
    const expected = orders.reduce((sum, order) => sum + value(order), 0);
    const balance = peerBalance(book, account, partner);
    if (balance === expected) continue;
    found.push({
      a: book.name,
      b: nameOf(partner),
      transactionId: orders.length === 1 ? (orders[0]?.transactionId ?? "") : "",
      what: `${account}/${nameOf(partner)} is ${balance}, its ${orders.length} orders say ${expected}`,
    });
  }
  return found;
}
