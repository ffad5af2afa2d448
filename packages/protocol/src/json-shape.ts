/** Depth and member counts of JSON, judged on the bytes before any parser allocates for them. */

export interface ShapeLimits {
  readonly maxDepth: number;
  /** Members of one object. */
  readonly maxMembers: number;
  /** Items of one array. */
  readonly maxItems: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** What is over its limit, in words; undefined when nothing is. Says nothing about validity. */
export function scanShape(bytes: Uint8Array, shape: ShapeLimits): string | undefined {
  /** Members left of each open container; its length is the depth. */
  const room: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = endOfString(bytes, i);
    } else if (byte === COMMA) {
      if (!takesOneMore(room)) return "an object or array has too many members";
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      room.push(byte === OPEN_OBJECT ? shape.maxMembers : shape.maxItems);
      if (room.length > shape.maxDepth) return `deeper than ${shape.maxDepth}`;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      room.pop();
    }
  }
  return undefined;
}

/** A comma: the innermost container gets another member. */
function takesOneMore(room: number[]): boolean {
  const left = room.pop();
  if (left === undefined) return true;
  room.push(left - 1);
  return left > 1;
}

/** The index of the closing quote, or the last index when there is none. */
function endOfString(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}
