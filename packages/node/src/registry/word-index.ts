/** Which agents answer a word, without looking at all of them. */

import { answers, withPrefixes } from "../words.ts";

/** Prefixes longer than this share the place of the one that long. */
const LEVELS = 3;
const PLACES_MAX = 64;

export interface Indexed {
  readonly agentId: string;
  readonly words: readonly string[];
}

export class WordIndex<T extends Indexed> {
  readonly #places = new Map<string, Set<T>>();

  /** Places it takes: part of what an entry costs. */
  static placesOf(words: readonly string[]): readonly string[] {
    const places = new Set(words.flatMap((word) => withPrefixes(word).slice(0, LEVELS)));
    return [...places].slice(0, PLACES_MAX);
  }

  add(entry: T): void {
    for (const place of WordIndex.placesOf(entry.words)) {
      const known = this.#places.get(place);
      if (known === undefined) this.#places.set(place, new Set([entry]));
      else known.add(entry);
    }
  }

  remove(entry: T): void {
    for (const place of WordIndex.placesOf(entry.words)) {
      const known = this.#places.get(place);
      known?.delete(entry);
      if (known?.size === 0) this.#places.delete(place);
    }
  }

  /** Entries that answer the word, whole or as a prefix at a dot. */
  *find(word: string): Generator<T> {
    const place = withPrefixes(word).slice(0, LEVELS).at(-1) ?? word;
    const exact = place === word;
    for (const entry of this.#places.get(place) ?? []) {
      if (exact || answers(entry.words, word)) yield entry;
    }
  }
}
