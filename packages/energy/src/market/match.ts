/**
 * The neighbourhood's day as it goes when no message is lost: what a run of real nodes is measured against. Each hour
 * every home uses its own PV and battery; what is left over is on offer, what is missing is bought from the cheapest.
 */

import { amountMicro } from "@gridmesh/protocol";
import type { DaySeries } from "../data/dataset.ts";
import { allFromUtilityBillMicro, ownUse, sameAssetsBillMicro, savingOf } from "../kpi.ts";
import type { OwnUse, Saving, SlotBalance, Tariff } from "../kpi.ts";
import type { Battery } from "../models/battery.ts";
import { planHour } from "../models/surplus.ts";

export interface CommunityHome {
  readonly home: number;
  readonly battery: Battery;
  readonly storedMilliWh: number;
  readonly askMicroPerKWh: number;
  readonly series: DaySeries;
}

export interface CommunityTrade {
  readonly hour: number;
  readonly buyer: number;
  /** null: the utility. */
  readonly seller: number | null;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly amountMicro: number;
}

export interface CommunityRules extends Tariff {
  /** Nobody buys or offers less at a time, mWh. */
  readonly minTradeMilliWh: number;
  /** Buyers take no dearer offer; default the retail price. */
  readonly maxBuyMicroPerKWh?: number;
}

export interface HomeDay {
  readonly home: number;
  readonly boughtMilliWh: number;
  readonly soldMilliWh: number;
  readonly paidMicro: number;
  readonly receivedMicro: number;
  /** Settled with the utility without a contract. */
  readonly drawnMilliWh: number;
  readonly fedInMilliWh: number;
  /** All paid less all received, the settled rest with it. */
  readonly billMicro: number;
  readonly saving: Saving;
  readonly storedEndMilliWh: number;
}

export interface CommunityDay {
  readonly trades: readonly CommunityTrade[];
  readonly homes: readonly HomeDay[];
  readonly loadMilliWh: number;
  readonly productionMilliWh: number;
  readonly betweenHomesMilliWh: number;
  /** Under contract with the utility; what was drawn beside contracts is not in it. */
  readonly fromUtilityMilliWh: number;
  readonly fedInMilliWh: number;
  readonly volumeMicro: number;
  readonly saving: Saving;
  readonly allFromUtilityMicro: number;
  readonly kpi: OwnUse;
}

interface Account {
  readonly home: CommunityHome;
  stored: number;
  readonly slots: SlotBalance[];
  bought: number;
  sold: number;
  paid: number;
  received: number;
  drawn: number;
  fedIn: number;
  settledMicro: number;
}

interface Ask {
  readonly account: Account;
  left: number;
}

/** Runs the 24 hours. In each the homes buy one after another, the last number first. */
export function communityDay(homes: readonly CommunityHome[], rules: CommunityRules): CommunityDay {
  const accounts = homes.map(openAccount).sort((a, b) => a.home.home - b.home.home);
  const trades: CommunityTrade[] = [];
  const hours = Math.max(0, ...homes.map((home) => home.series.loadMilliWh.length));
  for (let hour = 0; hour < hours; hour += 1) trades.push(...runHour(accounts, hour, rules));
  return summary(accounts, trades, rules);
}

function openAccount(home: CommunityHome): Account {
  const nothing = { bought: 0, sold: 0, paid: 0, received: 0, drawn: 0, fedIn: 0, settledMicro: 0 };
  return { home, stored: home.storedMilliWh, slots: [], ...nothing };
}

function runHour(accounts: readonly Account[], hour: number, rules: CommunityRules): CommunityTrade[] {
  const asks: Ask[] = [];
  const needs: { readonly account: Account; readonly needMilliWh: number }[] = [];
  for (const account of accounts) {
    const plan = planHour({
      battery: account.home.battery,
      storedMilliWh: account.stored,
      loadMilliWh: account.home.series.loadMilliWh[hour] ?? 0,
      pvMilliWh: account.home.series.pvMilliWh[hour] ?? 0,
    });
    account.stored = plan.storedEndMilliWh;
    account.slots.push(plan);
    asks.push({ account, left: plan.surplusMilliWh });
    if (plan.needMilliWh > 0) needs.unshift({ account, needMilliWh: plan.needMilliWh });
  }
  const limit = rules.maxBuyMicroPerKWh ?? rules.retailMicroPerKWh;
  const ranked = asks
    .filter((ask) => ask.left >= rules.minTradeMilliWh && ask.account.home.askMicroPerKWh <= limit)
    .sort((a, b) => a.account.home.askMicroPerKWh - b.account.home.askMicroPerKWh);
  const trades = needs.flatMap(({ account, needMilliWh }) =>
    serve(account, { hour, needMilliWh, ranked }, rules),
  );
  for (const { account, left } of asks) settle(account, { fedIn: left, drawn: 0 }, rules);
  return trades;
}

