/** Chance that is the same in every run. */

import { createHash } from "node:crypto";
import type { Random } from "../clock.ts";

/** A source of chance that follows from its seed: SHA-256 in counter mode. */
export function seededRandom(seed: number | string): Random {
  let counter = 0;
  let pool = new Uint8Array(0);
  const bytes = (length: number): Uint8Array => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length;) {
      if (pool.length === 0) {
        pool = new Uint8Array(createHash("sha256").update(`${seed}/${counter++}`).digest());
      }
      const part = pool.subarray(0, length - at);
      out.set(part, at);
      at += part.length;
      pool = pool.subarray(part.length);
    }
    return out;
  };
  return {
    bytes,
    below(bound) {
      // Rejection keeps the draw uniform for every bound.
      const limit = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const draw = new DataView(bytes(4).buffer).getUint32(0);
        if (draw < limit) return draw % bound;
      }
    },
  };
}
