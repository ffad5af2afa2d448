/** Seeded random numbers by name: each name is its own stream, so one more reader changes no other's. */

/** xoshiro128** (Blackman, Vigna 2018): 128 bits of state, 32 bits per step. */
export interface RandomStream {
  /** 0 … 2³²−1. */
  next(): number;
  /** min ≤ x < max. */
  uniform(min: number, max: number): number;
  /** An integer, both ends included. */
  integer(min: number, max: number): number;
  /** Mean 0, deviation 1. */
  normal(): number;
}

const TWO_32 = 4_294_967_296;

/** The stream of this name under this seed. */
export function randomStream(seed: number, name: string): RandomStream {
  const mix = splitmix32([seed % TWO_32, Math.floor(seed / TWO_32), fnv1a(name)]);
  return streamFrom([mix(), mix(), mix(), mix()]);
}

/** A stream with this state, not all of it 0. */
export function streamFrom(state: readonly [number, number, number, number]): RandomStream {
  let [a, b, c, d] = state;
  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
  const unit = (): number => next() / TWO_32;
  return {
    next,
    uniform: (min, max) => min + (max - min) * unit(),
    integer: (min, max) => min + Math.floor((max - min + 1) * unit()),
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
  };
}

/** FNV-1a, 32 bits, over UTF-16 code units; names are ASCII. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** Spreads a few words over as many as are asked for. */
function splitmix32(words: readonly number[]): () => number {
  let state = 0;
  const step = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  for (const word of words) state = (step() ^ word) | 0;
  return step;
}
