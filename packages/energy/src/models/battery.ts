/** A home's battery in integer mWh: what goes in, what comes out, and where the difference went. */

import { ceilMulDiv, checkInteger, floorMulDiv, HOUR_MS, PPM } from "../units.ts";

const MAX_MILLI = 1_000_000_000_000;

export interface Battery {
  readonly capacityMilliWh: number;
  /** Not discharged below this, mWh. */
  readonly reserveMilliWh: number;
  /** Largest power at the terminals, both ways, mW. */
  readonly maxMilliW: number;
  readonly etaChargePpm: number;
  readonly etaDischargePpm: number;
  /** Of what is stored, lost in an hour of rest. */
  readonly selfDischargePpmPerH: number;
  /** What a stored or drawn kWh costs in ageing: plans count it, no bill does. */
  readonly wearMicroPerKWh: number;
}

export interface BatteryFlow {
  readonly storedMilliWh: number;
  /** At the terminals, mWh ≥ 0: taken in when charging, given out when discharging. */
  readonly movedMilliWh: number;
  readonly lossMilliWh: number;
}

/** A round trip of 90 %, half of the loss each way. */
export const defaultEtaPpm = 948_700;

const MAX_MICRO_PER_KWH = 1_000_000_000;

/** Fills in what is left out and checks the ranges. @throws AMOUNT_INVALID. */
export function createBattery(
  fields: Pick<Battery, "capacityMilliWh" | "reserveMilliWh" | "maxMilliW"> & Partial<Battery>,
): Battery {
  const capacityMilliWh = checkInteger("capacityMilliWh", fields.capacityMilliWh, [0, MAX_MILLI]);
  return {
    capacityMilliWh,
    reserveMilliWh: checkInteger("reserveMilliWh", fields.reserveMilliWh, [0, capacityMilliWh]),
    maxMilliW: checkInteger("maxMilliW", fields.maxMilliW, [0, MAX_MILLI]),
    etaChargePpm: checkInteger("etaChargePpm", fields.etaChargePpm ?? defaultEtaPpm, [1, PPM]),
    etaDischargePpm: checkInteger("etaDischargePpm", fields.etaDischargePpm ?? defaultEtaPpm, [1, PPM]),
    selfDischargePpmPerH: checkInteger("selfDischargePpmPerH", fields.selfDischargePpmPerH ?? 0, [
      0,
      PPM - 1,
    ]),
    wearMicroPerKWh: checkInteger("wearMicroPerKWh", fields.wearMicroPerKWh ?? 0, [0, MAX_MICRO_PER_KWH]),
  };
}

/** A home without storage. */
export const noBattery: Battery = {
  capacityMilliWh: 0,
  reserveMilliWh: 0,
  maxMilliW: 0,
  etaChargePpm: PPM,
  etaDischargePpm: PPM,
  selfDischargePpmPerH: 0,
  wearMicroPerKWh: 0,
};

/** The share of what is stored that is left after `durationMs` of rest. */
export function keptShare(battery: Battery, durationMs: number): number {
  return battery.selfDischargePpmPerH === 0
    ? 1
    : (1 - battery.selfDischargePpmPerH / PPM) ** (durationMs / HOUR_MS);
}

/** Takes as much of `offeredMilliWh` as power and room allow; c at the terminals stores ⌊c·η⌋. */
export function chargeBattery(
  battery: Battery,
  storedMilliWh: number,
  offer: { readonly offeredMilliWh: number; readonly durationMs: number },
): BatteryFlow {
  const room = Math.max(0, battery.capacityMilliWh - storedMilliWh);
  const fills = ceilMulDiv(room, PPM, battery.etaChargePpm);
  const power = floorMulDiv(battery.maxMilliW, offer.durationMs, HOUR_MS);
  const moved = Math.max(0, Math.min(offer.offeredMilliWh, power, fills));
  const gained = floorMulDiv(moved, battery.etaChargePpm, PPM);
  return { storedMilliWh: storedMilliWh + gained, movedMilliWh: moved, lossMilliWh: moved - gained };
}

/** Gives as much of `wantedMilliWh` as power and reserve allow; d at the terminals draws ⌈d/η⌉. */
export function dischargeBattery(
  battery: Battery,
  storedMilliWh: number,
  demand: { readonly wantedMilliWh: number; readonly durationMs: number },
): BatteryFlow {
  const free = Math.max(0, storedMilliWh - battery.reserveMilliWh);
  const gives = floorMulDiv(free, battery.etaDischargePpm, PPM);
  const power = floorMulDiv(battery.maxMilliW, demand.durationMs, HOUR_MS);
  const moved = Math.max(0, Math.min(demand.wantedMilliWh, power, gives));
  const drawn = ceilMulDiv(moved, PPM, battery.etaDischargePpm);
  return { storedMilliWh: storedMilliWh - drawn, movedMilliWh: moved, lossMilliWh: drawn - moved };
}
