/** Conditions on whom, what and where from: pass by pass before the main auction, in order of preference. */

import {
  areaTrade,
  checkConditions,
  type AreaOrder,
  type AreaTrade,
  isRestricting,
  MAX_CONDITIONS,
  type OrderCondition,
} from "./area-order.ts";
import { type Borders, type FeeTable, meetingArea } from "./area-tree.ts";
import { compareIds } from "./order.ts";

interface Open {
  readonly order: AreaOrder;
  left: number;
  /** Left of each condition, mWh. */
  readonly conditionLeft: number[];
}

interface Market {
  readonly fees: FeeTable;
  readonly borders: Borders;
}

/** What an order lets one partner have. */
interface Terms {
  readonly limit: number;
  readonly room: number;
  /** Place of the condition; undefined for an order without any. */
  readonly condition: number | undefined;
}

interface Match {
  readonly other: Open;
  readonly terms: Terms;
  readonly top: string;
  readonly fee: number;
  /** Of the ask, and of the bid. */
  readonly ask: number;
  readonly bid: number;
}

/**
 * Trades by conditions, and what is left of every order for the main auction.
 * @throws SCHEMA_INVALID, AMOUNT_INVALID for bad conditions; SLOT_INVALID for an area without rules.
 */
export function attributePasses(
  orders: readonly AreaOrder[],
  market: Market,
): { readonly trades: AreaTrade[]; readonly rest: AreaOrder[] } {
  const open = orders.map((order): Open => {
    checkConditions(order);
    const conditionLeft = (order.anyOf ?? []).map(({ qtyMilliWh }) => qtyMilliWh);
    return { order, left: order.qtyMilliWh, conditionLeft };
  });
  const bids = open.filter(({ order }) => order.side === "bid");
  const asks = open.filter(({ order }) => order.side === "ask");
  const trades: AreaTrade[] = [];
  const deepest = Math.max(0, ...open.map(({ conditionLeft }) => conditionLeft.length));
  for (let pass = 0; pass < Math.min(deepest, MAX_CONDITIONS); pass += 1) {
    trades.push(...passOf(bids, asks, { pass, market }));
    // Bids without conditions meet the asks that choose their buyers only here.
    trades.push(...passOf(asks, bids, { pass, market }));
  }
  return { trades, rest: open.flatMap(restOf) };
}

interface Pass {
  readonly pass: number;
  readonly market: Market;
}

/** The pass-th restricting conditions of one side, the most eager first, against the best of the other that fit. */
function passOf(wishing: readonly Open[], others: readonly Open[], { pass, market }: Pass): AreaTrade[] {
  const trades: AreaTrade[] = [];
  const eager = wishing
    .flatMap((one) => {
      const condition = one.order.anyOf?.[pass];
      return condition !== undefined && isRestricting(condition) ? [{ one, condition }] : [];
    })
    .sort((a, b) => {
      const sign = a.one.order.side === "bid" ? 1 : -1;
      const byLimit = sign * (b.condition.limitMicroPerKWh - a.condition.limitMicroPerKWh);
      return byLimit || compareIds(a.one.order.orderId, b.one.order.orderId);
    });
  for (const { one, condition } of eager) {
    const matches = others.flatMap((other) => matchOf({ one, condition }, other, market));
    matches.sort((a, b) => b.bid - b.ask - b.fee - (a.bid - a.ask - a.fee) || byOther(a, b));
    for (const match of matches) {
      const trade = take(one, match, { pass, market });
      if (trade !== undefined) trades.push(trade);
    }
  }
  return trades;
}

function byOther(a: Match, b: Match): number {
  return compareIds(a.other.order.orderId, b.other.order.orderId);
}

/** The two and where they meet, if each is what the other asks for and the prices leave room for the fees. */
function matchOf(
  { one, condition }: { readonly one: Open; readonly condition: OrderCondition },
  other: Open,
  { fees }: Market,
): Match[] {
  const top = meetingArea(one.order.area, other.order.area);
  if (top === undefined || other.order.agentId === one.order.agentId) return [];
  const [bid, ask] = one.order.side === "bid" ? [one.order, other.order] : [other.order, one.order];
  const fee = fees.pathFee(bid.area, ask.area, top);
  const terms = termsFor(other, one.order, fee);
  if (terms === undefined || !accepts(condition, other.order, fee)) return [];
  const own = condition.limitMicroPerKWh;
  const limits = one.order.side === "bid" ? { bid: own, ask: terms.limit } : { bid: terms.limit, ask: own };
  return limits.ask + fee <= limits.bid ? [{ other, terms, top, fee, ...limits }] : [];
}

