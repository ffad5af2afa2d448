/** The accounts of a book, by name: one place that knows how they are spelled. */

import type { BookSnapshot } from "@gridmesh/protocol";

export type Unit = "money" | "energy";

/** Accounts that belong to one counterparty, `<kind>/<agent_id>`. */
export type PeerAccount = "paid" | "received" | "out" | "in";

/** The balance of an account; one that was never written is 0. */
export function balanceOf(book: BookSnapshot, unit: Unit, account: string): number {
  return book[unit][account] ?? 0;
}

/** The balance of what `book` did with `peer`. */
export function peerBalance(book: BookSnapshot, account: PeerAccount, peer: string): number {
  return balanceOf(
    book,
    account === "paid" || account === "received" ? "money" : "energy",
    `${account}/${peer}`,
  );
}

/** Sum over an account and everything below it (`imbalance`, `imbalance/<slot>`). */
export function familyBalance(book: BookSnapshot, unit: Unit, family: string): number {
  let sum = 0;
  for (const [account, balance] of Object.entries(book[unit])) {
    if (account === family || account.startsWith(`${family}/`)) sum += balance;
  }
  return sum;
}

/** Everything in a book, which double entry keeps at 0. */
export function bookSum(book: BookSnapshot, unit: Unit): number {
  return Object.values(book[unit]).reduce((sum, balance) => sum + balance, 0);
}

/** Agents that this book has an account or an order with. */
export function partnersOf(book: BookSnapshot): Set<string> {
  const partners = new Set(book.orders.map((order) => order.counterparty));
  for (const account of [...Object.keys(book.money), ...Object.keys(book.energy)]) {
    const peer = /^(?:paid|received|out|in)\/(.+)$/.exec(account)?.[1];
    if (peer !== undefined) partners.add(peer);
  }
  return partners;
}

/** Energy in the battery, promised or not. */
export function storedMilliWh(book: BookSnapshot): number {
  return balanceOf(book, "energy", "available") + familyBalance(book, "energy", "committed");
}

/** Money that is the agent's: free, on hold, in deposits. */
export function cashMicro(book: BookSnapshot): number {
  const own = balanceOf(book, "money", "available") + balanceOf(book, "money", "held");
  return own + familyBalance(book, "money", "deposit");
}
