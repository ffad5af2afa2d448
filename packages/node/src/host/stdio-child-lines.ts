/** What a child writes, cut into lines; what is no JSON-RPC is dropped and counted. */

import { type JsonObject, type JsonValue } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import { isObject } from "./mcp-words.ts";

export interface ChildLine {
  readonly text: string;
  readonly message: JsonObject;
}

export interface ChildLines {
  /** The messages that the chunk completes. @throws RangeError when a line outgrows its limit. */
  read(chunk: Buffer): readonly ChildLine[];
  /** Lines that were no JSON-RPC. */
  readonly junk: number;
}

const NEWLINE = 10;

export function childLines(): ChildLines {
  let parts: Buffer[] = [];
  let bytes = 0;
  let junk = 0;
  const take = (part: Buffer): ChildLine | undefined => {
    const text = (parts.length === 0 ? part : Buffer.concat([...parts, part])).toString("utf8").trim();
    parts = [];
    bytes = 0;
    if (text === "") return undefined;
    const message = messageIn(text);
    if (message !== undefined) return { text, message };
    junk += 1;
    return undefined;
  };
  return {
    get junk() {
      return junk;
    },
    read(chunk) {
      const lines: ChildLine[] = [];
      let from = 0;
      for (;;) {
        const at = chunk.indexOf(NEWLINE, from);
        const part = chunk.subarray(from, at === -1 ? undefined : at);
        if (bytes + part.length > nodeLimits.rpcLineBytes) throw new RangeError("a line over the limit");
        if (at === -1) {
          if (part.length > 0) parts.push(part);
          bytes += part.length;
          return lines;
        }
        const line = take(part);
        if (line !== undefined) lines.push(line);
        from = at + 1;
      }
    },
  };
}

function messageIn(text: string): JsonObject | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) && value["jsonrpc"] === "2.0" ? value : undefined;
  } catch {
    return undefined;
  }
}
