import assert from "node:assert/strict";
import { test } from "node:test";
import { clearGsyPayAsBid, clearTradeReduction } from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import {
  checkOthers,
  checkTradeReduction,
  checkUniform,
  dice,
  randomBook,
  truthfulBook,
} from "./book-cases.ts";

/** `npm run campaign:books` takes 20,000. */
const BOOKS = 1_500;

function each(count: number, check: (roll: ReturnType<typeof dice>) => void): void {
  for (let seed = 0; seed < count; seed += 1) {
    try {
      check(dice(seed));
    } catch (cause) {
      throw new Error(`book ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
}

test("a random book clears to the same bytes whatever the order of arrival, at the best there is", () => {
  const seen = { trades: 0, netted: 0 };
  each(BOOKS, (roll) => {
    const { trades, netted } = checkUniform(randomBook(roll), roll);
    seen.trades += trades;
    seen.netted += netted;
  });
  assert.ok(seen.trades > BOOKS && seen.netted > BOOKS / 100, JSON.stringify(seen));
});

test("with least fills the orders that stay clear to the best there is without those left out", () => {
  let removed = 0;
  each(BOOKS, (roll) => {
    removed += checkUniform(randomBook(roll, true), roll).removed;
  });
  assert.ok(removed > BOOKS / 10);
});

test("pay-as-bid fills as call-uniform does, and pay-as-ask takes nobody over its limit", () => {
  each(BOOKS, (roll) => checkOthers(randomBook(roll), roll));
});

test("under trade reduction no false price pays, and what is over goes to nobody's cost", () => {
  const seen = { lies: 0, trades: 0 };
  each(BOOKS / 3, (roll) => {
    const { lies, trades } = checkTradeReduction(truthfulBook(roll), roll);
    seen.lies += lies;
    seen.trades += trades;
  });
  assert.ok(seen.lies > BOOKS && seen.trades > BOOKS / 10, JSON.stringify(seen));
});

test("trade reduction takes one order an agent and no least fill", () => {
  const [one] = truthfulBook(dice(1));
  assert.ok(one !== undefined);
  for (const [orders, code] of [
    [[one, { ...one, orderId: "other" }], "QUOTA_EXCEEDED"],
    [[{ ...one, minFillMilliWh: 1 }], "ORDER_REJECTED"],
  ] as const) {
    assert.throws(
      () => clearTradeReduction(orders),
      (error) => isProtocolError(error) && error.code === code,
    );
  }
});

test("GSy's way takes the utility before the neighbours", () => {
  const kWh = 1_000_000;
  const of = (orderId: string, side: "bid" | "ask", limitMicroPerKWh: number) => ({
    orderId,
    agentId: orderId,
    side,
    qtyMilliWh: kWh,
    limitMicroPerKWh,
    minFillMilliWh: 0,
  });
  const { trades } = clearGsyPayAsBid([
    of("home", "bid", 250_000),
    of("neighbour", "ask", 150_000),
    of("utility", "ask", 250_000),
  ]);
  assert.deepEqual(
    trades.map(({ seller, amountMicro }) => [seller, amountMicro]),
    [["utility", 250_000]],
  );
});
