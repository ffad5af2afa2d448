import assert from "node:assert/strict";
import { test } from "node:test";
import {
  auditBooks,
  communityDay,
  type CommunityDay,
  createGenerator,
  ledgerTotals,
  planHour,
} from "@gridmesh/energy";
import { TestBooks } from "./books.ts";
import { communityYear, rules, tariff, tenHomes } from "./neighbourhood.ts";
import { cityLearn, withoutCityLearn } from "./outside-data.ts";

const DAY = "2017-07-12";

test(
  "the undisturbed day of ten measured homes is the reference's, figure by figure",
  { skip: withoutCityLearn },
  () => {
    const day = communityDay(tenHomes(cityLearn().homes, DAY), rules);
    const between = day.trades.filter((trade) => trade.seller !== null);
    assert.equal(kWh(day.loadMilliWh), "339.3");
    assert.equal(kWh(day.productionMilliWh), "217.6");
    assert.equal(day.trades.length, 187);
    assert.equal(between.length, 56);
    assert.equal(kWh(day.betweenHomesMilliWh, 2), "54.71");
    assert.deepEqual(
      [Math.min(...between.map(({ hour }) => hour)), Math.max(...between.map(({ hour }) => hour))],
      [8, 17],
    );
    assert.equal(kWh(day.fromUtilityMilliWh), "160.2");
    assert.equal(kWh(day.fedInMilliWh, 2), "35.77");
    assert.equal(usd(day.volumeMicro), "48.39");
    assert.equal(usd(day.saving.baselineMicro), "49.20");
    assert.equal(usd(day.saving.actualMicro), "38.26");
    assert.equal(day.saving.savedPercent, 22.2);
    assert.equal(day.kpi.selfSufficiencyPercent, 52.8);
    assert.equal(day.kpi.selfConsumptionPercent, 82.3);
  },
);

test(
  "the days of July among the measured homes have 175 to 210 trades and save 9 to 36 %",
  { skip: withoutCityLearn },
  () => {
    const days = Array.from({ length: 30 }, (_, index) =>
      communityDay(tenHomes(cityLearn().homes, `2017-07-${String(index + 1).padStart(2, "0")}`), rules),
    );
    for (const { trades, saving } of days) {
      assert.equal(trades.length >= 175 && trades.length <= 210, true, `${trades.length} trades`);
      assert.equal((saving.savedPercent ?? 0) >= 9 && (saving.savedPercent ?? 0) < 36, true);
    }
  },
);

test("the generated neighbourhood of seed 1 trades and saves on the default day", () => {
  const day = communityDay(tenHomes(createGenerator(1), DAY), rules);
  assert.equal(day.trades.length, 194);
  assert.equal(day.trades.filter((trade) => trade.seller !== null).length, 49);
  assert.equal(usd(day.saving.baselineMicro), "45.92");
  assert.equal(usd(day.saving.actualMicro), "37.15");
  assert.equal(day.saving.savedPercent, 19.1);
});

test("on the default day every seed from 1 to 10 gives at least 50 trades and a saving, and every odd home buys", () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const day = communityDay(tenHomes(createGenerator(seed), DAY), rules);
    assert.equal(day.trades.length >= 50, true, `seed ${seed}: ${day.trades.length} trades`);
    assert.equal(day.saving.savedMicro > 0, true, `seed ${seed}`);
    for (const home of day.homes)
      assert.equal(home.home % 2 === 0 || home.boughtMilliWh > 0, true, `seed ${seed}`);
  }
});

test("a trade takes money from one home and gives the same to another; energy adds up over the day", () => {
  for (const day of communityYear(createGenerator(3), "2016-09-10", 5)) {
    const paid = day.homes.reduce((sum, home) => sum + home.paidMicro, 0);
    const received = day.homes.reduce((sum, home) => sum + home.receivedMicro, 0);
    const utility = day.trades
      .filter((trade) => trade.seller === null)
      .reduce((sum, trade) => sum + trade.amountMicro, 0);
    assert.equal(paid, received + utility);
    const drawn = day.homes.reduce((sum, home) => sum + home.drawnMilliWh, 0);
    const imported = day.fromUtilityMilliWh + drawn;
    assert.equal(day.kpi.ownUseMilliWh, day.loadMilliWh - imported);
    for (const home of day.homes) {
      assert.equal(home.soldMilliWh === 0 || home.receivedMicro > 0, true);
      assert.equal(home.saving.savedMicro >= -1_000, true, `home ${home.home} loses by trading`);
    }
  }
});

test("nobody pays more than the limit, sells below the least trade, or buys from himself", () => {
  const day = communityDay(tenHomes(createGenerator(2), DAY), { ...rules, maxBuyMicroPerKWh: 150_000 });
  const homesTrades = day.trades.filter((trade) => trade.seller !== null);
  assert.equal(homesTrades.length > 0, true);
  for (const trade of homesTrades) {
    assert.equal(trade.priceMicroPerKWh <= 150_000, true);
    assert.equal(trade.quantityMilliWh >= rules.minTradeMilliWh, true);
    assert.notEqual(trade.seller, trade.buyer);
  }
});

