import assert from "node:assert/strict";
import { test } from "node:test";
import { type AreaOrder, type AreaRules, clearAreas, clearCallUniform } from "@gridmesh/energy";
import { checkAreas, randomAreas } from "./area-cases.ts";
import { dice } from "./book-cases.ts";

const kWh = 1_000_000;
/** `npm run campaign:books` takes 20,000. */
const BOOKS = 600;

function order(fields: Partial<AreaOrder> & Pick<AreaOrder, "orderId" | "side" | "area">): AreaOrder {
  return { agentId: fields.orderId, qtyMilliWh: kWh, limitMicroPerKWh: 0, minFillMilliWh: 0, ...fields };
}

function rulesOf(fees: Readonly<Record<string, number>>): Map<string, AreaRules> {
  return new Map(
    Object.entries(fees).map(([area, feeMicroPerKWh]) => [area, { kPermille: 500, feeMicroPerKWh }]),
  );
}

test("a buyer pays what the seller gets and the fees of the path, to the micro, and nobody beyond its limit", () => {
  const seen = { trades: 0, fees: 0, conditions: 0 };
  for (let seed = 0; seed < BOOKS; seed += 1) checkAreas(dice(seed), seen);
  assert.ok(seen.trades > BOOKS && seen.conditions > BOOKS / 5 && seen.fees > 0, JSON.stringify(seen));
});

test("one area without fees clears as call-uniform does", () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const roll = dice(seed);
    const { orders } = randomAreas(roll);
    const plain = orders.map((one) => ({ ...one, anyOf: [], area: "city" }));
    const { trades } = clearAreas(plain, { rules: rulesOf({ city: 0 }) });
    assert.deepEqual(
      trades.map(({ bidId, askId, qtyMilliWh, amountMicro: amount }) => [bidId, askId, qtyMilliWh, amount]),
      clearCallUniform(plain, { kPermille: 500 }).trades.map((trade) => [
        trade.bidId,
        trade.askId,
        trade.qtyMilliWh,
        trade.amountMicro,
      ]),
    );
  }
});

test("neighbours trade before the city does, and the fee of each area on the path is paid once", () => {
  const rules = rulesOf({ city: 10_000, "city.f1": 4_000, "city.f2": 6_000 });
  const orders = [
    order({ orderId: "home", side: "bid", area: "city.f1", qtyMilliWh: 3 * kWh, limitMicroPerKWh: 250_000 }),
    order({ orderId: "neighbour", side: "ask", area: "city.f1", limitMicroPerKWh: 150_000 }),
    order({ orderId: "far", side: "ask", area: "city.f2", qtyMilliWh: 5 * kWh, limitMicroPerKWh: 100_000 }),
  ];
  const { trades, fees } = clearAreas(orders, { rules });
  assert.deepEqual(
    trades.map((trade) => [
      trade.area,
      trade.seller,
      trade.qtyMilliWh,
      trade.buyerFeesMicro,
      trade.sellerFeesMicro,
    ]),
    [
      ["city.f1", "neighbour", kWh, 0, 4_000],
      ["city", "far", 2 * kWh, 8_000, 32_000],
    ],
  );
  assert.deepEqual(Object.fromEntries(fees), { city: 20_000, "city.f1": 12_000, "city.f2": 12_000 });
});

test("a border lets its limit through, the best prices first and equal ones alike", () => {
  const rules = rulesOf({ city: 0, "city.f1": 0 });
  const bids = [300_000, 200_000, 200_000].map((limitMicroPerKWh, index) =>
    order({ orderId: `b${index}`, side: "bid", area: "city.f1", qtyMilliWh: 2 * kWh, limitMicroPerKWh }),
  );
  const plant = order({ orderId: "plant", side: "ask", area: "city", qtyMilliWh: 9 * kWh });
  const limits = new Map([["city.f1", { importMilliWh: 3 * kWh, exportMilliWh: 0 }]]);
  const { trades } = clearAreas([...bids, plant], { rules, limits });
  assert.deepEqual(
    trades.map(({ bidId, qtyMilliWh }) => [bidId, qtyMilliWh]),
    [
      ["b0", 2 * kWh],
      ["b1", kWh / 2],
      ["b2", kWh / 2],
    ],
  );
});

