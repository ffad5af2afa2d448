/** Messages as CBOR: the deterministic form of DAG-CBOR, without byte strings, links or any other tag. */

import { decode, encode } from "@ipld/dag-cbor";
import { ProtocolError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { BodyCodec } from "../encodings.ts";

const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
const MAJOR_SIMPLE = 7;
/** Additional information of a head: values below it stand for themselves. */
const INLINE_BELOW = 24;

export const cborCodec: BodyCodec = {
  exact: true,
  encode: (message) => encode(message),
  decode(bytes) {
    scan(bytes);
    return decode(bytes);
  },
};

/** Judges depth and counts on the bytes, before a decoder recurses or allocates for them. */
function scan(bytes: Uint8Array): void {
  /** Items left of each open container; its length is the depth. */
  const open: number[] = [];
  let at = 0;
  do {
    const head = headAt(bytes, at);
    at = head.end + (head.major === MAJOR_TEXT ? head.value : 0);
    if (at > bytes.length) throw refused("cut short");
    if (open.length > 0) open.push((open.pop() ?? 0) - 1);
    if (head.major === MAJOR_ARRAY || head.major === MAJOR_MAP) enter(open, head);
    while (open.at(-1) === 0) open.pop();
  } while (open.length > 0);
  if (at !== bytes.length) throw refused("more than one value");
}

interface Head {
  readonly major: number;
  /** The number, length or count; 0 for simple values and floats. */
  readonly value: number;
  readonly end: number;
}

function headAt(bytes: Uint8Array, at: number): Head {
  const first = bytes[at];
  if (first === undefined) throw refused("cut short");
  const major = first >> 5;
  const info = first & 0x1f;
  if (major === MAJOR_BYTES || major === MAJOR_TAG) throw refused("a byte string or a tag");
  const size = info < INLINE_BELOW ? 0 : sizeOf(info);
  if (at + 1 + size > bytes.length) throw refused("cut short");
  if (major === MAJOR_SIMPLE) return { major, value: 0, end: at + 1 + size };
  let value = info < INLINE_BELOW ? info : 0;
  for (let i = 1; i <= size; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return { major, value, end: at + 1 + size };
}

function sizeOf(info: number): number {
  if (info > 27) throw refused("no definite length");
  return 2 ** (info - INLINE_BELOW);
}

function enter(open: number[], { major, value }: Head): void {
  const most = major === MAJOR_MAP ? limits.jsonKeysPerObject : limits.jsonItemsPerArray;
  if (value > most) throw refused("an object or array has too many members");
  open.push(major === MAJOR_MAP ? value * 2 : value);
  if (open.length > limits.jsonDepth) throw refused(`deeper than ${limits.jsonDepth}`);
}

function refused(why: string): ProtocolError {
  return new ProtocolError("MESSAGE_MALFORMED", `CBOR: ${why}`);
}
