/** What lasts and what has just happened: the two questions behind most findings. */

import type { Clock } from "./clock.ts";

/** Growth of counters within a sliding window, as far as they were looked at. */
export class Growth {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #last = new Map<string, number>();
  #steps: readonly { readonly key: string; readonly atMs: number; readonly by: number }[] = [];

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** By how much each counter grew of late; those that did not are left out. */
  of(counters: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
    const nowMs = this.#clock.monotonicMs();
    const fresh = Object.entries(counters).flatMap(([key, value]) => {
      const by = value - (this.#last.get(key) ?? 0);
      this.#last.set(key, value);
      return by > 0 ? [{ key, atMs: nowMs, by }] : [];
    });
    this.#steps = [...this.#steps, ...fresh].filter(({ atMs }) => nowMs - atMs <= this.#windowMs);
    const grown = new Map<string, number>();
    for (const { key, by } of this.#steps) grown.set(key, (grown.get(key) ?? 0) + by);
    return grown;
  }
}

/** Since when conditions hold without a break, as far as they were looked at. */
export class Lasting {
  readonly #clock: Clock;
  readonly #since = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True once the condition has held for `forMs`. */
  holds(key: string, condition: boolean, forMs: number): boolean {
    if (!condition) {
      this.#since.delete(key);
      return false;
    }
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#since.get(key) ?? nowMs;
    this.#since.set(key, sinceMs);
    return nowMs - sinceMs >= forMs;
  }
}
