import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuctionOrder, type Clearing, clearCallUniform } from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import * as fc from "fast-check";

const rules = { kPermille: 500 };

function order(fields: Partial<AuctionOrder> & Pick<AuctionOrder, "orderId" | "side">): AuctionOrder {
  return { agentId: fields.orderId, qtyMilliWh: 1, limitMicroPerKWh: 0, minFillMilliWh: 0, ...fields };
}

const book = fc
  .array(
    fc.record({
      agent: fc.integer({ min: 0, max: 4 }),
      side: fc.constantFrom("bid" as const, "ask" as const),
      qtyMilliWh: fc.integer({ min: 1, max: 50 }),
      limitMicroPerKWh: fc.integer({ min: -3, max: 12 }),
    }),
    { maxLength: 24 },
  )
  .map((rows) =>
    rows.map(({ agent, ...row }, index) =>
      order({ ...row, orderId: `o${String(index).padStart(2, "0")}`, agentId: `a${agent}` }),
    ),
  );

test("any order of arrival clears to the same trades", () => {
  const arrivals = book.chain((orders) =>
    fc.tuple(fc.constant(orders), fc.shuffledSubarray(orders, { minLength: orders.length })),
  );
  fc.assert(
    fc.property(arrivals, ([orders, shuffled]) => {
      assert.deepEqual(clearCallUniform(shuffled, rules), clearCallUniform(orders, rules));
    }),
    { numRuns: 500 },
  );
});

test("what is bought is sold, at one price nobody regrets, never to oneself, and netted only as it must be", () => {
  fc.assert(
    fc.property(book, (orders) => {
      const clearing = clearCallUniform(orders, rules);
      const fill = (side: "bid" | "ask", agentId?: string) =>
        orders
          .filter((one) => one.side === side && (agentId === undefined || one.agentId === agentId))
          .reduce((sum, one) => sum + (clearing.fills.get(one.orderId) ?? 0), 0);
      assert.equal(fill("bid"), clearing.volumeMilliWh);
      assert.equal(fill("ask"), clearing.volumeMilliWh);
      for (const one of orders) noRegret(one, clearing);
      for (const trade of clearing.trades) assert.notEqual(trade.buyer, trade.seller);
      const agents = [...new Set(orders.map((one) => one.agentId))];
      const mustNet = agents
        .map((agentId) => fill("bid", agentId) + fill("ask", agentId) - clearing.volumeMilliWh)
        .reduce((sum, over) => sum + Math.max(0, over), 0);
      assert.equal(
        clearing.netted.reduce((sum, net) => sum + net.qtyMilliWh, 0),
        mustNet,
      );
      const traded = clearing.trades.reduce((sum, trade) => sum + trade.qtyMilliWh, 0);
      assert.equal(traded + mustNet, clearing.volumeMilliWh);
    }),
    { numRuns: 2_000 },
  );
});

function noRegret(one: AuctionOrder, clearing: Clearing): void {
  const fill = clearing.fills.get(one.orderId) ?? 0;
  const price = clearing.priceMicroPerKWh;
  assert.equal(fill >= 0 && fill <= one.qtyMilliWh, true);
  if (price === null) return assert.equal(fill, 0);
  const gain = one.side === "bid" ? one.limitMicroPerKWh - price : price - one.limitMicroPerKWh;
  if (gain > 0) assert.equal(fill, one.qtyMilliWh, "would have liked more");
  if (gain < 0) assert.equal(fill, 0, "got what it did not want");
}

test("no allocation of the same book is worth more", () => {
  fc.assert(
    fc.property(book, (orders) => {
      const units = (side: "bid" | "ask") =>
        orders
          .filter((one) => one.side === side)
          .flatMap((one) => Array.from({ length: one.qtyMilliWh }, () => one.limitMicroPerKWh))
          .sort((a, b) => (side === "bid" ? b - a : a - b));
      const asks = units("ask");
      const best = units("bid").reduce((sum, bid, index) => sum + Math.max(0, bid - (asks[index] ?? bid)), 0);
      const clearing = clearCallUniform(
        orders.map((one) => ({ ...one, qtyMilliWh: one.qtyMilliWh * 1_000_000 })),
        rules,
      );
      assert.equal(clearing.welfareMicro, best);
    }),
    { numRuns: 500 },
  );
});

