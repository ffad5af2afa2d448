/** E1: what a year costs four communities, alone with the utility, trading their surplus, sharing their batteries. */

import { amountMicro } from "@gridmesh/protocol";
import type { Dataset } from "../data/dataset.ts";
import { ownUse, savingOf, spreadOf } from "../kpi.ts";
import type { OwnUse, Saving, Tariff } from "../kpi.ts";
import { planHour } from "../models/surplus.ts";
import { experimentHomes, guideCommunity, pooledBattery, total } from "./community.ts";
import type { CommunitySetup, ExperimentHome } from "./community.ts";

const MS_PER_S = 1_000;
const RETAIL_MICRO_PER_KWH = 250_000;
const FEED_IN_MICRO_PER_KWH = [0, 50_000, 100_000] as const;

/** Communities that a year is computed for. */
export const costCommunities = {
  guide: guideCommunity,
  "five-sellers": { homes: 10, pvW: (home) => (home % 2 === 0 ? 5_000 : 0), hasBattery: () => false },
  "all-with-battery": { homes: 10, pvW: () => 4_000, hasBattery: () => true },
  "all-without-battery": { homes: 10, pvW: () => 4_000, hasBattery: () => false },
} as const satisfies Record<string, CommunitySetup>;

export type CostCommunity = keyof typeof costCommunities;

export interface CostRow {
  readonly community: CostCommunity;
  readonly tariff: Tariff;
  /** Baseline B, `all-from-utility`. */
  readonly allFromUtilityMicro: number;
  /** Baseline A, `same-assets-utility-only`. */
  readonly sameAssetsMicro: number;
  /** Surplus goes to neighbours in need of it, pro rata, in the same slot. */
  readonly trading: Saving;
  /** All batteries are one. */
  readonly sharedBatteries: Saving;
  readonly tradingAgainstAllFromUtility: Saving;
  /** Saved by a home at a price midway between feed-in and retail, % of its bill in baseline A. */
  readonly homePercent: { readonly least: number; readonly median: number; readonly most: number };
  readonly betweenHomesMilliWh: number;
  readonly use: OwnUse;
}

/** The year of a community slot by slot: energy alone, no price. */
interface Flows {
  readonly loadMilliWh: number;
  readonly productionMilliWh: number;
  readonly homes: readonly HomeFlows[];
  readonly betweenMilliWh: number;
  readonly sharedNeedMilliWh: number;
  readonly sharedSurplusMilliWh: number;
}

interface HomeFlows {
  need: number;
  surplus: number;
  bought: number;
  sold: number;
}

/** A row per community and feed-in (0, 0.05, 0.10 per kWh; retail 0.25); every step of the dataset counts. */
export function costExperiment(
  dataset: Dataset,
  communities: readonly CostCommunity[] = Object.keys(costCommunities) as CostCommunity[],
): readonly CostRow[] {
  return communities.flatMap((community) => {
    const flows = yearOf(experimentHomes(dataset, costCommunities[community]), dataset.stepS * MS_PER_S);
    return FEED_IN_MICRO_PER_KWH.map((feedInMicroPerKWh) =>
      billed(community, flows, { retailMicroPerKWh: RETAIL_MICRO_PER_KWH, feedInMicroPerKWh }),
    );
  });
}

function yearOf(homes: readonly ExperimentHome[], durationMs: number): Flows {
  const flows = homes.map((): HomeFlows => ({ need: 0, surplus: 0, bought: 0, sold: 0 }));
  const stored = new Float64Array(homes.length);
  const steps = homes[0]?.loadMilliWh.length ?? 0;
  let betweenMilliWh = 0;
  for (let step = 0; step < steps; step += 1) {
    const plans = homes.map(({ battery, loadMilliWh, pvMilliWh }, index) => {
      const plan = planHour({
        battery,
        storedMilliWh: stored[index] ?? 0,
        loadMilliWh: loadMilliWh[step] ?? 0,
        pvMilliWh: pvMilliWh[step] ?? 0,
        durationMs,
      });
      stored[index] = plan.storedEndMilliWh;
      return plan;
    });
    const need = plans.reduce((sum, plan) => sum + plan.needMilliWh, 0);
    const surplus = plans.reduce((sum, plan) => sum + plan.surplusMilliWh, 0);
    const traded = Math.min(need, surplus);
    betweenMilliWh += traded;
    flows.forEach((home, index) => {
      const plan = plans[index];
      if (plan === undefined) return;
      home.need += plan.needMilliWh;
      home.surplus += plan.surplusMilliWh;
      if (plan.needMilliWh > 0) home.bought += (plan.needMilliWh * traded) / need;
      if (plan.surplusMilliWh > 0) home.sold += (plan.surplusMilliWh * traded) / surplus;
    });
  }
  const load = total(homes, (home) => home.loadMilliWh);
  const pv = total(homes, (home) => home.pvMilliWh);
  return {
    loadMilliWh: load.reduce((sum, value) => sum + value, 0),
    productionMilliWh: pv.reduce((sum, value) => sum + value, 0),
    homes: flows,
    betweenMilliWh,
    ...sharedYear(homes, { load, pv }, durationMs),
  };
}

