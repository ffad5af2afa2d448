/** Integer arithmetic of the models: what a trade books is rounded in @gridmesh/protocol, what a device does here. */

import { ProtocolError } from "@gridmesh/protocol";

/** Parts per million in one. */
export const PPM = 1_000_000;

/** Milliseconds in an hour. */
export const HOUR_MS = 3_600_000;

/** mW·ms in one mWh. */
const MILLI_W_MS_PER_MILLI_WH = 3_600_000;

function exact(a: number, b: number): bigint | undefined {
  return Number.isSafeInteger(a * b) ? undefined : BigInt(a) * BigInt(b);
}

/** ⌊a·b/c⌋, exact for safe integers and c > 0. */
export function floorMulDiv(a: number, b: number, c: number): number {
  const wide = exact(a, b);
  if (wide === undefined) {
    const product = a * b;
    const rest = product % c;
    return (product - (rest < 0 ? rest + c : rest)) / c;
  }
  const divisor = BigInt(c);
  const quotient = wide / divisor;
  return Number(wide % divisor < 0n ? quotient - 1n : quotient);
}

/** ⌈a·b/c⌉, exact for safe integers and c > 0. */
export function ceilMulDiv(a: number, b: number, c: number): number {
  const up = -floorMulDiv(-a, b, c);
  return up === 0 ? 0 : up;
}

/** Returns the value, or throws AMOUNT_INVALID naming the field when it is no integer in min … max. */
export function checkInteger(
  name: string,
  value: number,
  range: readonly [min: number, max: number],
): number {
  const [min, max] = range;
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new ProtocolError("AMOUNT_INVALID", `${name} must be an integer in ${min} … ${max}, not ${value}`);
  }
  return value;
}

/** What a meter shows so far: whole mWh are emitted, the rest is carried, so readings add up exactly. */
export interface MeterStep {
  /** ⌊(rest + power·time)/3,600,000⌋, mWh. */
  readonly milliWh: number;
  /** mW·ms not yet a whole mWh, 0 … 3,599,999. */
  readonly restMilliWMs: number;
}

/** Runs `milliW` for `elapsedMs` through a meter that still carries `restMilliWMs` (0 for a new one). */
export function meterStep(milliW: number, elapsedMs: number, restMilliWMs = 0): MeterStep {
  const sum = BigInt(milliW) * BigInt(elapsedMs) + BigInt(restMilliWMs);
  const unit = BigInt(MILLI_W_MS_PER_MILLI_WH);
  let whole = sum / unit;
  let rest = sum % unit;
  if (rest < 0n) {
    rest += unit;
    whole -= 1n;
  }
  return { milliWh: Number(whole), restMilliWMs: Number(rest) };
}
