/** What meters may say, and what it makes of what was sold: readings in a chain, a feeder that adds up, sun that shone. */

import {
  amountMicro,
  canonicalBytes,
  MAX_MILLI_WH,
  parseSlotId,
  ProtocolError,
  sha256,
  toHex,
} from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";
import { shareMeter } from "./settlement.ts";

/** Signed by the meter's own key. */
export interface MeterReading {
  readonly meter_id: string;
  readonly slot: string;
  readonly importMilliWh: number;
  readonly exportMilliWh: number;
  readonly pvMilliWh: number;
  /** From 1. */
  readonly seq: number;
  /** readingHash of the one before; 64 zeros of the first. */
  readonly prev_hash: string;
}

const NO_READING = "0".repeat(64);

/** sha256 of the canonical form, hex. */
export function readingHash(reading: MeterReading): string {
  return toHex(sha256(canonicalBytes(reading)));
}

/**
 * Checks that a reading follows the one before, or is a first one.
 * @throws METER_INVALID for another meter, a gap, an overlap, time or numbers that run back, a broken chain;
 * AMOUNT_INVALID, SLOT_INVALID.
 */
export function checkReading(reading: MeterReading, before?: MeterReading): void {
  for (const name of ["importMilliWh", "exportMilliWh", "pvMilliWh"] as const)
    checkInteger(name, reading[name], [0, MAX_MILLI_WH]);
  const { startS } = parseSlotId(reading.slot);
  const invalid = (why: string): never => {
    throw new ProtocolError("METER_INVALID", `meter ${reading.meter_id}, reading ${reading.seq}: ${why}`);
  };
  if (before === undefined) {
    if (reading.seq !== 1 || reading.prev_hash !== NO_READING) invalid("the first is missing");
    return;
  }
  const last = parseSlotId(before.slot);
  const endS = last.startS + last.durationS;
  if (reading.meter_id !== before.meter_id) invalid("of another meter");
  if (startS <= last.startS) invalid("time runs back");
  if (startS < endS) invalid("overlaps the one before");
  if (startS > endS || reading.seq > before.seq + 1) invalid("a gap after the one before");
  if (reading.seq !== before.seq + 1) invalid("numbers run back");
  if (reading.prev_hash !== readingHash(before)) invalid("it is not chained to the one before");
}

const PERMILLE = 1_000;
const FEEDER_PERMILLE = 20;

/** Whether the meters of a feeder add up to its head within 2 %: a false one shows only here. mWh, import less export. */
export function isFeederPlausible(
  readings: readonly Pick<MeterReading, "importMilliWh" | "exportMilliWh">[],
  head: Pick<MeterReading, "importMilliWh" | "exportMilliWh">,
): boolean {
  const net = readings.reduce(
    (sum, { importMilliWh, exportMilliWh }) => sum + importMilliWh - exportMilliWh,
    0,
  );
  const flow = head.importMilliWh + head.exportMilliWh;
  return Math.abs(net - head.importMilliWh + head.exportMilliWh) * PERMILLE <= flow * FEEDER_PERMILLE;
}

/**
 * What of the contracts sold as SOLAR the sun gave, mWh by tradeId, and how much is GRID instead and to be reported.
 * @throws AMOUNT_INVALID.
 */
export function restateSolar(
  pvMilliWh: number,
  sold: readonly { readonly tradeId: string; readonly qtyMilliWh: number }[],
): { readonly solar: ReadonlyMap<string, number>; readonly restatedMilliWh: number } {
  const solar = shareMeter(pvMilliWh, sold);
  const restatedMilliWh = sold.reduce(
    (sum, { tradeId, qtyMilliWh }) => sum + qtyMilliWh - (solar.get(tradeId) ?? 0),
    0,
  );
  return { solar, restatedMilliWh };
}

/** @throws SPEND_LIMIT when what is held and committed, energy at retail, is over the owner's limit. */
export function checkExposure(
  open: { readonly heldMicro: number; readonly committedMilliWh: number },
  owner: { readonly retailMicroPerKWh: number; readonly limitMicro: number },
): void {
  const exposure = open.heldMicro + amountMicro(open.committedMilliWh, owner.retailMicroPerKWh);
  if (exposure > owner.limitMicro)
    throw new ProtocolError("SPEND_LIMIT", `an exposure of ${exposure} micro over ${owner.limitMicro}`);
}
