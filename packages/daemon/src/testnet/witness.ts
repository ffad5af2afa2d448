/** Remembers every trade that a buyer once held as agreed, and asks the last ledgers after each of them. */

import type { BookSnapshot, OrderSummary } from "@gridmesh/protocol";

/** Reached only by the seller's signed decision, which the seller had on disk before it said so. */
const AGREED = new Set<OrderSummary["state"]>(["COMMITTED", "PAID", "CLOSED"]);

export interface Testimony {
  /** Trades seen agreed while the run went on. */
  readonly witnessed: number;
  /** Of them, those that a last ledger no longer holds, or holds with other terms. */
  readonly lost: readonly string[];
  /** Trades that stand more than once in the ledgers of one side. */
  readonly twice: readonly string[];
}

export class Witness {
  readonly #seen = new Map<string, string>();

  see(books: readonly BookSnapshot[]): void {
    for (const { order, key } of agreed(books)) if (!this.#seen.has(key)) this.#seen.set(key, termsOf(order));
  }

  /** Holds what was seen against the ledgers as they ended. */
  testify(books: readonly BookSnapshot[]): Testimony {
    const last = new Map(agreed(books).map(({ order, key }) => [key, termsOf(order)]));
    const lost = [...this.#seen].filter(([key, terms]) => last.get(key) !== terms).map(([key]) => key);
    const counts = new Map<string, number>();
    for (const order of books.flatMap((book) => book.orders)) {
      const key = `${order.role} ${buyerOf(order)} ${order.orderId}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const twice = [...counts].filter(([, count]) => count > 1).map(([key]) => key);
    return { witnessed: this.#seen.size, lost, twice };
  }
}

function agreed(books: readonly BookSnapshot[]): { readonly order: OrderSummary; readonly key: string }[] {
  return books
    .flatMap((book) => book.orders)
    .filter((order) => order.role === "buyer" && AGREED.has(order.state))
    .map((order) => ({ order, key: `${order.agentId} ${order.orderId}` }));
}

function buyerOf(order: OrderSummary): string {
  return order.role === "buyer" ? order.agentId : order.counterparty;
}

function termsOf(order: OrderSummary): string {
  return [order.counterparty, order.slotId, order.quantityMilliWh, order.amountMicro].join(" ");
}