/** Cheapest first, what one lacks from the next, the rest from the utility. */
function serve(
  buyer: Account,
  wanted: { readonly hour: number; readonly needMilliWh: number; readonly ranked: readonly Ask[] },
  rules: CommunityRules,
): CommunityTrade[] {
  const trades: CommunityTrade[] = [];
  let need = wanted.needMilliWh;
  const take = (seller: number | null, quantityMilliWh: number, priceMicroPerKWh: number): number => {
    const amount = amountMicro(quantityMilliWh, priceMicroPerKWh);
    trades.push({
      hour: wanted.hour,
      buyer: buyer.home.home,
      seller,
      quantityMilliWh,
      priceMicroPerKWh,
      amountMicro: amount,
    });
    need -= quantityMilliWh;
    buyer.bought += quantityMilliWh;
    buyer.paid += amount;
    return amount;
  };
  for (const ask of wanted.ranked) {
    const quantity = Math.min(need, ask.left);
    if (ask.account === buyer || quantity < Math.max(1, rules.minTradeMilliWh)) continue;
    ask.left -= quantity;
    ask.account.sold += quantity;
    ask.account.received += take(ask.account.home.home, quantity, ask.account.home.askMicroPerKWh);
  }
  if (need >= Math.max(1, rules.minTradeMilliWh)) take(null, need, rules.retailMicroPerKWh);
  settle(buyer, { fedIn: 0, drawn: need }, rules);
  return trades;
}

/** What no contract covers: retail for what was drawn, feed-in for what was given. */
function settle(
  account: Account,
  rest: { readonly fedIn: number; readonly drawn: number },
  tariff: Tariff,
): void {
  account.drawn += rest.drawn;
  account.fedIn += rest.fedIn;
  account.settledMicro += amountMicro(rest.drawn, tariff.retailMicroPerKWh);
  account.settledMicro -= amountMicro(rest.fedIn, tariff.feedInMicroPerKWh);
}

function summary(
  accounts: readonly Account[],
  trades: readonly CommunityTrade[],
  tariff: Tariff,
): CommunityDay {
  const total = (of: (account: Account) => number): number =>
    accounts.reduce((sum, account) => sum + of(account), 0);
  const quantity = (from: (trade: CommunityTrade) => boolean): number =>
    trades.filter(from).reduce((sum, trade) => sum + trade.quantityMilliWh, 0);
  const homes = accounts.map((account) => homeDay(account, tariff));
  const loads = accounts.flatMap((account) => account.home.series.loadMilliWh);
  const loadMilliWh = loads.reduce((sum, load) => sum + load, 0);
  const productionMilliWh = total((account) =>
    account.home.series.pvMilliWh.reduce((sum, pv) => sum + pv, 0),
  );
  const fromUtilityMilliWh = quantity((trade) => trade.seller === null);
  const importMilliWh = fromUtilityMilliWh + total((account) => account.drawn);
  const baseline = homes.reduce((sum, home) => sum + home.saving.baselineMicro, 0);
  const bill = homes.reduce((sum, home) => sum + home.billMicro, 0);
  return {
    trades,
    homes,
    loadMilliWh,
    productionMilliWh,
    betweenHomesMilliWh: quantity((trade) => trade.seller !== null),
    fromUtilityMilliWh,
    fedInMilliWh: total((account) => account.fedIn),
    volumeMicro: trades.reduce((sum, trade) => sum + trade.amountMicro, 0),
    saving: savingOf("same-assets-utility-only", baseline, bill),
    allFromUtilityMicro: allFromUtilityBillMicro(loads, tariff),
    kpi: ownUse({ loadMilliWh, productionMilliWh, importMilliWh }),
  };
}

function homeDay(account: Account, tariff: Tariff): HomeDay {
  const billMicro = account.paid - account.received + account.settledMicro;
  const baseline = sameAssetsBillMicro(account.slots, tariff);
  return {
    home: account.home.home,
    boughtMilliWh: account.bought,
    soldMilliWh: account.sold,
    paidMicro: account.paid,
    receivedMicro: account.received,
    drawnMilliWh: account.drawn,
    fedInMilliWh: account.fedIn,
    billMicro,
    saving: savingOf("same-assets-utility-only", baseline, billMicro),
    storedEndMilliWh: account.stored,
  };
}
