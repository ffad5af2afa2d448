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
    const text = new TextDecoder().decode(body);
    const twice = repeatedKey(text);
    checkNumbers(text);
    if (twice !== undefined) throw malformed(`key "${twice.slice(0, 40)}" twice in one object`);
    return value;
  } catch (cause) {
    const named = cause instanceof ProtocolError && cause.data?.["beckn"] !== undefined;
    if (named) throw cause;
    throw malformed("no JSON within limits", cause);
  }
}

/** The first key an object holds twice, in text that is known to be JSON; readers differ on which one counts. */
function repeatedKey(text: string): string | undefined {
  const objects: Set<string>[] = [];
  const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g;
  for (const [token, colon] of text.matchAll(tokens)) {
    if (token === "{") objects.push(new Set());
    else if (token === "}") objects.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(token.slice(0, -colon.length)) as string;
      const seen = objects.at(-1);
      if (seen?.has(key)) return key;
      seen?.add(key);
    }
  }
  return undefined;
}

/** What a double would round is refused, so that every number read is the number written. */
function checkNumbers(text: string): void {
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g)) {
    if (!token.startsWith('"') && !isCarried(token)) {
      throw new ProtocolError("AMOUNT_INVALID", `more digits than a number keeps: ${token.slice(0, 40)}`, {
        data: { beckn: "SCH_SCHEMA_VALIDATION_FAILED" },
      });
    }
  }
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
