/** A tree of areas: what can trade at home does, what is left goes up, within what each border lets through. */

import { ProtocolError } from "@gridmesh/protocol";
import { fillTo } from "./allocation.ts";
import { areaTrade, type AreaOrder, type AreaTrade } from "./area-order.ts";
import { Borders, chainOfAreas, FeeTable, parentOf } from "./area-tree.ts";
import type { AreaLimit, AreaRules } from "./area-tree.ts";
import { attributePasses } from "./attributes.ts";
import { clearCallUniform } from "./call-auction.ts";
import type { AuctionOrder, Clearing } from "./order.ts";
import { sortBook } from "./sort.ts";

export interface AreasInput {
  /** Rules of every area with an order, and of all above them. */
  readonly rules: ReadonlyMap<string, AreaRules>;
  /** Areas without a limit let everything through. */
  readonly limits?: ReadonlyMap<string, AreaLimit>;
}

export interface AreasClearing {
  readonly trades: readonly AreaTrade[];
  /** The main auction of each area, the lowest first. */
  readonly areas: ReadonlyMap<string, Clearing>;
  /** What every area earned, micro-currency. */
  readonly fees: ReadonlyMap<string, number>;
}

interface Tree {
  readonly orders: ReadonlyMap<string, AreaOrder>;
  readonly fees: FeeTable;
  readonly borders: Borders;
}

/**
 * First the conditions of the orders, then a call auction per area from the leaves up.
 * @throws SLOT_INVALID for an area without rules; SCHEMA_INVALID for bad conditions; what clearCallUniform throws.
 */
export function clearAreas(orders: readonly AreaOrder[], input: AreasInput): AreasClearing {
  const tree: Tree = {
    orders: byIdOnce(orders),
    fees: new FeeTable(input.rules),
    borders: new Borders(input.limits ?? new Map()),
  };
  const passed = attributePasses(orders, tree);
  const trades: AreaTrade[] = [...passed.trades];
  const areas = new Map<string, Clearing>();
  const waiting = new Map<string, AuctionOrder[]>();
  const wait = (area: string, order: AuctionOrder): void => {
    const { feeMicroPerKWh } = tree.fees.rulesOf(area);
    const limitMicroPerKWh = order.limitMicroPerKWh + (order.side === "ask" ? feeMicroPerKWh : 0);
    waiting.set(area, [...(waiting.get(area) ?? []), { ...order, limitMicroPerKWh }]);
  };
  for (const { area, ...order } of passed.rest) wait(area, order);
  for (const area of lowestFirst(orders)) {
    const book = waiting.get(area) ?? [];
    const clearing = clearCallUniform(book, tree.fees.rulesOf(area));
    areas.set(area, clearing);
    for (const { bidId, askId, qtyMilliWh, priceMicroPerKWh: price } of clearing.trades) {
      const terms = { fees: tree.fees, top: area, qtyMilliWh, price };
      trades.push(areaTrade(orderOf(tree, bidId), orderOf(tree, askId), terms));
    }
    const parent = parentOf(area);
    if (parent === undefined) continue;
    const { feeMicroPerKWh } = tree.fees.rulesOf(area);
    for (const order of forwarded(remainders(book, clearing), area, tree.borders)) {
      // A bid pays the fee of the area it leaves on top of what it pays above.
      const fee = order.side === "bid" ? feeMicroPerKWh : 0;
      wait(parent, { ...order, limitMicroPerKWh: order.limitMicroPerKWh - fee });
    }
  }
  return { trades, areas, fees: earned(trades) };
}

function byIdOnce(orders: readonly AreaOrder[]): ReadonlyMap<string, AreaOrder> {
  const byId = new Map<string, AreaOrder>();
  for (const order of orders) {
    if (byId.has(order.orderId))
      throw new ProtocolError("ORDER_CONFLICT", `order ${order.orderId} stands twice`);
    byId.set(order.orderId, order);
  }
  return byId;
}

function orderOf({ orders }: Tree, orderId: string): AreaOrder {
  const order = orders.get(orderId);
  if (order === undefined) throw new ProtocolError("ORDER_NOT_FOUND", `order ${orderId} is not in the book`);
  return order;
}

/** Every area with an order and all above it, deepest first, then by name. */
function lowestFirst(orders: readonly AreaOrder[]): string[] {
  const areas = [...new Set(orders.flatMap((order) => chainOfAreas(order.area)))];
  const depth = (area: string): number => area.split(".").length;
  return areas.sort((a, b) => depth(b) - depth(a) || (a < b ? -1 : 1));
}

function remainders(book: readonly AuctionOrder[], clearing: Clearing): AuctionOrder[] {
  return book.flatMap((order) => {
    const fill = clearing.fills.get(order.orderId) ?? 0;
    const left = order.qtyMilliWh - fill;
    if (left === 0) return [];
    // What got its least fill wants no more of it.
    return [{ ...order, qtyMilliWh: left, minFillMilliWh: fill > 0 ? 0 : order.minFillMilliWh }];
  });
}

/** Bids and asks cut from the worst price to what the border lets through, ties pro rata. */
function forwarded(orders: readonly AuctionOrder[], area: string, borders: Borders): AuctionOrder[] {
  const { bids, asks } = sortBook(orders);
  return [bids, asks].flatMap((side) => {
    const of = side === bids ? "bid" : "ask";
    const wanted = side.qty.reduce((sum, qty) => sum + qty, 0);
    fillTo(side, Math.min(wanted, borders.left(area, of)));
    return side.orders.flatMap((order, place) => {
      const qtyMilliWh = side.fill[place] ?? 0;
      return qtyMilliWh > 0 && qtyMilliWh >= order.minFillMilliWh ? [{ ...order, qtyMilliWh }] : [];
    });
  });
}

function earned(trades: readonly AreaTrade[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { fees } of trades) {
    for (const { area, feeMicro } of fees) sums.set(area, (sums.get(area) ?? 0) + feeMicro);
  }
  return sums;
}
