import assert from "node:assert/strict";
import { test } from "node:test";
import { afterTrade, rateStep, thresholdDecision, thresholdStart } from "@gridmesh/energy";
import type { ThresholdState } from "@gridmesh/energy";
import * as fc from "fast-check";

const options = {
  capacityMilliWh: 15_000_000,
  reserveMilliWh: 4_200_000,
  buyBelowPermille: 300,
  sellAbovePermille: 700,
  lotMilliWh: 10_000_000,
  minTradeMilliWh: 100_000,
  coolingCycles: 15,
};

const quiet = { cycle: 0, committedMilliWh: 0, openPurchasesMilliWh: 0 };

test("below 30 % a home buys, above 70 % it sells, at both edges and between it waits", () => {
  const at = (storedMilliWh: number) =>
    thresholdDecision(thresholdStart, { ...quiet, storedMilliWh }, options);
  assert.deepEqual(at(2_250_000), { kind: "buy", quantityMilliWh: 10_000_000 });
  assert.deepEqual(at(4_499_999), { kind: "buy", quantityMilliWh: 10_000_000 });
  assert.deepEqual(at(4_500_000), { kind: "idle", why: "between" });
  assert.deepEqual(at(10_500_000), { kind: "idle", why: "between" });
  assert.deepEqual(at(10_500_001), { kind: "sell", quantityMilliWh: 6_300_001 });
  assert.deepEqual(at(14_250_000), { kind: "sell", quantityMilliWh: 10_000_000 });
});

test("one purchase at a time, and promised energy is not sold twice", () => {
  const low = { ...quiet, storedMilliWh: 2_000_000 };
  const open = thresholdDecision(thresholdStart, { ...low, openPurchasesMilliWh: 1 }, options);
  assert.deepEqual(open, { kind: "idle", why: "purchase_open" });
  const high = { ...quiet, storedMilliWh: 14_250_000 };
  const promised = thresholdDecision(thresholdStart, { ...high, committedMilliWh: 10_000_000 }, options);
  assert.deepEqual(promised, { kind: "idle", why: "too_little" });
});

test("who sold does not buy, who bought does not offer, for fifteen cycles", () => {
  const sold = afterTrade(thresholdStart, { kind: "sell", cycle: 7 }, options);
  const low = { ...quiet, storedMilliWh: 1_000_000 };
  assert.deepEqual(thresholdDecision(sold, { ...low, cycle: 21 }, options), { kind: "idle", why: "cooling" });
  assert.equal(thresholdDecision(sold, { ...low, cycle: 22 }, options).kind, "buy");
  const bought = afterTrade(thresholdStart, { kind: "buy", cycle: 7 }, options);
  const high = { ...quiet, storedMilliWh: 14_000_000 };
  assert.deepEqual(thresholdDecision(bought, { ...high, cycle: 21 }, options), {
    kind: "idle",
    why: "cooling",
  });
  assert.equal(thresholdDecision(bought, { ...high, cycle: 22 }, options).kind, "sell");
});

test("a purchase never overfills the battery and a sale never touches the reserve", () => {
  const input = fc.record({
    cycle: fc.nat(1_000),
    storedMilliWh: fc.integer({ min: 0, max: 15_000_000 }),
    committedMilliWh: fc.integer({ min: 0, max: 15_000_000 }),
    openPurchasesMilliWh: fc.integer({ min: 0, max: 15_000_000 }),
  });
  fc.assert(
    fc.property(input, (state) => {
      const decision = thresholdDecision(thresholdStart, state, options);
      if (decision.kind === "idle") return;
      const { quantityMilliWh } = decision;
      const free = state.storedMilliWh - state.committedMilliWh - options.reserveMilliWh;
      if (decision.kind === "buy") assert.equal(quantityMilliWh <= 15_000_000 - state.storedMilliWh, true);
      else assert.equal(quantityMilliWh <= free, true);
      assert.equal(quantityMilliWh >= options.minTradeMilliWh && quantityMilliWh <= options.lotMilliWh, true);
    }),
  );
});