/** By the first condition that takes this partner; an order without conditions takes everybody. */
function termsFor({ order, left, conditionLeft }: Open, partner: AreaOrder, fee: number): Terms | undefined {
  if (order.anyOf === undefined || order.anyOf.length === 0)
    return { limit: order.limitMicroPerKWh, room: left, condition: undefined };
  const condition = order.anyOf.findIndex(
    (one, place) => (conditionLeft[place] ?? 0) > 0 && accepts(one, partner, fee),
  );
  const found = order.anyOf[condition];
  if (found === undefined) return undefined;
  return {
    limit: found.limitMicroPerKWh,
    room: Math.min(left, conditionLeft[condition] ?? 0),
    condition,
  };
}

function accepts(condition: OrderCondition, partner: AreaOrder, fee: number): boolean {
  const { partners, sources, areas, maxFeeMicroPerKWh } = condition;
  if (partners !== undefined && !partners.includes(partner.agentId)) return false;
  if (areas !== undefined && !areas.some((area) => isWithin(partner.area, area))) return false;
  if (maxFeeMicroPerKWh !== undefined && fee > maxFeeMicroPerKWh) return false;
  if (sources === undefined) return true;
  const { source } = partner;
  if (source === "SOLAR" && sources.includes("RENEWABLE")) return true;
  return source !== undefined && sources.includes(source);
}

function isWithin(area: string, top: string): boolean {
  return area === top || area.startsWith(`${top}.`);
}

function take(one: Open, match: Match, { pass, market }: Pass): AreaTrade | undefined {
  const { other, terms, top, fee } = match;
  const [bid, ask] = one.order.side === "bid" ? [one, other] : [other, one];
  const path = { buyerArea: bid.order.area, sellerArea: ask.order.area, top };
  const room = market.borders.between(path.buyerArea, path.sellerArea, top);
  const qtyMilliWh = Math.min(one.left, one.conditionLeft[pass] ?? 0, terms.room, other.left, room);
  if (qtyMilliWh <= 0 || qtyMilliWh < Math.max(leastOf(one), leastOf(other))) return undefined;
  one.left -= qtyMilliWh;
  one.conditionLeft[pass] = (one.conditionLeft[pass] ?? 0) - qtyMilliWh;
  other.left -= qtyMilliWh;
  if (terms.condition !== undefined)
    other.conditionLeft[terms.condition] = (other.conditionLeft[terms.condition] ?? 0) - qtyMilliWh;
  market.borders.cross(path, qtyMilliWh);
  const { kPermille } = market.fees.rulesOf(top);
  const got = match.ask + Math.floor(((match.bid - match.ask - fee) * kPermille) / 1_000);
  const sellerFee = market.fees.pathFee(top, ask.order.area, top);
  const trade = areaTrade(bid.order, ask.order, {
    fees: market.fees,
    top,
    qtyMilliWh,
    price: got + sellerFee,
  });
  return { ...trade, condition: pass + 1 };
}

/** What the order still needs at once to keep its least fill. */
function leastOf({ order, left }: Open): number {
  return order.minFillMilliWh - (order.qtyMilliWh - left);
}

/** What enters the main auction: an order without conditions, or its condition that restricts nothing. */
function restOf({ order, left, conditionLeft }: Open): AreaOrder[] {
  const { anyOf, ...plain } = order;
  const minFillMilliWh = left < order.qtyMilliWh ? 0 : order.minFillMilliWh;
  if (anyOf === undefined || anyOf.length === 0)
    return left > 0 ? [{ ...plain, qtyMilliWh: left, minFillMilliWh }] : [];
  const last = anyOf.at(-1);
  if (last === undefined || isRestricting(last)) return [];
  const qtyMilliWh = Math.min(left, conditionLeft.at(-1) ?? 0);
  if (qtyMilliWh === 0 || qtyMilliWh < minFillMilliWh) return [];
  return [{ ...plain, qtyMilliWh, minFillMilliWh, limitMicroPerKWh: last.limitMicroPerKWh }];
}
