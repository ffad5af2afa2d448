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
    switch (bytes[i]) {
      case QUOTE:
        i = endOfString(bytes, i);
        break;
      case OPEN_OBJECT:
        room.push(shape.maxMembers);
        break;
      case OPEN_ARRAY:
        room.push(shape.maxItems);
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        room.pop();
        continue;
      case COMMA: {
        const last = room.length - 1;
        const left = (room[last] ?? 0) - 1;
        if (last >= 0) room[last] = left;
        if (last >= 0 && left < 1) return "an object or array has too many members";
        continue;
      }
      default:
        continue;
    }
    if (room.length > shape.maxDepth) return `deeper than ${shape.maxDepth}`;
  }
  return undefined;
}

/** The index of the closing quote, or the last index when there is none. */
function endOfString(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}
