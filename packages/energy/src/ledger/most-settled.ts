/** The most that contracts and meters allow together: the largest flow from sellers' meters to buyers' meters. */

import { MAX_MILLI_WH } from "@gridmesh/protocol";
import { compareIds } from "../market/order.ts";
import type { MeteredTrade, Meters, Settled } from "./settlement.ts";

interface Edge {
  readonly to: string;
  left: number;
  readonly back: Edge;
}

type Graph = Map<string, Edge[]>;

const SOURCE = "source";
const SINK = "sink";

/** Settles the largest total there is; among several the one that shortest paths by tradeId find. */
export function settleMost(trades: readonly MeteredTrade[], meters: Meters): Settled {
  const graph: Graph = new Map();
  const edges = new Map<string, Edge>();
  const sorted = trades.toSorted((a, b) => compareIds(a.tradeId, b.tradeId));
  for (const seller of new Set(sorted.map((trade) => trade.seller)))
    connect(graph, SOURCE, { to: `seller ${seller}`, most: meters.given.get(seller) ?? MAX_MILLI_WH });
  for (const { tradeId, buyer, seller, qtyMilliWh } of sorted) {
    const edge = connect(graph, `seller ${seller}`, { to: `buyer ${buyer}`, most: qtyMilliWh });
    edges.set(tradeId, edge);
  }
  for (const buyer of new Set(sorted.map((trade) => trade.buyer)))
    connect(graph, `buyer ${buyer}`, { to: SINK, most: meters.taken.get(buyer) ?? MAX_MILLI_WH });
  for (let path = shortestPath(graph); path.length > 0; path = shortestPath(graph)) {
    const most = Math.min(...path.map((edge) => edge.left));
    for (const edge of path) {
      edge.left -= most;
      edge.back.left += most;
    }
  }
  // What went through an edge is what its way back could now return.
  return new Map(trades.map(({ tradeId }) => [tradeId, edges.get(tradeId)?.back.left ?? 0]));
}

function connect(
  graph: Graph,
  from: string,
  { to, most }: { readonly to: string; readonly most: number },
): Edge {
  const edge = { to, left: most } as { to: string; left: number; back: Edge };
  edge.back = { to: from, left: 0, back: edge };
  graph.set(from, [...(graph.get(from) ?? []), edge]);
  graph.set(to, [...(graph.get(to) ?? []), edge.back]);
  return edge;
}

/** Edges with room from the source to the sink; empty when there is no way left. */
function shortestPath(graph: Graph): Edge[] {
  const by = new Map<string, Edge>();
  const queue = [SOURCE];
  for (const place of queue) {
    for (const edge of graph.get(place) ?? []) {
      if (edge.left === 0 || edge.to === SOURCE || by.has(edge.to)) continue;
      by.set(edge.to, edge);
      queue.push(edge.to);
    }
    if (by.has(SINK)) break;
  }
  const path: Edge[] = [];
  for (let edge = by.get(SINK); edge !== undefined; edge = by.get(edge.back.to)) path.unshift(edge);
  return path;
}
