/** The community of the testnet's day: ten homes, the even ones with 8 kW of PV and a battery. */

import {
  type CommunityDay,
  communityDay,
  type CommunityHome,
  createBattery,
  type Dataset,
  homeSeries,
  nextDay,
  noBattery,
} from "@gridmesh/energy";

export const tariff = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 } as const;
export const rules = { ...tariff, minTradeMilliWh: 10_000, maxBuyMicroPerKWh: 300_000 } as const;

const RESERVE_MILLI_WH = 1_280_000;

/** The ten homes on a day; `stored` says what is in a battery at midnight, the reserve where it says nothing. */
export function tenHomes(
  dataset: Dataset,
  day: string,
  stored: ReadonlyMap<number, number> = new Map(),
): readonly CommunityHome[] {
  const battery = createBattery({
    capacityMilliWh: 6_400_000,
    reserveMilliWh: RESERVE_MILLI_WH,
    maxMilliW: 5_000_000,
  });
  return Array.from({ length: 10 }, (_, index) => {
    const home = index + 1;
    const even = home % 2 === 0;
    return {
      home,
      battery: even ? battery : noBattery,
      storedMilliWh: even ? (stored.get(home) ?? RESERVE_MILLI_WH) : 0,
      askMicroPerKWh: 100_000 + 10_000 * home,
      series: homeSeries(dataset, { home, day, pvW: even ? 8_000 : 0 }),
    };
  });
}

/** A year day by day, batteries carried over midnight. */
export function communityYear(dataset: Dataset, from: string, days: number): readonly CommunityDay[] {
  const results: CommunityDay[] = [];
  let stored = new Map<number, number>();
  let day = from;
  for (let count = 0; count < days; count += 1) {
    const result = communityDay(tenHomes(dataset, day, stored), rules);
    stored = new Map(result.homes.map((home) => [home.home, home.storedEndMilliWh]));
    results.push(result);
    day = nextDay(dataset, day);
  }
  return results;
}
