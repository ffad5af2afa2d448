/** How closely a message is read, and the readers both revisions share; each failure is named as Beckn names it. */

import { ProtocolError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { MAX_MILLI_WH } from "../quantity.ts";
import { parseDecimal } from "./decimal.ts";
import type { BecknFault } from "./model.ts";
import { present } from "./present.ts";
import { parseDuration, parseInstant } from "./time.ts";

/**
 * `strict`: as we write it. `tolerant`, for partners outside gridmesh: ids that are no UUID, times without a zone (UTC),
 * a missing ttl or address, kWh in any case, titles in words.
 */
export type BecknReading = "strict" | "tolerant";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const PRINTABLE = /^[\x21-\x7e]{1,128}$/;
const ZONELESS = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?$/;

export type JsonMembers = { readonly [key: string]: JsonValue | undefined };

/** The members of an object; none for anything else. */
export function membersOf(value: JsonValue | undefined): JsonMembers {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonMembers) : {};
}

/** One own member of an object. */
export function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  const members = membersOf(value);
  return Object.hasOwn(members, key) ? members[key] : undefined;
}

export function text(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function schemaError(why: string, name = "SCH_SCHEMA_VALIDATION_FAILED"): ProtocolError {
  return new ProtocolError("SCHEMA_INVALID", why, { data: { beckn: name } });
}

/** @throws SCHEMA_INVALID when it is not there. */
export function required<T>(value: T | undefined, where: string): T {
  if (value !== undefined) return value;
  throw schemaError(`${where} is missing`, "SCH_REQUIRED_FIELD_MISSING");
}

export function contextError(why: string, name = "CTX_INVALID_FIELD"): ProtocolError {
  return new ProtocolError("BECKN_CONTEXT_INVALID", why, { data: { beckn: name } });
}

export function isId(value: string, reading: BecknReading): boolean {
  return (reading === "strict" ? UUID : PRINTABLE).test(value);
}

/** Milliseconds since the epoch. @throws BECKN_CONTEXT_INVALID. */
export function readInstant(value: string, reading: BecknReading): number {
  return parseInstant(reading === "tolerant" && ZONELESS.test(value) ? `${value}Z` : value);
}

/** As `readInstant`, in a message's body. @throws SCHEMA_INVALID. */
export function bodyInstant(value: string, reading: BecknReading): number {
  return inBody(() => readInstant(value, reading));
}

/** Milliseconds. @throws SCHEMA_INVALID. */
export function bodyDuration(value: string): number {
  return inBody(() => parseDuration(value));
}

/** What the context calls an invalid field is a broken schema in the body. */
function inBody(read: () => number): number {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ProtocolError) throw schemaError(cause.message);
    throw cause;
  }
}

/** kWh as text or number → mWh. @throws AMOUNT_INVALID. */
export function milliWhOf(kWh: string | number, where: string, least = 1): number {
  const milliWh = parseDecimal(String(kWh));
  if (milliWh >= least && milliWh <= MAX_MILLI_WH) return milliWh;
  throw new ProtocolError("AMOUNT_INVALID", `${where}: ${String(kWh).slice(0, 40)} kWh`);
}

/** @throws SCHEMA_INVALID when it is none of kWh. */
export function checkUnit(unit: string, reading: BecknReading, strictSpelling: string): void {
  const same = reading === "strict" ? unit === strictSpelling : /^kwh$/i.test(unit);
  if (!same) throw schemaError(`unit "${unit.slice(0, 20)}" is not ${strictSpelling}`);
}

/** `error` in any of its spellings. */
export function readFault(value: JsonValue): BecknFault {
  const fault = membersOf(value);
  const details = membersOf(fault["details"]);
  const code = fault["code"] ?? fault["errorCode"];
  return {
    code: typeof code === "number" ? String(code) : (text(code) ?? ""),
    message: text(fault["message"]) ?? text(fault["errorMessage"]) ?? "",
    ...present({ paths: text(fault["paths"]) ?? text(fault["path"]) ?? text(details["path"]) }),
  };
}
