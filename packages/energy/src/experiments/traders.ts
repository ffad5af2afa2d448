/** Ways to name a price when one's own worth is known: what a market gets to see of the truth. */

import type { RandomStream } from "../data/random-stream.ts";

export type TraderKind = "truthful" | "ramp" | "zip" | "zero-intelligence";

/** A buyer's worth or a seller's cost, and how much of it, for one auction. */
export interface Need {
  readonly side: "bid" | "ask";
  readonly worthMicroPerKWh: number;
  readonly qtyMilliWh: number;
}

export interface Trader {
  /** The limit it names. */
  limit(need: Need): number;
  /** What the market came to: a price, null without a trade, and whether this one traded. */
  learn(seen: { readonly priceMicroPerKWh: number | null; readonly traded: boolean }): void;
}

/** Prices of the experiment, micro-currency per kWh. */
export const CEILING = 400_000;

const NOTHING_LEARNT = (): void => undefined;

/** A trader of its kind; chance is its own stream. */
export function createTrader(kind: TraderKind, chance: RandomStream): Trader {
  switch (kind) {
    case "truthful":
      return { limit: (need) => need.worthMicroPerKWh, learn: NOTHING_LEARNT };
    case "ramp":
      // Asks for much while there is time and for little near the gate.
      return { limit: (need) => shaded(need, 0.4 * chance.uniform(0, 1)), learn: NOTHING_LEARNT };
    case "zero-intelligence":
      return { limit: (need) => shaded(need, chance.uniform(0, 1)), learn: NOTHING_LEARNT };
    default:
      return zipTrader(chance);
  }
}

/** `share` of the way from one's worth to the best one could wish for. */
function shaded({ side, worthMicroPerKWh }: Need, share: number): number {
  const wish = side === "bid" ? 0 : CEILING;
  return Math.round(worthMicroPerKWh + (wish - worthMicroPerKWh) * share);
}

/** Zero-intelligence-plus (Cliff 1997): a margin that follows the market's price by a damped delta rule. */
function zipTrader(chance: RandomStream): Trader {
  const rate = chance.uniform(0.1, 0.5);
  const damping = chance.uniform(0.2, 0.8);
  let margin = chance.uniform(0.05, 0.35);
  let step = 0;
  let last: { readonly need: Need; readonly shout: number } | undefined;
  return {
    limit(need) {
      const sign = need.side === "bid" ? -1 : 1;
      const shout = Math.round(need.worthMicroPerKWh * (1 + sign * margin));
      const inBand = Math.min(CEILING, Math.max(0, shout));
      last = { need, shout: inBand };
      return inBand;
    },
    learn({ priceMicroPerKWh, traded }) {
      if (last === undefined || priceMicroPerKWh === null) return;
      const { need, shout } = last;
      const sign = need.side === "bid" ? -1 : 1;
      const couldHaveMore = sign * (priceMicroPerKWh - shout) > 0;
      // Who traded wants more where there was more; who did not comes down to the price.
      if (traded ? !couldHaveMore : couldHaveMore) return;
      const target = priceMicroPerKWh * (1 + (couldHaveMore ? sign : -sign) * chance.uniform(0, 0.05));
      step = damping * step + (1 - damping) * rate * (target - shout);
      margin = Math.max(0, sign * ((shout + step) / Math.max(1, need.worthMicroPerKWh) - 1));
    },
  };
}
