/** Random orders over two trees of areas and what must hold of every clearing of them. */

import assert from "node:assert/strict";
import {
  type AreaLimit,
  type AreaOrder,
  type AreaRules,
  type AreasClearing,
  type AreaTrade,
  clearAreas,
  type EnergySource,
  type OrderCondition,
} from "@gridmesh/energy";
import { amountMicro } from "@gridmesh/protocol";
import { type Dice, shuffled } from "./book-cases.ts";

const kWh = 1_000_000;
const AREAS = ["city", "city.east", "city.west", "city.east.f1", "city.east.f2", "town", "town.f1"];
const SOURCES: readonly (EnergySource | undefined)[] = [undefined, "SOLAR", "GRID", "RENEWABLE", "BATTERY"];

function pick<T>(values: readonly T[], roll: Dice): T {
  return values[roll(values.length)]!;
}

function randomCondition(side: "bid" | "ask", most: number, roll: Dice): OrderCondition {
  return {
    qtyMilliWh: 1 + roll(most),
    limitMicroPerKWh: roll(400_000),
    ...(roll(2) === 0 ? { partners: [`a${roll(5)}`, `a${roll(5)}`] } : { maxFeeMicroPerKWh: roll(40_000) }),
    ...(roll(3) === 0 ? { areas: [pick(AREAS, roll)] } : {}),
    ...(side === "bid" && roll(3) === 0
      ? { sources: [pick(["SOLAR", "RENEWABLE", "GRID"] as const, roll)] }
      : {}),
  };
}

export function randomAreas(roll: Dice): {
  orders: AreaOrder[];
  rules: Map<string, AreaRules>;
  limits: Map<string, AreaLimit>;
} {
  const orders = Array.from({ length: roll(24) }, (_, index): AreaOrder => {
    const side = roll(2) === 0 ? "bid" : "ask";
    const qtyMilliWh = 1 + roll(3 * kWh);
    const source = pick(SOURCES, roll);
    const conditions = Array.from({ length: roll(4) }, () => randomCondition(side, qtyMilliWh, roll));
    const open = roll(2) === 0 ? [{ qtyMilliWh: 1 + roll(qtyMilliWh), limitMicroPerKWh: roll(400_000) }] : [];
    return {
      orderId: `${roll(999)}-${index}`,
      agentId: `a${roll(5)}`,
      side,
      area: pick(AREAS, roll),
      qtyMilliWh,
      limitMicroPerKWh: roll(400_000),
      minFillMilliWh: roll(6) === 0 ? roll(qtyMilliWh) : 0,
      ...(side === "ask" && source !== undefined ? { source } : {}),
      ...(roll(3) === 0 ? { anyOf: [...conditions, ...open] } : {}),
    };
  });
  const rules = new Map(
    AREAS.map((area) => [area, { kPermille: roll(1_001), feeMicroPerKWh: roll(20_000) }]),
  );
  const limited = AREAS.filter(() => roll(3) === 0);
  const limits = new Map(
    limited.map((area) => [area, { importMilliWh: roll(4 * kWh), exportMilliWh: roll(4 * kWh) }]),
  );
  return { orders, rules, limits };
}

function bytesOf({ trades, areas, fees }: AreasClearing): string {
  return JSON.stringify({
    trades,
    areas: [...areas].map(([area, { fills }]) => [area, [...fills]]),
    fees: [...fees],
  });
}

/** The areas between two, by climbing from both until the names meet. */
function pathBetween(from: string, to: string): Set<string> {
  const path = new Set<string>();
  let [a, b] = [from, to];
  while (a !== b) {
    const [longer, isA] = a.length >= b.length ? [a, true] : [b, false];
    path.add(longer);
    const parent = longer.slice(0, longer.lastIndexOf("."));
    if (isA) a = parent;
    else b = parent;
  }
  return path.add(a);
}

function conditionOf(one: AreaOrder, trade: AreaTrade, partner: AreaOrder): readonly OrderCondition[] {
  const fee = (area: OrderCondition) => area.maxFeeMicroPerKWh;
  return (one.anyOf ?? []).filter(
    (condition) =>
      (condition.partners === undefined || condition.partners.includes(partner.agentId)) &&
      (condition.areas === undefined ||
        condition.areas.some((area) => `${partner.area}.`.startsWith(`${area}.`))) &&
      (condition.sources === undefined ||
        (partner.source !== undefined &&
          (condition.sources.includes(partner.source) ||
            (partner.source === "SOLAR" && condition.sources.includes("RENEWABLE"))))) &&
      (fee(condition) === undefined || trade.fees.length > 0),
  );
}

