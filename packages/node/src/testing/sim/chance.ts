/** The one source of chance of a simulation: small, fast, and the same in every run of a seed. */

import type { Random } from "../../clock.ts";

export class Chance implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 2_654_435_761) >>> 0;
  }

  /** 0 … 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** A whole number of both ends and between. */
  from(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  hits(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  pick<T>(of: readonly T[]): T {
    const one = of[this.below(of.length)];
    if (one === undefined) throw new RangeError("nothing to pick from");
    return one;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const draw = this.below(4_294_967_296);
      for (let byte = 0; byte < 4 && at + byte < length; byte += 1) bytes[at + byte] = draw >>> (8 * byte);
    }
    return bytes;
  }
}
