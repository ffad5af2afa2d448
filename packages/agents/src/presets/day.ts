/**
 * One day of a neighbourhood of ten homes: those with an even number have PV and a battery, the others only consume.
 * One cycle is one market hour, which takes two seconds.
 */

import { dayStartS, daysOf } from "@gridmesh/energy";
import { type JsonObject, ProtocolError } from "@gridmesh/protocol";
import { openHomes } from "../homes.ts";
import { type PresetOptions, roster, type TestnetPlan } from "./plan.ts";

const AREA = "neighbourhood";
const HOUR_MS = 3_600_000;
const SIX_HOURS_S = 21_600;
/** A summer Wednesday with sun and clouds. */
const DEFAULT_DAY = "2017-07-12";
const RETAIL = 250_000;
const FEED_IN = 50_000;

/** @throws CONFIG_INVALID for a folder without data; INVALID_PARAMS for a day it does not hold. */
export function day(options: PresetOptions): TestnetPlan {
  const seed = options.seed ?? 1;
  const date = options.day ?? DEFAULT_DAY;
  const dataset = openHomes({ data: options.data, seed, whole: true });
  const { first, last } = daysOf(dataset);
  const startS = dayStartS(date);
  if (date < first || date > last) {
    throw new ProtocolError("INVALID_PARAMS", `${dataset.name} holds ${first} … ${last}, not ${date}`);
  }
  const source: JsonObject =
    options.data === undefined ? { model: "generator", seed } : { model: "series", data: options.data };
  const cycle = { area: AREA, cycleMs: HOUR_MS, delivery: "slot", openLedger: true };
  return {
    preset: "day",
    area: AREA,
    currency: "USD",
    nodes: roster({
      utility: {
        ...cycle,
        askMicroPerKWh: RETAIL,
        feedInMicroPerKWh: FEED_IN,
        imbalancePermille: 0,
        collectEveryS: SIX_HOURS_S,
      },
      household: (n) => ({ ...cycle, ...source, ...assets(n), ...trading(n), home: n, day: date }),
      reporter: { everyS: SIX_HOURS_S },
    }),
    cycles: options.cycles ?? 24,
    cycleMs: HOUR_MS,
    speed: options.speed ?? 1_800,
    marketStartMs: startS * 1_000,
    data: { source: dataset.name, day: date },
    tariff: { retailMicroPerKWh: RETAIL, feedInMicroPerKWh: FEED_IN },
  };
}

function assets(n: number): JsonObject {
  return n % 2 === 0
    ? { pvW: 8_000, capacityWh: 6_400, maxW: 5_000, stateOfChargePercent: 20, reservePermille: 200 }
    : { pvW: 0, capacityWh: 0, stateOfChargePercent: 0, reservePermille: 0 };
}

function trading(n: number): JsonObject {
  return {
    strategy: "surplus",
    askMicroPerKWh: 100_000 + 10_000 * n,
    maxBuyMicroPerKWh: 300_000,
    minTradeWh: 10,
    searchWindowMs: 1_000,
    // The Guide's own words: search, order.
    becknProfile: "beckn/1",
    coolingCycles: 0,
  };
}