export interface AreasSeen {
  trades: number;
  fees: number;
  conditions: number;
}

/** Clears one random book; adds to `seen` what it held. */
export function checkAreas(roll: Dice, seen: AreasSeen): void {
  const { orders, rules, limits } = randomAreas(roll);
  const cleared = clearAreas(orders, { rules, limits });
  assert.equal(bytesOf(clearAreas(shuffled(orders, roll), { rules, limits })), bytesOf(cleared));
  const byId = new Map(orders.map((one) => [one.orderId, one]));
  let paid = 0;
  let got = 0;
  for (const trade of cleared.trades) {
    const bid = byId.get(trade.bidId)!;
    const ask = byId.get(trade.askId)!;
    const buyerPays = trade.amountMicro + trade.buyerFeesMicro;
    const sellerGets = trade.amountMicro - trade.sellerFeesMicro;
    const fees = trade.fees.reduce((sum, { feeMicro }) => sum + feeMicro, 0);
    assert.equal(buyerPays, sellerGets + fees);
    assert.deepEqual(new Set(trade.fees.map(({ area }) => area)), pathBetween(bid.area, ask.area));
    assert.equal(trade.fees.length, pathBetween(bid.area, ask.area).size, "an area counts once");
    for (const { area, feeMicro } of trade.fees) {
      const exact = (trade.qtyMilliWh * rules.get(area)!.feeMicroPerKWh) / kWh;
      assert.ok(Math.abs(feeMicro - exact) <= 1 && feeMicro >= 0);
    }
    assert.notEqual(trade.buyer, trade.seller);
    checkLimits(trade, { bid, ask, buyerPays, sellerGets });
    paid += buyerPays;
    got += sellerGets;
    seen.trades += 1;
    seen.fees += fees;
    seen.conditions += trade.condition === undefined ? 0 : 1;
  }
  const earned = [...cleared.fees.values()].reduce((sum, fee) => sum + fee, 0);
  assert.equal(paid, got + earned);
  checkQuantities(orders, cleared);
  checkBorders(cleared, byId, limits);
}

function checkLimits(
  trade: AreaTrade,
  of: { bid: AreaOrder; ask: AreaOrder; buyerPays: number; sellerGets: number },
): void {
  const { bid, ask } = of;
  const most = [bid.limitMicroPerKWh, ...conditionOf(bid, trade, ask).map((one) => one.limitMicroPerKWh)];
  const least = [ask.limitMicroPerKWh, ...conditionOf(ask, trade, bid).map((one) => one.limitMicroPerKWh)];
  if (bid.anyOf?.length) most.shift();
  if (ask.anyOf?.length) least.shift();
  assert.ok(most.length > 0 && least.length > 0, "a partner that no condition takes");
  assert.ok(of.buyerPays <= amountMicro(trade.qtyMilliWh, Math.max(...most)));
  assert.ok(of.sellerGets >= amountMicro(trade.qtyMilliWh, Math.min(...least)));
}

function checkQuantities(orders: readonly AreaOrder[], { trades }: AreasClearing): void {
  for (const one of orders) {
    const own = trades.filter(({ bidId, askId }) => bidId === one.orderId || askId === one.orderId);
    const filled = own.reduce((sum, { qtyMilliWh }) => sum + qtyMilliWh, 0);
    assert.ok(filled <= one.qtyMilliWh);
    const conditions = (one.anyOf ?? []).reduce((sum, { qtyMilliWh }) => sum + qtyMilliWh, 0);
    if (one.anyOf?.length) assert.ok(filled <= conditions);
  }
}

function checkBorders(
  { trades }: AreasClearing,
  byId: ReadonlyMap<string, AreaOrder>,
  limits: ReadonlyMap<string, AreaLimit>,
): void {
  const isIn = (orderId: string, area: string) => `${byId.get(orderId)!.area}.`.startsWith(`${area}.`);
  for (const [area, { importMilliWh, exportMilliWh }] of limits) {
    let [imported, exported] = [0, 0];
    for (const { bidId, askId, qtyMilliWh } of trades) {
      if (isIn(bidId, area) && !isIn(askId, area)) imported += qtyMilliWh;
      if (isIn(askId, area) && !isIn(bidId, area)) exported += qtyMilliWh;
    }
    assert.ok(imported <= importMilliWh && exported <= exportMilliWh, `${area} lets through too much`);
  }
}
