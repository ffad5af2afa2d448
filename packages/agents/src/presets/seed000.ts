/**
 * The source's own community, literally: odd homes begin at 15 % of 15 kWh and consume, even ones at 95 % and generate;
 * below 30 % a lot of 10 kWh is bought, above 70 % one is offered; the utility answers at 0.25.
 */

import type { JsonObject } from "@gridmesh/protocol";
import { type PresetOptions, roster, type TestnetPlan } from "./plan.ts";

const AREA = "neighbourhood";
const CYCLE_MS = 20_000;
const RETAIL = 250_000;
const FEED_IN = 50_000;
/** Any day: nothing here depends on the sun. */
const MARKET_START_MS = Date.UTC(2026, 0, 1);

export function seed000(options: PresetOptions): TestnetPlan {
  const cycle: JsonObject = { area: AREA, cycleMs: CYCLE_MS, delivery: "instant", openLedger: true };
  return {
    preset: "seed000",
    area: AREA,
    currency: "USD",
    nodes: roster({
      utility: {
        ...cycle,
        offerWh: 500_000,
        askMicroPerKWh: RETAIL,
        feedInMicroPerKWh: FEED_IN,
        collectEveryS: 300,
      },
      household: (n) => ({
        ...cycle,
        strategy: "threshold",
        model: "rate",
        capacityWh: 15_000,
        stateOfChargePercent: n % 2 === 0 ? 95 : 15,
        rateWhPerCycle: n % 2 === 0 ? 20 : -30,
        // A seller keeps enough not to become a buyer: 4.2 kWh.
        reservePermille: 280,
        buyBelowPermille: 300,
        sellAbovePermille: 700,
        lotWh: 10_000,
        askMicroPerKWh: 150_000,
        searchWindowMs: 1_000,
        // The Guide's own words: search, order.
        becknProfile: "beckn/1",
        coolingCycles: 15,
      }),
      reporter: { everyS: 120 },
    }),
    cycles: options.cycles ?? 20,
    cycleMs: CYCLE_MS,
    speed: options.speed ?? 10,
    marketStartMs: MARKET_START_MS,
    data: { source: "preset", day: null },
    tariff: { retailMicroPerKWh: RETAIL, feedInMicroPerKWh: FEED_IN },
  };
}