test("a wish for a partner comes before a better price, a wish for the sun takes no grid, the rest takes all", () => {
  const rules = rulesOf({ city: 0 });
  const asks = [
    order({ orderId: "friend", side: "ask", area: "city", limitMicroPerKWh: 200_000 }),
    order({ orderId: "sun", side: "ask", area: "city", limitMicroPerKWh: 180_000, source: "SOLAR" }),
    order({ orderId: "grid", side: "ask", area: "city", limitMicroPerKWh: 100_000, source: "GRID" }),
  ];
  const bid = order({
    orderId: "home",
    side: "bid",
    area: "city",
    qtyMilliWh: 3 * kWh,
    anyOf: [
      { qtyMilliWh: kWh, limitMicroPerKWh: 220_000, partners: ["friend"] },
      { qtyMilliWh: 2 * kWh, limitMicroPerKWh: 200_000, sources: ["RENEWABLE"] },
      { qtyMilliWh: 3 * kWh, limitMicroPerKWh: 120_000 },
    ],
  });
  const { trades } = clearAreas([...asks, bid], { rules });
  assert.deepEqual(
    trades.map(({ seller, priceMicroPerKWh, condition }) => [seller, priceMicroPerKWh, condition]),
    [
      ["friend", 210_000, 1],
      ["sun", 190_000, 2],
      ["grid", 110_000, undefined],
    ],
  );
});

test("an ask may choose its buyer, also one without wishes of its own", () => {
  const rules = rulesOf({ city: 0 });
  const ask = order({
    orderId: "giver",
    side: "ask",
    area: "city",
    anyOf: [{ qtyMilliWh: kWh, limitMicroPerKWh: 0, partners: ["poor"] }],
  });
  const bids = [
    order({ orderId: "rich", side: "bid", area: "city", limitMicroPerKWh: 900_000 }),
    order({ orderId: "poor", side: "bid", area: "city", limitMicroPerKWh: 10_000 }),
  ];
  const { trades } = clearAreas([ask, ...bids], { rules });
  assert.deepEqual(
    trades.map(({ buyer, amountMicro: amount }) => [buyer, amount]),
    [["poor", 5_000]],
  );
});

test("conditions of the wrong form and areas without rules are refused", () => {
  const rules = rulesOf({ city: 0 });
  const condition = { qtyMilliWh: kWh, limitMicroPerKWh: 0 };
  const wish = { ...condition, partners: ["a"] };
  const partners = Array.from({ length: 17 }, (_, index) => `p${index}`);
  const bid = order({ orderId: "b", side: "bid", area: "city" });
  for (const [one, code] of [
    [{ ...bid, anyOf: [condition, wish] }, "SCHEMA_INVALID"],
    [{ ...bid, anyOf: Array.from({ length: 9 }, () => wish) }, "SCHEMA_INVALID"],
    [{ ...bid, anyOf: [{ ...wish, partners }] }, "SCHEMA_INVALID"],
    [{ ...bid, side: "ask", anyOf: [{ ...wish, sources: ["SOLAR"] }] }, "SCHEMA_INVALID"],
    [{ ...bid, anyOf: [{ ...wish, qtyMilliWh: 2 * kWh }] }, "AMOUNT_INVALID"],
    [{ ...bid, area: "town" }, "SLOT_INVALID"],
  ] as const) {
    assert.throws(() => clearAreas([one], { rules }), { code });
  }
  assert.throws(() => clearAreas([bid, bid], { rules }), { code: "ORDER_CONFLICT" });
});
