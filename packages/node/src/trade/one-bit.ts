/** Tells rot from a torn write: bytes that one flipped bit makes whole again were whole once. */

import { crc32 } from "node:zlib";

/**
 * The index of the bit whose flip gives `bytes` the checksum `expected`, counted from the first byte's lowest bit;
 * undefined when no single bit does.
 */
export function flippedBit(bytes: Uint8Array, expected: number): number | undefined {
  // A checksum is linear: what one bit adds to it depends on nothing but the number of bytes behind it.
  const difference = (crc32(bytes) ^ expected) >>> 0;
  const added = Array.from({ length: 8 }, (_, bit) => table[1 << bit] ?? 0);
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const one = added[bit] ?? 0;
      if (one === difference) return at * 8 + bit;
      added[bit] = ((one >>> 8) ^ (table[one & 255] ?? 0)) >>> 0;
    }
  }
  return undefined;
}

/** The checksum's own step for each byte, reflected polynomial 0xedb88320. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let step = 0; step < 8; step += 1) rest = (rest & 1) === 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});
