/** Spoils samples by a seed: bits, bytes, cuts, copies, crossings, and words that readers trip over. */

import type { Chance } from "../../packages/protocol/test/mutations.ts";

const WORDS = [
  "__proto__",
  '"constructor":',
  "\\ud800",
  "\u0000",
  "\uFEFF",
  "1e999",
  "-0",
  "9007199254740993",
  "{".repeat(40),
  "[".repeat(40),
  '"',
  ",",
  ":",
  "\n",
  "\r\n",
  "..",
  "é".repeat(8),
  "999999999999999999999",
].map((word) => Buffer.from(word));

const MOST_BYTES = 65_536;

/** One to four changes of one of the inputs. */
export function spoilt(inputs: readonly Uint8Array[], chance: Chance): Uint8Array {
  let bytes = Buffer.from(inputs[chance(inputs.length)] ?? []);
  for (let rounds = chance(4); rounds >= 0; rounds -= 1) bytes = change(bytes, inputs, chance);
  return bytes.subarray(0, MOST_BYTES);
}

function change(bytes: Buffer, inputs: readonly Uint8Array[], chance: Chance): Buffer<ArrayBuffer> {
  const at = chance(bytes.length + 1);
  const to = at + chance(Math.min(64, bytes.length - at) + 1);
  const around = (middle: Uint8Array, from = at): Buffer<ArrayBuffer> =>
    Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(from)]);
  switch (chance(9)) {
    case 0:
      return around(Buffer.of((bytes[at] ?? 0) ^ (1 << chance(8))), at + 1);
    case 1:
      return around(Buffer.of(chance(256)), at + chance(2));
    case 2:
      return around(new Uint8Array());
    case 3:
      return around(new Uint8Array(), to);
    case 4:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 5:
      return around(Buffer.alloc(chance(40), chance(256)), to);
    case 6:
      return around(WORDS[chance(WORDS.length)] ?? Buffer.alloc(0), to);
    case 7: {
      const other = inputs[chance(inputs.length)] ?? new Uint8Array();
      return around(other.subarray(chance(other.length + 1)), bytes.length);
    }
    default: {
      // A few bytes many times over: what costs the square of its length shows.
      const few = bytes.subarray(at, Math.min(to, at + 8));
      return around(Buffer.concat(Array.from({ length: 1 + chance(200) }, () => few)), to);
    }
  }
}
