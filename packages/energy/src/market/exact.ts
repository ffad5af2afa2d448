/** Exact integer arithmetic in doubles, and BigInt only where doubles end. */

import { ProtocolError } from "@gridmesh/protocol";

/** 2^27 + 1 cuts a double into two halves whose products are exact. */
const CUT = 134_217_729;
/** Below this quotient, divisor and both corrections stay exact. */
const EXACT = 2 ** 51;
const MICRO_PER_KWH_MILLI = 1_000_000n;

interface Division {
  readonly q: number;
  readonly c: number;
}

/** ⌊a·b/c⌋ for 0 ≤ a, b and 0 < c, all safe integers, a ≤ c or b ≤ c. */
export function share(a: number, b: number, c: number): number {
  const product = a * b;
  const near = Math.floor(product / c);
  if (product <= Number.MAX_SAFE_INTEGER) return near * c > product ? near - 1 : near;
  if (near > EXACT || c > EXACT) return Number((BigInt(a) * BigInt(b)) / BigInt(c));
  let quotient = near;
  let rest = difference(a, b, { q: near, c });
  while (rest < 0) {
    quotient -= 1;
    rest += c;
  }
  while (rest >= c) {
    quotient += 1;
    rest -= c;
  }
  return quotient;
}

/** a·b − q·c where q = ⌊a·b/c⌋. */
export function shareRest(a: number, b: number, divided: Division): number {
  const { q, c } = divided;
  if (a * b <= Number.MAX_SAFE_INTEGER) return a * b - q * c;
  if (c > EXACT || q > EXACT) return Number(BigInt(a) * BigInt(b) - BigInt(q) * BigInt(c));
  return difference(a, b, divided);
}

/** a·b − q·c, exact when it is a small number: both products are kept as a double and its error. */
function difference(a: number, b: number, { q, c }: Division): number {
  const left = a * b;
  const right = q * c;
  return left - right + (productError(a, b, left) - productError(q, c, right));
}

/** What rounding took from a·b (Dekker). */
function productError(a: number, b: number, product: number): number {
  const cutA = CUT * a;
  const highA = cutA - (cutA - a);
  const lowA = a - highA;
  const cutB = CUT * b;
  const highB = cutB - (cutB - b);
  const lowB = b - highB;
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
}

/** Sum of quantity × price, exact: small terms in a double, carried into a BigInt before it would round. */
export class WideSum {
  #wide = 0n;
  #near = 0;

  add(qtyMilliWh: number, priceMicroPerKWh: number): void {
    const product = qtyMilliWh * priceMicroPerKWh;
    const sum = this.#near + product;
    if (Math.abs(product) <= Number.MAX_SAFE_INTEGER && Math.abs(sum) <= Number.MAX_SAFE_INTEGER) {
      this.#near = sum;
      return;
    }
    this.#wide += BigInt(this.#near) + BigInt(qtyMilliWh) * BigInt(priceMicroPerKWh);
    this.#near = 0;
  }

  /** mWh · micro-currency per kWh → micro-currency, half to even. @throws AMOUNT_INVALID out of range. */
  toMicro(): number {
    const total = this.#wide + BigInt(this.#near);
    const sign = total < 0n ? -1n : 1n;
    const magnitude = total * sign;
    const whole = magnitude / MICRO_PER_KWH_MILLI;
    const twice = (magnitude % MICRO_PER_KWH_MILLI) * 2n;
    const up = twice > MICRO_PER_KWH_MILLI || (twice === MICRO_PER_KWH_MILLI && whole % 2n === 1n);
    const micro = Number((whole + (up ? 1n : 0n)) * sign);
    if (!Number.isSafeInteger(micro))
      throw new ProtocolError("AMOUNT_INVALID", `welfare ${micro} is out of range`);
    return micro;
  }
}
