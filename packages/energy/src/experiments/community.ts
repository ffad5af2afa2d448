/** Homes of a dataset as an experiment sets them up: whose PV has which size, who has a battery. */

import type { Dataset } from "../data/dataset.ts";
import { ProtocolError } from "@gridmesh/protocol";
import { createBattery, noBattery } from "../models/battery.ts";
import type { Battery } from "../models/battery.ts";

/** Which home gets what; the numbers count from 1. */
export interface CommunitySetup {
  readonly homes: number;
  /** Watts of PV of a home; null: as measured. */
  pvW(home: number): number | null;
  hasBattery(home: number): boolean;
}

export interface ExperimentHome {
  readonly home: number;
  readonly loadMilliWh: Float64Array;
  readonly pvMilliWh: Float64Array;
  readonly battery: Battery;
}

/** The battery of every experiment: 6.4 kWh, 5 kW, no reserve, 90 % round trip. */
const homeBattery: Battery = createBattery({
  capacityMilliWh: 6_400_000,
  reserveMilliWh: 0,
  maxMilliW: 5_000_000,
});

/** Series of whole steps for every home. @throws INVALID_PARAMS when a home or the size of its PV is not known. */
export function experimentHomes(dataset: Dataset, setup: CommunitySetup): readonly ExperimentHome[] {
  return Array.from({ length: setup.homes }, (_, index) => {
    const home = index + 1;
    const year = dataset.home(home);
    return {
      home,
      loadMilliWh: year.loadMilliWh,
      pvMilliWh: scaled(year.pvMilliWh, { home, ratedPvW: year.ratedPvW, wantedW: setup.pvW(home) }),
      battery: setup.hasBattery(home) ? homeBattery : noBattery,
    };
  });
}

function scaled(
  pvMilliWh: Float64Array,
  size: { readonly home: number; readonly ratedPvW: number | null; readonly wantedW: number | null },
): Float64Array {
  const { home, ratedPvW, wantedW } = size;
  if (wantedW === null || wantedW === ratedPvW) return pvMilliWh;
  if (wantedW === 0) return new Float64Array(pvMilliWh.length);
  if (ratedPvW === null || ratedPvW === 0) {
    throw new ProtocolError(
      "INVALID_PARAMS",
      `home ${home}: PV of unknown size cannot be scaled to ${wantedW} W`,
    );
  }
  return pvMilliWh.map((value) => Math.round((value * wantedW) / ratedPvW));
}

/** So many batteries as one. */
export function pooledBattery(homes: readonly ExperimentHome[]): Battery {
  const sum = (of: (battery: Battery) => number): number =>
    homes.reduce((total, { battery }) => total + of(battery), 0);
  return {
    ...homeBattery,
    capacityMilliWh: sum((battery) => battery.capacityMilliWh),
    maxMilliW: sum((battery) => battery.maxMilliW),
  };
}

/** Sum of the homes' series, step by step. */
export function total(
  homes: readonly ExperimentHome[],
  of: (home: ExperimentHome) => Float64Array,
): Float64Array {
  const sum = new Float64Array(homes[0]?.loadMilliWh.length ?? 0);
  for (const home of homes) {
    of(home).forEach((value, step) => {
      sum[step] = (sum[step] ?? 0) + value;
    });
  }
  return sum;
}

/** The Guide's community: ten homes, the even ones with 8 kW of PV and a battery. */
export const guideCommunity: CommunitySetup = {
  homes: 10,
  pvW: (home) => (home % 2 === 0 ? 8_000 : 0),
  hasBattery: (home) => home % 2 === 0,
};
