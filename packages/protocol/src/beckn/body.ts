/** Reading a Beckn body: tolerant JSON, but one meaning only. */

import { parseTolerant } from "../canonical.ts";
import { ProtocolError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { limits } from "../limits.ts";

/**
 * The value of a body whose signature has held.
 * @throws MESSAGE_MALFORMED: no JSON, too deep, a key twice; AMOUNT_INVALID: a number that a double does not carry.
 */
export function parseBecknBody(body: Uint8Array): JsonValue {
  try {
    const value = parseTolerant(body, { maxDepth: limits.jsonDepth, maxMembers: limits.jsonKeysPerObject });
    checkTokens(new TextDecoder().decode(body));
    return value;
  } catch (cause) {
    const named = cause instanceof ProtocolError && cause.data?.["beckn"] !== undefined;
    if (named) throw cause;
    throw malformed("no JSON within limits", cause);
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]|-?\d[\d.eE+-]*/g;

/**
 * Looks at text that is known to be JSON: a key twice in one object, of which readers differ on which one counts, and a
 * number that a double would round, so that every number read is the number written.
 */
function checkTokens(text: string): void {
  const objects: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(TOKEN)) {
    if (token === "{") objects.push(new Set());
    else if (token === "}") objects.pop();
    else if (colon !== undefined) checkKey(token.slice(0, -colon.length), objects.at(-1));
    else if (!token.startsWith('"') && !isCarried(token)) {
      throw new ProtocolError("AMOUNT_INVALID", `more digits than a number keeps: ${token.slice(0, 40)}`, {
        data: { beckn: "SCH_SCHEMA_VALIDATION_FAILED" },
      });
    }
  }
}

function checkKey(quoted: string, seen: Set<string> | undefined): void {
  const key = quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
  if (seen?.has(key)) throw malformed(`key "${key.slice(0, 40)}" twice in one object`);
  seen?.add(key);
}

/** 15 digits always are; more are when the shortest spelling of the double is the one that was written. */
function isCarried(token: string): boolean {
  const [mantissa = "", exponent] = token.toLowerCase().split("e");
  const digits = mantissa.replace(/[-.]/g, "").replace(/^0+/, "");
  if (digits.length <= 15) return true;
  const plain = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return exponent === undefined && String(Number(token)) === plain;
}

function malformed(why: string, cause?: unknown): ProtocolError {
  return new ProtocolError("MESSAGE_MALFORMED", why, { cause, data: { beckn: "SCH_INVALID_JSON" } });
}
