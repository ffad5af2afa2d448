/** Things that repeat on the market clock, aligned to its calendar: the same instants on every node. */

import type { MarketClock } from "@gridmesh/node";

/** Calls `fn(atMs)` at every multiple of `everyMs` from now on; after a jump of the clock once, not for each missed. */
export function everyMarketMs(market: MarketClock, everyMs: number, fn: (atMs: number) => void): Disposable {
  let alarm: Disposable | undefined;
  const schedule = (atMs: number) => {
    alarm = market.at(atMs, () => {
      const dueMs = Math.floor(market.nowMs() / everyMs) * everyMs;
      fn(dueMs);
      schedule(dueMs + everyMs);
    });
  };
  schedule(Math.ceil(market.nowMs() / everyMs) * everyMs);
  return { [Symbol.dispose]: () => alarm?.[Symbol.dispose]() };
}