test("a least fill is kept or the order is left out, and nothing else of it changes", () => {
  const demanding = book.chain((orders) =>
    fc
      .array(fc.integer({ min: 0, max: 50 }), { minLength: orders.length, maxLength: orders.length })
      .map((least) =>
        orders.map((one, index) => ({ ...one, minFillMilliWh: Math.min(one.qtyMilliWh, least[index] ?? 0) })),
      ),
  );
  fc.assert(
    fc.property(demanding, (orders) => {
      const clearing = clearCallUniform(orders, rules);
      for (const one of orders) {
        const fill = clearing.fills.get(one.orderId) ?? 0;
        assert.equal(fill === 0 || fill >= one.minFillMilliWh, true);
      }
      const kept = orders.filter((one) => !clearing.removed.includes(one.orderId));
      assert.deepEqual({ ...clearCallUniform(kept, rules), removed: clearing.removed }, clearing);
    }),
    { numRuns: 500 },
  );
});

test("orders that do not fit their level share it by quantity, the odd mWh by largest remainder", () => {
  const bids = [3, 3, 4].map((qtyMilliWh, index) =>
    order({ orderId: `b${index}`, side: "bid", qtyMilliWh, limitMicroPerKWh: 10 }),
  );
  const ask = order({ orderId: "s", side: "ask", qtyMilliWh: 8, limitMicroPerKWh: 5 });
  const { fills, priceMicroPerKWh } = clearCallUniform([...bids, ask], rules);
  // 2.4, 2.4, 3.2 → 2, 2, 3 and the eighth to the first of the two with .4.
  assert.deepEqual(
    [...fills].sort(([a], [b]) => (a < b ? -1 : 1)),
    [
      ["b0", 3],
      ["b1", 2],
      ["b2", 3],
      ["s", 8],
    ],
  );
  assert.equal(priceMicroPerKWh, 10);
});

test("an agent's own bid and ask are swapped into trades of others before they are netted", () => {
  const mine = { agentId: "me", qtyMilliWh: 5 };
  const orders = [
    order({ orderId: "b1", side: "bid", qtyMilliWh: 5, limitMicroPerKWh: 30 }),
    order({ orderId: "b2", side: "bid", ...mine, limitMicroPerKWh: 20 }),
    order({ orderId: "s1", side: "ask", qtyMilliWh: 5, limitMicroPerKWh: 5 }),
    order({ orderId: "s2", side: "ask", ...mine, limitMicroPerKWh: 10 }),
  ];
  const { trades, netted } = clearCallUniform(orders, rules);
  assert.deepEqual(netted, []);
  assert.deepEqual(
    trades.map(({ bidId, askId }) => [bidId, askId]),
    [
      ["b2", "s1"],
      ["b1", "s2"],
    ],
  );
});

test("without a crossing there is no price, and the best bid and ask are shown", () => {
  const orders = [
    order({ orderId: "b", side: "bid", limitMicroPerKWh: 4 }),
    order({ orderId: "s", side: "ask", limitMicroPerKWh: 5 }),
  ];
  const clearing = clearCallUniform(orders, rules);
  assert.deepEqual([clearing.priceMicroPerKWh, clearing.loMicroPerKWh, clearing.hiMicroPerKWh], [null, 4, 5]);
  assert.equal(clearCallUniform([], rules).loMicroPerKWh, null);
});

test("a book of more than a thousand orders with a least fill is refused", () => {
  const orders = (count: number) =>
    Array.from({ length: count }, (_, i) => order({ orderId: `o${i}`, side: "bid", minFillMilliWh: 1 }));
  assert.doesNotThrow(() => clearCallUniform(orders(1_000), rules));
  assert.throws(() => clearCallUniform(orders(1_001), rules), { code: "QUOTA_EXCEEDED" });
});

test("a book with a double id, a broken amount or a wrong rule is refused", () => {
  const bid = order({ orderId: "b", side: "bid" });
  for (const [orders, kPermille, code] of [
    [[bid, bid], 500, "ORDER_CONFLICT"],
    [[{ ...bid, qtyMilliWh: 0 }], 500, "AMOUNT_INVALID"],
    [[{ ...bid, minFillMilliWh: 2 }], 500, "AMOUNT_INVALID"],
    [[bid], 1_001, "AMOUNT_INVALID"],
  ] as const) {
    assert.throws(
      () => clearCallUniform(orders, { kPermille }),
      (error) => isProtocolError(error) && error.code === code,
    );
  }
});
