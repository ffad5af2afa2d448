import type { Clock } from "../clock.ts";

/** Something that ends at a time unless it is done before. */
export interface Expiring {
  /** Monotonic ms. */
  readonly endMs: number;
  /** Where it stands in its list; the list's own, −1 outside. */
  place: number;
  expire(): void;
}

/**
 * Many ends behind one timer, armed for the earliest and left alone when that one is done: at fifty thousand calls a
 * second a timer each would cost more than the calls.
 */
export class Expiry implements Disposable {
  readonly #clock: Clock;
  readonly #items: Expiring[] = [];
  #timer: Disposable | undefined;
  #armedMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(item: Expiring): void {
    item.place = this.#items.length;
    this.#items.push(item);
    if (item.endMs < this.#armedMs) this.#arm(item.endMs);
  }

  /** False when it is not there. */
  delete(item: Expiring): boolean {
    const { place } = item;
    if (place < 0) return false;
    item.place = -1;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) {
      last.place = place;
      this.#items[place] = last;
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#armedMs = Infinity;
    for (const item of this.#items) item.place = -1;
    this.#items.length = 0;
  }

  #arm(endMs: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#armedMs = endMs;
    this.#timer = this.#clock.timer(Math.max(0, endMs - this.#clock.monotonicMs()), () => this.#fire());
  }

  #fire(): void {
    const nowMs = this.#clock.monotonicMs();
    const due: Expiring[] = [];
    let next = Infinity;
    for (const item of this.#items) {
      if (item.endMs <= nowMs) due.push(item);
      else if (item.endMs < next) next = item.endMs;
    }
    this.#armedMs = Infinity;
    this.#timer = undefined;
    if (next < Infinity) this.#arm(next);
    for (const item of due) {
      // One that ended because of another is no longer due.
      if (this.delete(item)) item.expire();
    }
  }
}
