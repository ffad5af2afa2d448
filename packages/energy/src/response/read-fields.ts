/** Fields of a JSON object by name and kind; every complaint names the field. */

import { ProtocolError } from "@gridmesh/protocol";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";

function bad(what: string): ProtocolError {
  return new ProtocolError("SCHEMA_INVALID", what);
}

/** @throws SCHEMA_INVALID. */
export function object(value: JsonValue | undefined, name: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(`${name} is no object`);
  return value as JsonObject;
}

const MAX_TEXT = 1_024;

/** A text of 1 … 1,024 characters. @throws SCHEMA_INVALID. */
export function text(from: JsonObject, name: string): string {
  const value = from[name];
  if (typeof value !== "string" || value === "" || value.length > MAX_TEXT) {
    throw bad(`${name} is no text of 1 to ${MAX_TEXT} characters`);
  }
  return value;
}

/** @throws SCHEMA_INVALID. */
export function number(from: JsonObject, name: string): number {
  const value = from[name];
  if (typeof value !== "number" || !Number.isFinite(value)) throw bad(`${name} is no number`);
  return value;
}

/** @throws SCHEMA_INVALID. */
export function list<T>(from: JsonObject, name: string, read: (value: JsonValue) => T): T[] {
  const value = from[name];
  if (!Array.isArray(value)) throw bad(`${name} is no list`);
  return value.map((one: JsonValue) => read(one));
}

/** Null when the field is absent or null. @throws SCHEMA_INVALID. */
export function optional<T>(
  from: JsonObject,
  name: string,
  read: (value: JsonValue, name: string) => T,
): T | null {
  const value = from[name];
  return value === undefined || value === null ? null : read(value, name);
}

const DURATION = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?$/;
const SECONDS = [604_800, 86_400, 3_600, 60, 1] as const;
/** The wire's way to say without an end. */
const ENDLESS = "P9999Y";

/** Seconds of an ISO 8601 duration in weeks or smaller; P9999Y is 0, no end. @throws SCHEMA_INVALID. */
export function seconds(value: JsonValue, name: string): number {
  if (value === ENDLESS) return 0;
  const match = typeof value === "string" && /\d/.test(value) ? DURATION.exec(value) : null;
  if (match === null) throw bad(`${name} is no duration such as PT15M`);
  const total = SECONDS.reduce((sum, unit, index) => sum + unit * Number(match[index + 1] ?? 0), 0);
  if (!Number.isSafeInteger(total)) throw bad(`${name} is too long`);
  return total;
}