test("constant power counts the time that really passed and keeps the rest of a mWh", () => {
  const rate = { capacityMilliWh: 15_000_000, rateMilliW: -5_400_000 };
  const first = rateStep({ ...rate, storedMilliWh: 2_250_000, elapsedMs: 0, restMilliWMs: 0 });
  assert.equal(first.storedMilliWh, 2_250_000);
  const cycle = rateStep({ ...rate, storedMilliWh: 2_250_000, elapsedMs: 20_000, restMilliWMs: 0 });
  assert.equal(cycle.consumedMilliWh, 30_000);
  let stored = 2_250_000;
  let rest = 0;
  for (let index = 0; index < 20_000; index += 1) {
    const step = rateStep({ ...rate, storedMilliWh: stored, elapsedMs: 1, restMilliWMs: rest });
    stored = step.storedMilliWh;
    rest = step.restMilliWMs;
  }
  assert.equal(stored, 2_220_000);
});

test("a full battery curtails and an empty one leaves load unserved", () => {
  const full = rateStep({
    capacityMilliWh: 100,
    storedMilliWh: 90,
    rateMilliW: 3_600_000,
    elapsedMs: 20,
    restMilliWMs: 0,
  });
  assert.deepEqual([full.storedMilliWh, full.producedMilliWh, full.curtailedMilliWh], [100, 10, 10]);
  const empty = rateStep({
    ...full,
    capacityMilliWh: 100,
    storedMilliWh: 5,
    rateMilliW: -3_600_000,
    elapsedMs: 20,
  });
  assert.deepEqual([empty.storedMilliWh, empty.consumedMilliWh, empty.unservedMilliWh], [0, 5, 15]);
});

interface Home {
  readonly generates: boolean;
  stored: number;
  state: ThresholdState;
}

test("the source's ten homes trade in cycles 0, 259 and 592, and a day holds 50 household and 25 utility trades", () => {
  const homes = Array.from({ length: 10 }, (_, index): Home => {
    const generates = index % 2 === 1;
    return { generates, stored: generates ? 14_250_000 : 2_250_000, state: thresholdStart };
  });
  const trades: { readonly cycle: number; readonly utility: boolean }[] = [];
  for (let cycle = 0; cycle < 4_320; cycle += 1) {
    for (const home of homes) {
      const rateMilliW = home.generates ? 3_600_000 : -5_400_000;
      const elapsedMs = cycle === 0 ? 0 : 20_000;
      const tank = { capacityMilliWh: options.capacityMilliWh, storedMilliWh: home.stored };
      home.stored = rateStep({ ...tank, rateMilliW, elapsedMs, restMilliWMs: 0 }).storedMilliWh;
    }
    const wish = (home: Home) =>
      thresholdDecision(home.state, { ...quiet, cycle, storedMilliWh: home.stored }, options);
    for (const buyer of homes) {
      const wanted = wish(buyer);
      if (wanted.kind !== "buy") continue;
      const seller = homes.find((home) => home !== buyer && wish(home).kind === "sell");
      const offered = seller === undefined ? undefined : wish(seller);
      const most = offered?.kind === "sell" ? offered.quantityMilliWh : Number.POSITIVE_INFINITY;
      const quantity = Math.min(wanted.quantityMilliWh, most);
      if (seller !== undefined) {
        seller.stored -= quantity;
        seller.state = afterTrade(seller.state, { kind: "sell", cycle }, options);
      }
      buyer.stored += quantity;
      buyer.state = afterTrade(buyer.state, { kind: "buy", cycle }, options);
      trades.push({ cycle, utility: seller === undefined });
    }
  }
  const first = (cycle: number, utility: boolean) =>
    trades.filter((trade) => trade.cycle === cycle && trade.utility === utility).length;
  assert.deepEqual([first(0, false), first(259, true), first(592, false)], [5, 5, 5]);
  assert.equal(trades.filter((trade) => trade.cycle < 259).length, 5);
  assert.equal(trades.filter((trade) => !trade.utility).length, 50);
  assert.equal(trades.filter((trade) => trade.utility).length, 25);
});
