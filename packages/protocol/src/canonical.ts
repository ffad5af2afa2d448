/** JSON as it is signed: RFC 8785 on the way out, bytes equal to it on the way in. */

import { encodeUtf8 } from "./bytes.ts";
import { canonicalText } from "./canonical-text.ts";
import { type ErrorCode, ProtocolError } from "./errors.ts";
import type { JsonValue } from "./json.ts";
import { type ShapeLimits, scanShape } from "./json-shape.ts";
import { limits } from "./limits.ts";

const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
/** Fields that carry content of others and may be longer than a string usually is. */
const LONG_FIELDS: ReadonlySet<string> = new Set(["payload", "payload_json", "ct", "output", "body"]);

const strictShape: ShapeLimits = {
  maxDepth: limits.jsonDepth,
  maxMembers: limits.jsonKeysPerObject,
  maxItems: limits.jsonItemsPerArray,
};

/** The RFC 8785 text of a JSON value. @throws TypeError for what is no JSON: that is a bug of the caller. */
export function canonicalize(value: unknown): string {
  return canonicalText(value, limits.jsonDepth);
}

/** `canonicalize` as UTF-8. */
export function canonicalBytes(value: unknown): Uint8Array {
  return encodeUtf8(canonicalize(value));
}

/**
 * Reads the strict form of signed messages: the bytes must be the RFC 8785 form of what they mean.
 * @throws MESSAGE_MALFORMED.
 */
export function parseCanonical(bytes: Uint8Array, options: { readonly maxDepth?: number } = {}): JsonValue {
  const shape = { ...strictShape, maxDepth: options.maxDepth ?? limits.jsonDepth };
  const { text, value } = parseWithin(bytes, shape, malformed);
  checkStrict(value, "");
  if (text !== canonicalFormOf(value)) throw malformed("the bytes are not in canonical form");
  return value;
}

/**
 * What `canonicalize` wrote, as a strict reader takes it: what the text itself proves is not proved again.
 * @throws MESSAGE_MALFORMED.
 */
export function readCanonicalized(text: string, bytes: Uint8Array): JsonValue {
  const excess = scanShape(bytes, strictShape);
  if (excess !== undefined) throw malformed(excess);
  const value = JSON.parse(text) as JsonValue;
  checkStrict(value, "");
  return value;
}

/**
 * Reads anybody's JSON within limits (JSON-RPC lines, Beckn bodies); keys are kept as they are.
 * @throws PARSE_ERROR when it is no JSON, INVALID_REQUEST when it is over a limit.
 */
export function parseTolerant(
  bytes: Uint8Array,
  options: { readonly maxDepth: number; readonly maxMembers?: number },
): JsonValue {
  const shape = { maxDepth: options.maxDepth, maxMembers: options.maxMembers ?? Number.MAX_SAFE_INTEGER };
  return parseWithin(bytes, { ...shape, maxItems: Number.MAX_SAFE_INTEGER }, tolerantError).value;
}

/** Refuses what a strict reader would: unsafe integers, dangerous keys, long strings. @throws MESSAGE_MALFORMED. */
export function assertSendable(value: JsonValue): void {
  checkStrict(value, "");
}

type Refusal = (why: string, cause?: unknown, limit?: boolean) => ProtocolError;

function parseWithin(
  bytes: Uint8Array,
  shape: ShapeLimits,
  refuse: Refusal,
): { text: string; value: JsonValue } {
  let text: string;
  try {
    // ignoreBOM keeps a byte order mark in the text, where the parser refuses it.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw refuse("not UTF-8", cause);
  }
  const excess = scanShape(bytes, shape);
  if (excess !== undefined) throw refuse(excess, undefined, true);
  try {
    return { text, value: JSON.parse(text) as JsonValue };
  } catch (cause) {
    throw refuse("not JSON", cause);
  }
}

const malformed: Refusal = (why, cause) => new ProtocolError("MESSAGE_MALFORMED", why, { cause });

const tolerantError: Refusal = (why, cause, limit) => {
  const code: ErrorCode = limit === true ? "INVALID_REQUEST" : "PARSE_ERROR";
  return new ProtocolError(code, why, { cause });
};

function canonicalFormOf(value: JsonValue): string {
  try {
    return canonicalText(value, Number.POSITIVE_INFINITY);
  } catch (cause) {
    throw malformed("the text holds a lone surrogate", cause);
  }
}

/** What the comparison with the canonical form cannot see: unsafe integers, dangerous keys, long strings. */
function checkStrict(value: JsonValue, key: string): void {
  if (typeof value === "number") {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw malformed(`${key}: unsafe integer`);
  } else if (typeof value === "string") {
    if (!LONG_FIELDS.has(key) && isLong(value)) throw malformed(`${key}: string over its limit`);
  } else if (Array.isArray(value)) {
    for (const item of value) checkStrict(item, key);
  } else if (value !== null && typeof value === "object") {
    for (const [name, member] of Object.entries(value)) {
      checkKey(name);
      checkStrict(member, name);
    }
  }
}

function checkKey(name: string): void {
  if (FORBIDDEN_KEYS.has(name)) throw malformed(`key ${name}`);
  if (isLong(name)) throw malformed("a key is over its limit");
}

function isLong(text: string): boolean {
  if (text.length * 3 <= limits.jsonStringBytes) return false;
  return text.length > limits.jsonStringBytes || encodeUtf8(text).length > limits.jsonStringBytes;
}
