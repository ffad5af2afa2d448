/** Who trades with whom once the fills are known: in sort order, never with oneself. */

import type { AuctionOrder } from "./order.ts";

export interface Filled {
  readonly order: AuctionOrder;
  left: number;
}

interface Pair {
  readonly bid: AuctionOrder;
  readonly ask: AuctionOrder;
  readonly qtyMilliWh: number;
}

export interface Pairing {
  readonly pairs: readonly Pair[];
  readonly netted: readonly { readonly agentId: string; readonly qtyMilliWh: number }[];
}

/**
 * Pairs bids and asks of equal sums. What only one agent's own orders are left with is swapped into pairs of others;
 * the rest, exactly max(0, bought + sold − volume) of that agent, is netted.
 */
export function pairFills(bids: readonly Filled[], asks: readonly Filled[]): Pairing {
  const pairs = inOrder(bids, asks);
  const bidsLeft = bids.filter((bid) => bid.left > 0);
  const asksLeft = asks.filter((ask) => ask.left > 0);
  const agentId = bidsLeft[0]?.order.agentId;
  if (agentId === undefined) return { pairs, netted: [] };
  const swapped = swapIn(pairs, { agentId, bids: bidsLeft, asks: asksLeft });
  const qtyMilliWh = bidsLeft.reduce((sum, bid) => sum + bid.left, 0);
  return { pairs: swapped, netted: qtyMilliWh > 0 ? [{ agentId, qtyMilliWh }] : [] };
}

function inOrder(bids: readonly Filled[], asks: readonly Filled[]): Pair[] {
  const pairs: Pair[] = [];
  let from = 0;
  for (const bid of bids) {
    while (from < asks.length && asks[from]?.left === 0) from += 1;
    for (let at = from; at < asks.length && bid.left > 0; at += 1) {
      const ask = asks[at];
      if (ask === undefined || ask.left === 0 || ask.order.agentId === bid.order.agentId) continue;
      pairs.push(take(bid, ask));
    }
  }
  return pairs;
}

function take(bid: Filled, ask: Filled, most = Number.POSITIVE_INFINITY): Pair {
  const qtyMilliWh = Math.min(bid.left, ask.left, most);
  bid.left -= qtyMilliWh;
  ask.left -= qtyMilliWh;
  return { bid: bid.order, ask: ask.order, qtyMilliWh };
}

/** Breaks pairs of others open: their seller sells to the agent, the agent sells to their buyer. */
function swapIn(
  pairs: readonly Pair[],
  rest: { readonly agentId: string; readonly bids: Filled[]; readonly asks: Filled[] },
): readonly Pair[] {
  return pairs.flatMap((pair) => {
    const own = pair.bid.agentId === rest.agentId || pair.ask.agentId === rest.agentId;
    return own ? [pair] : opened(pair, rest);
  });
}

function opened(
  pair: Pair,
  rest: { readonly bids: readonly Filled[]; readonly asks: readonly Filled[] },
): Pair[] {
  const result: Pair[] = [];
  let left = pair.qtyMilliWh;
  while (left > 0) {
    const bid = rest.bids.find((candidate) => candidate.left > 0);
    const ask = rest.asks.find((candidate) => candidate.left > 0);
    if (bid === undefined || ask === undefined) break;
    const { qtyMilliWh } = take(bid, ask, left);
    result.push({ bid: bid.order, ask: pair.ask, qtyMilliWh }, { bid: pair.bid, ask: ask.order, qtyMilliWh });
    left -= qtyMilliWh;
  }
  return left > 0 ? [...result, { ...pair, qtyMilliWh: left }] : result;
}
