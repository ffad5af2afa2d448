/** Energy, money and slots as integers: the only arithmetic both sides of a trade must agree on to the unit. */

import { ProtocolError } from "./errors.ts";
import type { Slot } from "./messages/trade/book.ts";

/** Largest |energy| in mWh. */
export const MAX_MILLI_WH = 1_000_000_000_000;
/** Largest |price| in micro-currency per kWh. */
export const MAX_MICRO_PER_KWH = 1_000_000_000;
/** Largest |money| in micro-currency. */
export const MAX_MICRO = 9_000_000_000_000_000;

const SECONDS_PER_DAY = 86_400;
const AREA = /^[a-z0-9-]{1,32}(?:\.[a-z0-9-]{1,32})*$/;

/** a · b / c, half to even, exact for safe integers. @throws AMOUNT_INVALID when a, b, c or the result is unsafe. */
export function mulDiv(a: number, b: number, c: number): number {
  if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b) || !Number.isSafeInteger(c) || c <= 0) {
    throw new ProtocolError("AMOUNT_INVALID", `not safe integers: ${a} × ${b} ÷ ${c}`);
  }
  const near = a * b;
  if (Math.abs(near) <= Number.MAX_SAFE_INTEGER) return halfToEven(near, c);
  const product = BigInt(a) * BigInt(b);
  const divisor = BigInt(c);
  const sign = product < 0n ? -1n : 1n;
  const magnitude = product * sign;
  let quotient = magnitude / divisor;
  const twice = (magnitude % divisor) * 2n;
  if (twice > divisor || (twice === divisor && quotient % 2n === 1n)) quotient += 1n;
  const result = Number(quotient * sign);
  if (!Number.isSafeInteger(result)) {
    throw new ProtocolError("AMOUNT_INVALID", `${a} × ${b} ÷ ${c} is out of range`);
  }
  return result === 0 ? 0 : result;
}

/** product / c in doubles, which are exact for safe integers. */
function halfToEven(product: number, c: number): number {
  const magnitude = Math.abs(product);
  let quotient = Math.floor(magnitude / c);
  // The division rounds; a remainder would take as long as all the rest.
  if (quotient * c > magnitude) quotient -= 1;
  const rest = magnitude - quotient * c;
  // rest against c − rest, as twice the rest may be no safe integer.
  if (rest > c - rest || (rest === c - rest && quotient % 2 === 1)) quotient += 1;
  return product < 0 && quotient !== 0 ? -quotient : quotient;
}

/** Money for energy: mWh × micro-currency per kWh → micro-currency; the one rounding of a trade. */
export function amountMicro(quantityMilliWh: number, priceMicroPerKWh: number): number {
  return mulDiv(quantityMilliWh, priceMicroPerKWh, 1_000_000);
}

/** Returns the slot, or throws SLOT_INVALID naming what is off the grid. */
export function checkSlot(slot: Slot): Slot {
  const { area, startS, durationS } = slot;
  if (area.length > 64 || !AREA.test(area)) throw new ProtocolError("SLOT_INVALID", `area "${area}"`);
  if (!Number.isSafeInteger(durationS) || durationS <= 0 || SECONDS_PER_DAY % durationS !== 0) {
    throw new ProtocolError("SLOT_INVALID", `duration ${durationS} s does not divide a day`);
  }
  if (!Number.isSafeInteger(startS) || startS < 0 || startS % durationS !== 0) {
    throw new ProtocolError("SLOT_INVALID", `start ${startS} s is no multiple of ${durationS} s`);
  }
  return slot;
}

/** `<area>/<startS>/<durationS>`. */
export function slotId(slot: Slot): string {
  return `${slot.area}/${slot.startS}/${slot.durationS}`;
}

/** @throws SLOT_INVALID. */
export function parseSlotId(text: string): Slot {
  const parts = text.split("/");
  const [area, start, duration] = parts;
  if (
    parts.length !== 3 ||
    area === undefined ||
    !/^\d{1,12}$/.test(start ?? "") ||
    !/^\d{1,6}$/.test(duration ?? "")
  ) {
    throw new ProtocolError("SLOT_INVALID", `no slot id: "${text.slice(0, 80)}"`);
  }
  return checkSlot({ area, startS: Number(start), durationS: Number(duration) });
}

/** The slot of `durationS` that holds this instant of market time. */
export function slotAt(area: string, atMs: number, durationS: number): Slot {
  const atS = Math.floor(atMs / 1000);
  return checkSlot({ area, startS: atS - (atS % durationS), durationS });
}