/** All batteries as one behind one meter, greedy. */
function sharedYear(
  homes: readonly ExperimentHome[],
  series: { readonly load: Float64Array; readonly pv: Float64Array },
  durationMs: number,
): Pick<Flows, "sharedNeedMilliWh" | "sharedSurplusMilliWh"> {
  const battery = pooledBattery(homes);
  let storedMilliWh = 0;
  let sharedNeedMilliWh = 0;
  let sharedSurplusMilliWh = 0;
  series.load.forEach((loadMilliWh, step) => {
    const pvMilliWh = series.pv[step] ?? 0;
    const plan = planHour({ battery, storedMilliWh, loadMilliWh, pvMilliWh, durationMs });
    storedMilliWh = plan.storedEndMilliWh;
    sharedNeedMilliWh += plan.needMilliWh;
    sharedSurplusMilliWh += plan.surplusMilliWh;
  });
  return { sharedNeedMilliWh, sharedSurplusMilliWh };
}

function billed(community: CostCommunity, flows: Flows, tariff: Tariff): CostRow {
  const { retailMicroPerKWh: retail, feedInMicroPerKWh: feedIn } = tariff;
  const bill = (need: number, surplus: number): number =>
    amountMicro(Math.round(need), retail) - amountMicro(Math.round(surplus), feedIn);
  const need = flows.homes.reduce((sum, home) => sum + home.need, 0);
  const surplus = flows.homes.reduce((sum, home) => sum + home.surplus, 0);
  const sameAssetsMicro = bill(need, surplus);
  const allFromUtilityMicro = bill(flows.loadMilliWh, 0);
  const tradingMicro = bill(need - flows.betweenMilliWh, surplus - flows.betweenMilliWh);
  const importMilliWh = need - flows.betweenMilliWh;
  return {
    community,
    tariff,
    allFromUtilityMicro,
    sameAssetsMicro,
    trading: savingOf("same-assets-utility-only", sameAssetsMicro, tradingMicro),
    sharedBatteries: savingOf(
      "same-assets-utility-only",
      sameAssetsMicro,
      bill(flows.sharedNeedMilliWh, flows.sharedSurplusMilliWh),
    ),
    tradingAgainstAllFromUtility: savingOf("all-from-utility", allFromUtilityMicro, tradingMicro),
    homePercent: homePercent(flows.homes, (retail + feedIn) / 2, tariff),
    betweenHomesMilliWh: flows.betweenMilliWh,
    use: ownUse({
      loadMilliWh: flows.loadMilliWh,
      productionMilliWh: flows.productionMilliWh,
      importMilliWh,
    }),
  };
}

function homePercent(
  homes: readonly HomeFlows[],
  priceMicroPerKWh: number,
  tariff: Tariff,
): CostRow["homePercent"] {
  const saved = homes.map((home) => {
    const alone = home.need * tariff.retailMicroPerKWh - home.surplus * tariff.feedInMicroPerKWh;
    const gained =
      home.bought * (tariff.retailMicroPerKWh - priceMicroPerKWh) +
      home.sold * (priceMicroPerKWh - tariff.feedInMicroPerKWh);
    return (100 * gained) / Math.abs(alone);
  });
  const { least, median } = spreadOf(saved) ?? { least: 0, median: 0 };
  return { least, median, most: Math.max(...saved) };
}
