/** Who trades with whom once the fills are known: in sort order, never with oneself. */

import type { AuctionOrder } from "./order.ts";
import type { Side } from "./sort.ts";

/** Places of a bid and an ask in their sides, and what goes between them, mWh. */
interface Pair {
  readonly bid: number;
  readonly ask: number;
  readonly qtyMilliWh: number;
}

export interface Pairing {
  readonly pairs: readonly Pair[];
  readonly netted: readonly { readonly agentId: string; readonly qtyMilliWh: number }[];
}

/**
 * Pairs the fills of both sides, of equal sums. What only one agent's own orders are left with is swapped into pairs of
 * others; the rest, exactly max(0, bought + sold − volume) of that agent, is netted.
 */
export function pairFills(bids: Side, asks: Side): Pairing {
  const bidLeft = bids.fill.slice();
  const askLeft = asks.fill.slice();
  const pairs = inOrder(bids, asks, { bidLeft, askLeft });
  const openBids = open(bidLeft);
  const agentId = openBids.length === 0 ? undefined : agentAt(bids, openBids[0] as number);
  if (agentId === undefined) return { pairs, netted: [] };
  const rest = { agentId, bids: openBids, asks: open(askLeft), bidLeft, askLeft };
  const swapped = pairs.flatMap((pair) => {
    const own = agentAt(bids, pair.bid) === agentId || agentAt(asks, pair.ask) === agentId;
    return own ? [pair] : opened(pair, rest);
  });
  const qtyMilliWh = openBids.reduce((sum, bid) => sum + (bidLeft[bid] as number), 0);
  return { pairs: swapped, netted: qtyMilliWh > 0 ? [{ agentId, qtyMilliWh }] : [] };
}

interface Left {
  readonly bidLeft: Float64Array;
  readonly askLeft: Float64Array;
}

function agentAt(side: Side, index: number): string {
  return (side.orders[index] as AuctionOrder).agentId;
}

function open(left: Float64Array): number[] {
  const found: number[] = [];
  left.forEach((value, index) => {
    if (value > 0) found.push(index);
  });
  return found;
}

/**
 * One pass. Asks that were passed over are all of one agent: a bid of anybody else takes them first, and passes over
 * its own only when none of them is left.
 */
function inOrder(bids: Side, asks: Side, { bidLeft, askLeft }: Left): Pair[] {
  const pairs: Pair[] = [];
  const asksInAll = askLeft.length;
  let passed: number[] = [];
  let firstPassed = 0;
  let next = 0;
  const isOwn = (bid: number, ask: number): boolean =>
    (bids.agentKey[bid] as number) === (asks.agentKey[ask] as number) &&
    agentAt(bids, bid) === agentAt(asks, ask);
  const take = (bid: number, ask: number): void => {
    const qtyMilliWh = Math.min(bidLeft[bid] as number, askLeft[ask] as number);
    bidLeft[bid] = (bidLeft[bid] as number) - qtyMilliWh;
    askLeft[ask] = (askLeft[ask] as number) - qtyMilliWh;
    if (qtyMilliWh > 0) pairs.push({ bid, ask, qtyMilliWh });
  };
  const takePassed = (bid: number): void => {
    while ((bidLeft[bid] as number) > 0 && firstPassed < passed.length) {
      const ask = passed[firstPassed] as number;
      take(bid, ask);
      if ((askLeft[ask] as number) === 0) firstPassed += 1;
    }
    if (firstPassed < passed.length) return;
    passed = [];
    firstPassed = 0;
  };
  for (let bid = 0; bid < bidLeft.length; bid += 1) {
    if ((bidLeft[bid] as number) === 0) continue;
    if (passed.length > 0 && !isOwn(bid, passed[firstPassed] as number)) takePassed(bid);
    while ((bidLeft[bid] as number) > 0 && next < asksInAll) {
      const own = isOwn(bid, next);
      if (!own) take(bid, next);
      else if ((askLeft[next] as number) > 0) passed.push(next);
      if (own || (askLeft[next] as number) === 0) next += 1;
    }
  }
  return pairs;
}

interface Rest extends Left {
  readonly bids: readonly number[];
  readonly asks: readonly number[];
}

/** A pair of others broken open: its seller sells to the agent, the agent sells to its buyer. */
function opened(pair: Pair, { bids, asks, bidLeft, askLeft }: Rest): Pair[] {
  const result: Pair[] = [];
  let left = pair.qtyMilliWh;
  while (left > 0) {
    const bid = bids.find((candidate) => (bidLeft[candidate] as number) > 0);
    const ask = asks.find((candidate) => (askLeft[candidate] as number) > 0);
    if (bid === undefined || ask === undefined) break;
    const qtyMilliWh = Math.min(bidLeft[bid] as number, askLeft[ask] as number, left);
    bidLeft[bid] = (bidLeft[bid] as number) - qtyMilliWh;
    askLeft[ask] = (askLeft[ask] as number) - qtyMilliWh;
    result.push({ bid, ask: pair.ask, qtyMilliWh }, { bid: pair.bid, ask, qtyMilliWh });
    left -= qtyMilliWh;
  }
  return left > 0 ? [...result, { ...pair, qtyMilliWh: left }] : result;
}
