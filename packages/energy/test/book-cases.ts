/** Seeded random books and what must hold of every one of them; the best there is is found by a second algorithm. */

import assert from "node:assert/strict";
import {
  type AuctionOrder,
  type AuctionTrade,
  type Clearing,
  clearCallUniform,
  clearPayAsAsk,
  clearPayAsBid,
  clearTradeReduction,
} from "@gridmesh/energy";

export type Dice = (below: number) => number;

/** Whole numbers 0 … below − 1 from one seed. */
export function dice(seed: number): Dice {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Few prices and agents, so that levels tie and agents meet themselves; a third of the books are huge. */
export function randomBook(roll: Dice, leastFills = false): AuctionOrder[] {
  const isHuge = roll(3) === 0;
  const prices = [1, 3, 10, 40][roll(4)] ?? 1;
  const step = isHuge ? 24_000_000 : 1;
  const most = isHuge ? 400_000_000_000 : [3, 50, 4_000_000][roll(3)]!;
  // Ids that differ soon, and ids that tie for long.
  const isTied = roll(3) === 0;
  return Array.from({ length: roll(40) }, (_, index) => {
    const qtyMilliWh = 1 + roll(most);
    const tied = `${roll(2)}~~~~~~${roll(9)}${index}`;
    return {
      orderId: isTied ? tied : `${roll(2 ** 16).toString(16)}-${index}`,
      agentId: `a${roll(6)}`,
      side: roll(2) === 0 ? ("bid" as const) : ("ask" as const),
      qtyMilliWh,
      limitMicroPerKWh: (roll(prices) - Math.floor(prices / 4)) * step,
      minFillMilliWh: leastFills && roll(4) === 0 ? roll(qtyMilliWh + 1) : 0,
    };
  });
}

export function shuffled<T>(values: readonly T[], roll: Dice): T[] {
  const mixed = [...values];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = roll(last + 1);
    [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
  }
  return mixed;
}

export function bytesOf(clearing: Clearing): string {
  return JSON.stringify({ ...clearing, fills: [...clearing.fills] });
}

/** Least sum of what both sides would gain, over every price there is: no allocation is worth more (LP duality). */
function bestWelfare(orders: readonly AuctionOrder[]): bigint {
  let best: bigint | undefined;
  for (const { limitMicroPerKWh: price } of orders) {
    const gains = orders.map((one) => {
      const gain = one.side === "bid" ? one.limitMicroPerKWh - price : price - one.limitMicroPerKWh;
      return BigInt(Math.max(0, gain)) * BigInt(one.qtyMilliWh);
    });
    const sum = gains.reduce((total, gain) => total + gain, 0n);
    if (best === undefined || sum < best) best = sum;
  }
  return best ?? 0n;
}

/** Worth of the fills in mWh × micro-currency per kWh. */
function worthOf(orders: readonly AuctionOrder[], clearing: Clearing): bigint {
  return orders.reduce((sum, one) => {
    const worth = BigInt(one.limitMicroPerKWh) * BigInt(clearing.fills.get(one.orderId) ?? 0);
    return one.side === "bid" ? sum + worth : sum - worth;
  }, 0n);
}

export interface Seen {
  readonly trades: number;
  readonly netted: number;
  readonly removed: number;
}

/** Everything call-uniform promises of one book. */
export function checkUniform(orders: readonly AuctionOrder[], roll: Dice): Seen {
  const rules = { kPermille: roll(1_001) };
  const clearing = clearCallUniform(orders, rules);
  const bytes = bytesOf(clearing);
  assert.equal(bytesOf(clearCallUniform(shuffled(orders, roll), rules)), bytes);
  assert.equal(bytesOf(clearCallUniform(orders.toReversed(), rules)), bytes);
  const kept = orders.filter((one) => !clearing.removed.includes(one.orderId));
  checkSums(orders, clearing);
  checkPrice(kept, clearing);
  checkRations(kept, clearing);
  assert.equal(worthOf(kept, clearing), bestWelfare(kept), "the efficiency is not 1.000");
  for (const { orderId, minFillMilliWh } of orders) {
    const fill = clearing.fills.get(orderId) ?? 0;
    assert.ok(fill === 0 || fill >= minFillMilliWh);
  }
  const { trades, netted, removed } = clearing;
  return { trades: trades.length, netted: netted.length, removed: removed.length };
}

/** Of a level that did not fit each gets its share, the odd mWh go by largest remainder, then by id. */
function checkRations(orders: readonly AuctionOrder[], { fills }: Clearing): void {
  const levels = Map.groupBy(orders, ({ side, limitMicroPerKWh }) => `${side} ${limitMicroPerKWh}`);
  for (const level of levels.values()) {
    const wanted = level.reduce((sum, one) => sum + BigInt(one.qtyMilliWh), 0n);
    const got = level.reduce((sum, one) => sum + BigInt(fills.get(one.orderId) ?? 0), 0n);
    const shares = level
      .map((one) => ({
        one,
        part: (BigInt(one.qtyMilliWh) * got) / wanted,
        rest: (BigInt(one.qtyMilliWh) * got) % wanted,
      }))
      .sort((a, b) => Number(b.rest - a.rest) || (a.one.orderId < b.one.orderId ? -1 : 1));
    const odd = got - shares.reduce((sum, { part }) => sum + part, 0n);
    shares.forEach(({ one, part }, place) => {
      assert.equal(
        BigInt(fills.get(one.orderId) ?? 0),
        part + (BigInt(place) < odd ? 1n : 0n),
        "not its share",
      );
    });
  }
}

function checkSums(orders: readonly AuctionOrder[], clearing: Clearing): void {
  const fill = (side: "bid" | "ask", agentId?: string) =>
    orders
      .filter((one) => one.side === side && (agentId === undefined || one.agentId === agentId))
      .reduce((sum, one) => sum + (clearing.fills.get(one.orderId) ?? 0), 0);
  assert.equal(fill("bid"), clearing.volumeMilliWh);
  assert.equal(fill("ask"), clearing.volumeMilliWh);
  const own = new Map(clearing.netted.map(({ agentId, qtyMilliWh }) => [agentId, qtyMilliWh]));
  let netted = 0;
  for (const agentId of new Set(orders.map((one) => one.agentId))) {
    const [bought, sold] = [fill("bid", agentId), fill("ask", agentId)];
    const must = Math.max(0, bought + sold - clearing.volumeMilliWh);
    assert.equal(own.get(agentId) ?? 0, must, "more is netted than must be");
    assert.equal(tradedBy(clearing.trades, "buyer", agentId), bought - must);
    assert.equal(tradedBy(clearing.trades, "seller", agentId), sold - must);
    netted += must;
  }
  for (const { buyer, seller, qtyMilliWh } of clearing.trades) {
    assert.notEqual(buyer, seller);
    assert.ok(qtyMilliWh > 0);
  }
  assert.equal(
    clearing.trades.reduce((sum, trade) => sum + trade.qtyMilliWh, netted),
    clearing.volumeMilliWh,
  );
}

function tradedBy(trades: readonly AuctionTrade[], as: "buyer" | "seller", agentId: string): number {
  return trades.reduce((sum, trade) => sum + (trade[as] === agentId ? trade.qtyMilliWh : 0), 0);
}

function checkPrice(orders: readonly AuctionOrder[], clearing: Clearing): void {
  const { priceMicroPerKWh: price, loMicroPerKWh: lo, hiMicroPerKWh: hi } = clearing;
  if (price === null) return assert.equal(clearing.volumeMilliWh, 0);
  assert.ok(lo !== null && hi !== null && lo <= price && price <= hi, `${lo} ≤ ${price} ≤ ${hi}`);
  for (const one of orders) {
    const fill = clearing.fills.get(one.orderId) ?? 0;
    assert.ok(fill <= one.qtyMilliWh);
    for (const anyPrice of [lo, price, hi]) {
      const gain = one.side === "bid" ? one.limitMicroPerKWh - anyPrice : anyPrice - one.limitMicroPerKWh;
      if (gain > 0) assert.equal(fill, one.qtyMilliWh, "would have liked more");
      if (gain < 0) assert.equal(fill, 0, "got what it did not want");
    }
  }
}

/** Same fills as call-uniform, each at its bid's limit; pay-as-ask never asks more than a bid's limit. */
export function checkOthers(orders: readonly AuctionOrder[], roll: Dice): void {
  const uniform = clearCallUniform(orders, { kPermille: 500 });
  const payAsBid = clearPayAsBid(orders);
  assert.deepEqual(payAsBid.fills, uniform.fills);
  const limits = new Map(orders.map((one) => [one.orderId, one.limitMicroPerKWh]));
  for (const trade of payAsBid.trades) assert.equal(trade.priceMicroPerKWh, limits.get(trade.bidId));
  const payAsAsk = clearPayAsAsk(orders);
  assert.equal(bytesOf(clearPayAsAsk(shuffled(orders, roll))), bytesOf(payAsAsk));
  // Pairs are made one by one, so nothing is ever netted.
  checkSums(orders, payAsAsk);
  for (const trade of payAsAsk.trades) {
    assert.equal(trade.priceMicroPerKWh, limits.get(trade.askId));
    assert.ok(trade.priceMicroPerKWh <= (limits.get(trade.bidId) ?? 0));
  }
}

const PRICES = 12;

/** One order an agent, small numbers: all lies about a price can be tried. */
export function truthfulBook(roll: Dice): AuctionOrder[] {
  return Array.from({ length: 2 + roll(9) }, (_, index) => ({
    orderId: `${roll(2 ** 16).toString(16)}-${index}`,
    agentId: `a${index}`,
    side: roll(2) === 0 ? ("bid" as const) : ("ask" as const),
    qtyMilliWh: 1 + roll(6),
    limitMicroPerKWh: roll(PRICES),
    minFillMilliWh: 0,
  }));
}

/** Tries every false price of every order. Returns how many were tried and how many trades there were. */
export function checkTradeReduction(
  orders: readonly AuctionOrder[],
  roll: Dice,
): { lies: number; trades: number } {
  const clearing = clearTradeReduction(orders);
  assert.equal(bytesOf(clearTradeReduction(shuffled(orders, roll))), bytesOf(clearing));
  checkSums(orders, clearing);
  for (const { buyerFeesMicro, sellerFeesMicro } of clearing.trades) {
    assert.ok(buyerFeesMicro >= 0 && sellerFeesMicro === 0, "a deficit");
  }
  let lies = 0;
  for (const one of orders) {
    const honest = gainOf(one, clearing);
    assert.ok(honest >= 0, "who tells the truth loses");
    for (let price = -1; price <= PRICES; price += 1) {
      if (price === one.limitMicroPerKWh) continue;
      const told = orders.map((other) => (other === one ? { ...one, limitMicroPerKWh: price } : other));
      assert.ok(gainOf(one, clearTradeReduction(told)) <= honest, `${one.orderId} gains by saying ${price}`);
      lies += 1;
    }
  }
  return { lies, trades: clearing.trades.length };
}

function gainOf(one: AuctionOrder, clearing: Clearing): number {
  const fill = clearing.fills.get(one.orderId) ?? 0;
  if (fill === 0) return 0;
  return one.side === "bid"
    ? fill * (one.limitMicroPerKWh - (clearing.hiMicroPerKWh ?? 0))
    : fill * ((clearing.loMicroPerKWh ?? 0) - one.limitMicroPerKWh);
}
