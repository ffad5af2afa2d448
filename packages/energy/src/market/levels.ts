/** One side of a continuous book: price levels, each a queue by time. */

import type { BookOrder } from "./book-order.ts";

export interface Resting {
  readonly order: BookOrder;
  /** Its price; a market order rests at the band's edge. */
  readonly limit: number;
  left: number;
}

interface Level {
  readonly queue: Resting[];
  first: number;
}

/** Best price first, then who came first. Orders with nothing left are passed over and swept up as they come. */
export class Levels {
  /** 1: the highest price is best; −1: the lowest. */
  readonly #sign: 1 | -1;
  readonly #levels = new Map<number, Level>();
  /** Prices from the worst to the best, so that the best is at the end. */
  readonly #prices: number[] = [];

  constructor(side: "bid" | "ask") {
    this.#sign = side === "bid" ? 1 : -1;
  }

  add(resting: Resting): void {
    const level = this.#levels.get(resting.limit);
    if (level !== undefined) {
      level.queue.push(resting);
      return;
    }
    this.#levels.set(resting.limit, { queue: [resting], first: 0 });
    this.#prices.splice(this.#placeOf(resting.limit), 0, resting.limit);
  }

  /** The next to trade; undefined when the side is empty. */
  best(): Resting | undefined {
    for (;;) {
      const price = this.#prices.at(-1);
      const level = price === undefined ? undefined : this.#levels.get(price);
      if (price === undefined || level === undefined) return undefined;
      for (; level.first < level.queue.length; level.first += 1) {
        const resting = level.queue[level.first];
        if (resting !== undefined && resting.left > 0) return resting;
      }
      this.#prices.pop();
      this.#levels.delete(price);
    }
  }

  /** All with something left, the next to trade first. */
  *inTurn(): Generator<Resting> {
    for (let place = this.#prices.length - 1; place >= 0; place -= 1) {
      const level = this.#levels.get(this.#prices[place] ?? 0);
      for (let at = level?.first ?? 0; at < (level?.queue.length ?? 0); at += 1) {
        const resting = level?.queue[at];
        if (resting !== undefined && resting.left > 0) yield resting;
      }
    }
  }

  #placeOf(price: number): number {
    let low = 0;
    let high = this.#prices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.#prices[middle] ?? 0) - price) * this.#sign < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
