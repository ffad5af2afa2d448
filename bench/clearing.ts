/** One auction of many orders, beside a plain sort of the same orders and continuous matching by another library. */

import assert from "node:assert/strict";
import { OrderBook, Side } from "nodejs-order-book";
import { type AuctionOrder, clearCallUniform, ContinuousBook } from "../packages/energy/src/index.ts";
import { type BenchOptions, inTurn, line, type Line } from "./measure.ts";

const ROUNDS = 9;
/** Orders cleared in one round at least. */
const BATCH = 100_000;
const rules = { kPermille: 500 };

export async function clearing({ quick }: BenchOptions): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const count of quick ? [1_000, 10_000] : [100, 1_000, 10_000, 100_000]) {
    const orders = randomOrders(count, 10_000);
    // Small books are cleared many times a round, as they are in a day.
    const times = Math.max(1, Math.ceil(BATCH / count));
    const measured = await inTurn(quick ? 3 : ROUNDS, {
      auction: milliseconds(times, () => assert.ok(clearCallUniform(orders, rules).volumeMilliWh > 0)),
      fills: milliseconds(times, () => assert.ok(clearCallUniform(orders, rules).fills.size > 0)),
      sort: milliseconds(times, () => assert.equal(plainSort(orders).length, count)),
      continuous: milliseconds(times, () => assert.ok(continuous(orders) > 0)),
      book: milliseconds(times, () => assert.ok(ownBook(orders) > 0)),
    });
    lines.push(
      line(
        { name: `call-uniform, ${count} orders`, value: measured.auction, unit: "ms" },
        { name: "a plain sort", value: measured.sort, unit: "ms" },
        { name: "nodejs-order-book, continuous", value: measured.continuous, unit: "ms" },
        { name: "the same with its fills by id", value: measured.fills, unit: "ms" },
      ),
    );
    lines.push(
      line(
        { name: `cda, ${count} orders`, value: measured.book, unit: "ms" },
        { name: "nodejs-order-book, continuous", value: measured.continuous, unit: "ms" },
      ),
    );
    const perSecond = (count * 1_000) / measured.auction;
    lines.push(line({ name: `call-uniform, ${count} orders a book`, value: perSecond, unit: "orders/s" }));
  }
  lines.push(await oneLevel(quick ? 10_000 : 100_000, quick ? 3 : ROUNDS));
  return lines;
}

/** The longest level there can be, rationed whole. */
async function oneLevel(count: number, rounds: number): Promise<Line> {
  const orders = randomOrders(count, 1);
  const { auction, sort } = await inTurn(rounds, {
    auction: milliseconds(1, () => assert.ok(clearCallUniform(orders, rules).volumeMilliWh > 0)),
    sort: milliseconds(1, () => assert.equal(plainSort(orders).length, count)),
  });
  return line(
    { name: `call-uniform, ${count} orders at one price`, value: auction, unit: "ms" },
    { name: "a plain sort", value: sort, unit: "ms" },
  );
}

function milliseconds(times: number, work: () => void): () => Promise<number> {
  return () => {
    const startMs = performance.now();
    for (let i = 0; i < times; i += 1) work();
    return Promise.resolve((performance.now() - startMs) / times);
  };
}

/** Bids and asks of up to 5 kWh around one price, ids as hashes are. */
function randomOrders(count: number, prices: number): AuctionOrder[] {
  let state = 1;
  const roll = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const hex = (): string =>
    roll(2 ** 32)
      .toString(16)
      .padStart(8, "0");
  return Array.from({ length: count }, (_, index) => {
    const isBid = index % 2 === 0;
    return {
      orderId: Array.from({ length: 8 }, hex).join(""),
      agentId: `agent ${Math.floor(index / 4)}`,
      side: isBid ? "bid" : "ask",
      qtyMilliWh: 1 + roll(5_000_000),
      limitMicroPerKWh: (isBid ? 100_000 : 80_000) + roll(prices) * 10,
      minFillMilliWh: 0,
    };
  });
}

function plainSort(orders: readonly AuctionOrder[]): readonly AuctionOrder[] {
  return orders.toSorted((a, b) => {
    if (a.limitMicroPerKWh !== b.limitMicroPerKWh) return a.limitMicroPerKWh - b.limitMicroPerKWh;
    return a.orderId < b.orderId ? -1 : 1;
  });
}

/** Orders one by one into a continuous book. Returns how many met another. */
function continuous(orders: readonly AuctionOrder[]): number {
  const book = new OrderBook();
  let met = 0;
  for (const { orderId, side, qtyMilliWh, limitMicroPerKWh } of orders) {
    const { done, partial } = book.limit({
      id: orderId,
      side: side === "bid" ? Side.BUY : Side.SELL,
      size: qtyMilliWh,
      price: limitMicroPerKWh,
    });
    if (done.length > 0 || partial !== null) met += 1;
  }
  return met;
}

/** The same into our own. */
function ownBook(orders: readonly AuctionOrder[]): number {
  const rules = { minMicroPerKWh: 0, maxMicroPerKWh: 1_000_000, tickMicro: 1, gateS: 900 };
  const book = new ContinuousBook(rules);
  let met = 0;
  for (const order of orders) {
    const placed = { ...order, type: "limit", tif: "gtd", postOnly: false, expiresS: 900 } as const;
    if (book.apply({ kind: "place", atS: 0, order: placed }).trades.length > 0) met += 1;
  }
  return met;
}
