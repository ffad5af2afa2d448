/** Exact decimals: kWh with six places are mWh, money with six places is micro-currency. */

import { ProtocolError } from "../errors.ts";

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
const PLACES = 6;
const MAX_DIGITS = 15;

/** Millionths of the number written in `text`. @throws AMOUNT_INVALID: no decimal, > 6 places or > 15 digits. */
export function parseDecimal(text: string): number {
  const [, sign, whole, fraction = ""] = DECIMAL.exec(text.length <= 40 ? text : "") ?? [];
  if (whole === undefined) throw new ProtocolError("AMOUNT_INVALID", `no decimal: "${text.slice(0, 40)}"`);
  if (fraction.length > PLACES)
    throw new ProtocolError("AMOUNT_INVALID", `more than ${PLACES} places: ${text}`);
  const digits = (whole + fraction.padEnd(PLACES, "0")).replace(/^0+(?=\d)/, "");
  if (digits.length > MAX_DIGITS)
    throw new ProtocolError("AMOUNT_INVALID", `more than ${MAX_DIGITS} digits: ${text}`);
  const value = Number(digits);
  return sign === "-" && value !== 0 ? -value : value;
}

/** The shortest decimal of `millionths`, as `0.15` for 150000. @throws AMOUNT_INVALID beyond 15 digits. */
export function formatDecimal(millionths: number): string {
  const digits = String(Math.abs(millionths));
  if (!Number.isSafeInteger(millionths) || digits.length > MAX_DIGITS) {
    throw new ProtocolError("AMOUNT_INVALID", `not writable as a decimal: ${millionths}`);
  }
  const padded = digits.padStart(PLACES + 1, "0");
  const fraction = padded.slice(-PLACES).replace(/0+$/, "");
  const whole = padded.slice(0, -PLACES);
  return `${millionths < 0 ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}
