/** The words an agent is found under. */

import { isCapability, type JsonObject, type JsonValue } from "@gridmesh/protocol";
import { nodeLimits } from "./limits.ts";

/** Keys of a record's `capabilities`, and `<key>.<type>` where a key lists types; at most 32, in the record's order. */
export function wordsOf(capabilities: JsonObject): readonly string[] {
  const words = new Set<string>();
  for (const [key, value] of Object.entries(capabilities)) {
    words.add(key);
    for (const type of typesOf(value)) words.add(`${key}.${type}`);
  }
  return [...words].filter(isCapability).slice(0, nodeLimits.wordsPerAgent);
}

/** A word with its prefixes at a dot: `energy.sell` is also found under `energy`; none of what is no word. */
export function withPrefixes(word: string): readonly string[] {
  // The prefixes of a long text with many dots would be the square of it.
  if (!isCapability(word)) return [];
  const parts = word.split(".");
  return parts.map((_part, at) => parts.slice(0, at + 1).join(".")).filter(isCapability);
}

/** True when one of the agent's words is the asked one or begins with it at a dot. */
export function answers(words: readonly string[], asked: string): boolean {
  return words.some((word) => word === asked || word.startsWith(`${asked}.`));
}

/** How many of the asked words the agent answers. */
export function countAnswered(words: readonly string[], asked: readonly string[]): number {
  let count = 0;
  for (const word of asked) if (answers(words, word)) count += 1;
  return count;
}

function typesOf(value: JsonValue): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const types = (value as JsonObject)["types"];
  return Array.isArray(types) ? types.filter((type) => typeof type === "string") : [];
}
