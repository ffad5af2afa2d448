/** Who gets how much in a call auction: one sweep over both sorted sides, the same for every price rule. */

import { share, shareRest } from "./exact.ts";
import { compareIds } from "./order.ts";
import type { AuctionOrder } from "./order.ts";
import type { Side } from "./sort.ts";

export interface Allocation {
  readonly bids: Side;
  readonly asks: Side;
  readonly volume: number;
  /** Between these no order wants more or less than it got; ±∞ on an empty side. */
  readonly lo: number;
  readonly hi: number;
}

/** Fills both sides to the largest volume of the greatest welfare; orders whose least fill cannot be kept go first. */
export function allocate(
  bids: Side,
  asks: Side,
): { readonly allocation: Allocation; readonly removed: string[] } {
  const removed: string[] = [];
  const demanding = [...demandingOf(bids), ...demandingOf(asks)];
  for (;;) {
    const { volume } = sweep(bids, asks);
    fillTo(bids, volume);
    fillTo(asks, volume);
    const lo = Math.max(worstFilled(asks, -1), bestUnfilled(bids, -1));
    const hi = Math.min(worstFilled(bids, 1), bestUnfilled(asks, 1));
    const worst = leastAdvantage(demanding, { lo, hi });
    if (worst === undefined) return { allocation: { bids, asks, volume, lo, hi }, removed };
    removed.push(worst.order.orderId);
    worst.side.qty[worst.index] = 0;
  }
}

export interface Sweep {
  readonly volume: number;
  /** Places of the last bid and ask that traded; −1 when none did. */
  readonly lastBid: number;
  readonly lastAsk: number;
}

/** Goes down both sides while the bid pays what the ask wants, equal prices too. */
export function sweep(bids: Side, asks: Side): Sweep {
  let volume = 0;
  let bid = 0;
  let ask = 0;
  let bidLeft = bids.qty[0] ?? 0;
  let askLeft = asks.qty[0] ?? 0;
  let lastBid = -1;
  let lastAsk = -1;
  while (bid < bids.qty.length && ask < asks.qty.length) {
    if (bidLeft === 0) bidLeft = bids.qty[(bid += 1)] ?? 0;
    else if (askLeft === 0) askLeft = asks.qty[(ask += 1)] ?? 0;
    else if ((bids.limit[bid] as number) < (asks.limit[ask] as number)) break;
    else {
      const both = Math.min(bidLeft, askLeft);
      volume += both;
      bidLeft -= both;
      askLeft -= both;
      lastBid = bid;
      lastAsk = ask;
    }
  }
  return { volume, lastBid, lastAsk };
}

/** Level by level to the volume; the level that does not fit is rationed. */
export function fillTo(side: Side, volume: number): void {
  const { qty, limit, fill } = side;
  let left = volume;
  let from = 0;
  while (from < qty.length && left > 0) {
    let to = from;
    let wanted = 0;
    while (to < qty.length && (limit[to] as number) === (limit[from] as number)) {
      wanted += qty[to] as number;
      to += 1;
    }
    if (wanted > left) ration(side, { from, to }, { left, wanted });
    else for (let i = from; i < to; i += 1) fill[i] = qty[i] as number;
    left -= Math.min(wanted, left);
    from = to;
  }
  fill.fill(0, from);
}

/** ⌊qty·left/Σqty⌋ each, then 1 mWh by largest remainder, ties in the side's order. */
export function ration(
  { qty, fill }: Pick<Side, "qty" | "fill">,
  { from, to }: { readonly from: number; readonly to: number },
  { left, wanted }: { readonly left: number; readonly wanted: number },
): void {
  const rests = new Float64Array(to - from);
  let given = 0;
  for (let i = from; i < to; i += 1) {
    const part = share(qty[i] as number, left, wanted);
    fill[i] = part;
    given += part;
    rests[i - from] = shareRest(qty[i] as number, left, { q: part, c: wanted });
  }
  const odd = left - given;
  if (odd === 0) return;
  const bound = rests.toSorted()[rests.length - odd] as number;
  let above = 0;
  for (const rest of rests) if (rest > bound) above += 1;
  let ties = odd - above;
  for (let i = from; i < to; i += 1) {
    const rest = rests[i - from] as number;
    if (rest > bound) fill[i] = (fill[i] as number) + 1;
    else if (rest === bound && ties > 0) {
      fill[i] = (fill[i] as number) + 1;
      ties -= 1;
    }
  }
}

function worstFilled({ limit, fill }: Side, none: 1 | -1): number {
  let found = none * Number.POSITIVE_INFINITY;
  for (let i = 0; i < fill.length; i += 1) {
    if ((fill[i] as number) > 0) found = limit[i] as number;
  }
  return found;
}

function bestUnfilled({ qty, limit, fill }: Side, none: 1 | -1): number {
  for (let i = 0; i < fill.length; i += 1) {
    if ((fill[i] as number) < (qty[i] as number)) return limit[i] as number;
  }
  return none * Number.POSITIVE_INFINITY;
}

interface Demanding {
  readonly side: Side;
  readonly index: number;
  readonly order: AuctionOrder;
}

function demandingOf(side: Side): Demanding[] {
  return side.demanding.map((index) => ({ side, index, order: side.orders[index] as AuctionOrder }));
}

/** Of the orders whose least fill is not kept the one that gains least, then the larger least fill, then by id. */
function leastAdvantage(
  demanding: readonly Demanding[],
  { lo, hi }: { readonly lo: number; readonly hi: number },
): Demanding | undefined {
  let worst: Demanding | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const one of demanding) {
    const fill = one.side.fill[one.index] as number;
    if (fill === 0 || fill >= one.order.minFillMilliWh) continue;
    const { side, limitMicroPerKWh } = one.order;
    const advantage = side === "bid" ? limitMicroPerKWh - lo : hi - limitMicroPerKWh;
    if (worst === undefined || advantage < least || (advantage === least && isWorse(one, worst))) {
      worst = one;
      least = advantage;
    }
  }
  return worst;
}

function isWorse(a: Demanding, b: Demanding): boolean {
  const larger = a.order.minFillMilliWh - b.order.minFillMilliWh;
  return larger !== 0 ? larger > 0 : compareIds(a.order.orderId, b.order.orderId) < 0;
}