test("a report read off the ledgers of that day says what the match says", () => {
  const homes = tenHomes(createGenerator(1), DAY);
  const day = communityDay(homes, rules);
  const books = writtenBooks(homes, day);
  const audit = auditBooks(books);
  assert.deepEqual(audit.differences, []);
  assert.deepEqual([audit.conservationErrorMilliWh, audit.conservationErrorMicro], [0, 0]);
  const totals = ledgerTotals(books, { operators: new Set(["utility"]), tariff });
  assert.equal(totals.confirmed, day.trades.length);
  assert.equal(totals.fromHouseholdsMilliWh, day.betweenHomesMilliWh);
  assert.equal(totals.fromUtilityMilliWh, day.fromUtilityMilliWh);
  assert.equal(totals.fedInMilliWh, day.fedInMilliWh);
  assert.equal(totals.loadMilliWh, day.loadMilliWh);
  assert.equal(totals.productionMilliWh, day.productionMilliWh);
  assert.equal(totals.volumeMicro, day.volumeMicro);
  assert.deepEqual(totals.saving, day.saving);
  assert.deepEqual(totals.kpi, day.kpi);
  for (const home of day.homes) {
    const row = totals.households.find((candidate) => candidate.agentId === agentOf(home.home));
    assert.deepEqual(row?.saving, home.saving);
    const { boughtMilliWh, soldMilliWh, paidMicro, receivedMicro, drawnMilliWh, fedInMilliWh, billMicro } =
      home;
    const expected = {
      boughtMilliWh,
      soldMilliWh,
      paidMicro,
      receivedMicro,
      drawnMilliWh,
      fedInMilliWh,
      billMicro,
    };
    assert.deepEqual({ ...row, ...expected }, { ...row });
  }
});

/** The day as the daemons' journals would hold it, hour by hour. */
function writtenBooks(homes: ReturnType<typeof tenHomes>, day: CommunityDay): ReturnType<TestBooks["all"]> {
  const books = new TestBooks();
  books.open("utility", { moneyMicro: 0, energyMilliWh: 1_000_000_000, capacityMilliWh: 2_000_000_000 });
  for (const { home, storedMilliWh, battery } of homes) {
    const { capacityMilliWh } = battery;
    books.open(agentOf(home), { moneyMicro: 100_000_000, energyMilliWh: storedMilliWh, capacityMilliWh });
  }
  const stored = new Map(homes.map(({ home, storedMilliWh }) => [home, storedMilliWh]));
  for (let hour = 0; hour < 24; hour += 1) {
    const slotId = `city/${hour * 3_600}/3600`;
    const trades = day.trades.filter((trade) => trade.hour === hour);
    for (const { home, series } of homes) books.produce(agentOf(home), slotId, series.pvMilliWh[hour] ?? 0);
    for (const trade of trades) {
      const { quantityMilliWh, priceMicroPerKWh } = trade;
      const seller = trade.seller === null ? "utility" : agentOf(trade.seller);
      books.trade({ buyer: agentOf(trade.buyer), seller, slotId, quantityMilliWh, priceMicroPerKWh });
    }
    for (const { home, battery, series } of homes) {
      const storedMilliWh = stored.get(home) ?? 0;
      const loadMilliWh = series.loadMilliWh[hour] ?? 0;
      const plan = planHour({ battery, storedMilliWh, loadMilliWh, pvMilliWh: series.pvMilliWh[hour] ?? 0 });
      stored.set(home, plan.storedEndMilliWh);
      const bought = sum(trades.filter((trade) => trade.buyer === home));
      const sold = sum(trades.filter((trade) => trade.seller === home));
      const open = plan.needMilliWh - bought - (plan.surplusMilliWh - sold);
      const price = open > 0 ? tariff.retailMicroPerKWh : tariff.feedInMicroPerKWh;
      if (open !== 0) books.settle(agentOf(home), "utility", { slotId, quantityMilliWh: open, price });
      books.lose(agentOf(home), slotId, plan.lossMilliWh);
      books.consume(agentOf(home), slotId, loadMilliWh);
      assert.equal(books.book(agentOf(home)).energy["available"] ?? 0, plan.storedEndMilliWh);
    }
  }
  return books.all();
}

function sum(trades: readonly { readonly quantityMilliWh: number }[]): number {
  return trades.reduce((total, trade) => total + trade.quantityMilliWh, 0);
}

function agentOf(home: number): string {
  return `home-${home}`;
}

function kWh(milliWh: number, digits = 1): string {
  return (milliWh / 1_000_000).toFixed(digits);
}

function usd(micro: number): string {
  return (micro / 1_000_000).toFixed(2);
}
