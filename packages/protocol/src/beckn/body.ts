/** Reading a Beckn body: tolerant JSON, but one meaning only. */

import { parseTolerant } from "../canonical.ts";
import { ProtocolError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { limits } from "../limits.ts";

/** The value of a body whose signature has held. @throws MESSAGE_MALFORMED: no JSON, too deep, a key twice. */
export function parseBecknBody(body: Uint8Array): JsonValue {
  try {
    const value = parseTolerant(body, { maxDepth: limits.jsonDepth, maxMembers: limits.jsonKeysPerObject });
    const twice = repeatedKey(new TextDecoder().decode(body));
    if (twice !== undefined) throw malformed(`key "${twice.slice(0, 40)}" twice in one object`);
    return value;
  } catch (cause) {
    if (cause instanceof ProtocolError && cause.code === "MESSAGE_MALFORMED") throw cause;
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

function malformed(why: string, cause?: unknown): ProtocolError {
  return new ProtocolError("MESSAGE_MALFORMED", why, { cause, data: { beckn: "SCH_INVALID_JSON" } });
}
