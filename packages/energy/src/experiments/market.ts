/** E4: what each mechanism makes of the same needs when traders tell the truth, shade it, learn, or say anything. */

import { randomStream } from "../data/random-stream.ts";
import { ContinuousBook } from "../market/book.ts";
import { clearCallUniform, clearPayAsBid } from "../market/call-auction.ts";
import { clearGsyPayAsBid, clearPayAsAsk } from "../market/greedy.ts";
import type { AuctionOrder, AuctionTrade } from "../market/order.ts";
import { clearTradeReduction } from "../market/trade-reduction.ts";
import { CEILING, createTrader, type Need, type Trader, type TraderKind } from "./traders.ts";

export type MarketMechanism =
  | "call-uniform"
  | "call-pay-as-bid"
  | "trade-reduction"
  | "cda"
  | "pay-as-ask"
  | "gsy-pay-as-bid";

export interface MarketRow {
  readonly mechanism: MarketMechanism;
  readonly traders: TraderKind;
  /** Worth of what was traded over the most there was, by true worth; 1 is all of it. */
  readonly efficiency: number;
  /** What buyers paid per kWh traded, micro-currency; null without a trade. */
  readonly meanPriceMicroPerKWh: number | null;
  /** Sellers' part of what both gained. */
  readonly sellerShare: number;
  /** Paid by buyers less got by sellers, micro-currency: negative would be a deficit. */
  readonly surplusMicro: number;
}

export interface LearningRow {
  readonly week: number;
  readonly meanPriceMicroPerKWh: number | null;
  readonly efficiency: number;
}

export interface MarketExperiment {
  readonly seed: number;
  /** Auctions of each mechanism and kind; default 100. */
  readonly auctions?: number;
}

const TRADERS = 40;
const KWH = 1_000_000;
const AUCTIONS_A_WEEK = 28;
const WEEKS = 8;
const KINDS: readonly TraderKind[] = ["truthful", "ramp", "zip", "zero-intelligence"];

type Match = (orders: readonly AuctionOrder[]) => readonly AuctionTrade[];

const mechanisms: Readonly<Record<MarketMechanism, Match>> = {
  "call-uniform": (orders) => clearCallUniform(orders, { kPermille: 500 }).trades,
  "call-pay-as-bid": (orders) => clearPayAsBid(orders).trades,
  "trade-reduction": (orders) => clearTradeReduction(orders).trades,
  cda: continuous,
  "pay-as-ask": (orders) => clearPayAsAsk(orders).trades,
  "gsy-pay-as-bid": (orders) => clearGsyPayAsBid(orders).trades,
};

/** A row per mechanism and kind of trader, all over the same needs. */
export function marketExperiment({ seed, auctions = 100 }: MarketExperiment): readonly MarketRow[] {
  return (Object.keys(mechanisms) as MarketMechanism[]).flatMap((mechanism) =>
    KINDS.map((kind) => {
      const sums = runAuctions({ seed, mechanism, kind, from: 0, to: auctions }, createTraders(seed, kind));
      return { mechanism, traders: kind, ...figuresOf(sums), surplusMicro: sums.paid - sums.got };
    }),
  );
}

/** What buyers who learn pay in call-uniform, week by week; the first and the eighth are the ones to compare. */
export function learningExperiment({ seed }: MarketExperiment): readonly LearningRow[] {
  const traders = createTraders(seed, "zip");
  return Array.from({ length: WEEKS }, (_, index) => {
    const [from, to] = [index * AUCTIONS_A_WEEK, (index + 1) * AUCTIONS_A_WEEK];
    const sums = runAuctions({ seed, mechanism: "call-uniform", kind: "zip", from, to }, traders);
    const { meanPriceMicroPerKWh, efficiency } = figuresOf(sums);
    return { week: index + 1, meanPriceMicroPerKWh, efficiency };
  });
}

interface Sums {
  /** Worth gained, mWh × micro-currency per kWh, as is the most there was. */
  gained: number;
  most: number;
  sellersGained: number;
  paid: number;
  got: number;
  qty: number;
}

interface Run {
  readonly seed: number;
  readonly mechanism: MarketMechanism;
  readonly kind: TraderKind;
  readonly from: number;
  readonly to: number;
}

function createTraders(seed: number, kind: TraderKind): Trader[] {
  return Array.from({ length: TRADERS }, (_, index) =>
    createTrader(kind, randomStream(seed, `trader ${index} ${kind}`)),
  );
}

function runAuctions({ seed, mechanism, from, to }: Run, traders: readonly Trader[]): Sums {
  const sums: Sums = { gained: 0, most: 0, sellersGained: 0, paid: 0, got: 0, qty: 0 };
  for (let auction = from; auction < to; auction += 1) {
    const needs = needsOf(seed, auction);
    const orders = needs.map((need, index) => orderOf(need, index, traders[index]?.limit(need)));
    const trades = mechanisms[mechanism](orders);
    const traded = new Set(trades.flatMap(({ buyer, seller }) => [buyer, seller]));
    for (const trade of trades) count(sums, trade, needs);
    sums.most += mostOf(needs);
    const priceMicroPerKWh = meanPrice(trades);
    traders.forEach((trader, index) =>
      trader.learn({ priceMicroPerKWh, traded: traded.has(agentOf(index)) }),
    );
  }
  return sums;
}

/** Half of the traders buy; worth and cost overlap, so that a third of them should not trade. */
function needsOf(seed: number, auction: number): Need[] {
  const chance = randomStream(seed, `needs ${auction}`);
  return Array.from({ length: TRADERS }, (_, index) => {
    const isBid = index % 2 === 0;
    const worthMicroPerKWh = isBid ? chance.integer(100_000, 300_000) : chance.integer(50_000, 250_000);
    return { side: isBid ? "bid" : "ask", worthMicroPerKWh, qtyMilliWh: chance.integer(KWH / 2, 3 * KWH) };
  });
}

function agentOf(index: number): string {
  return `a${String(index).padStart(2, "0")}`;
}

function orderOf(
  { side, worthMicroPerKWh, qtyMilliWh }: Need,
  index: number,
  limit = worthMicroPerKWh,
): AuctionOrder {
  const agentId = agentOf(index);
  return { orderId: agentId, agentId, side, qtyMilliWh, limitMicroPerKWh: limit, minFillMilliWh: 0 };
}

function count(sums: Sums, trade: AuctionTrade, needs: readonly Need[]): void {
  const { qtyMilliWh, amountMicro, buyerFeesMicro, sellerFeesMicro } = trade;
  const worth = needs[Number(trade.buyer.slice(1))]?.worthMicroPerKWh ?? 0;
  const cost = needs[Number(trade.seller.slice(1))]?.worthMicroPerKWh ?? 0;
  const got = amountMicro - sellerFeesMicro;
  sums.gained += qtyMilliWh * (worth - cost);
  sums.sellersGained += got * KWH - qtyMilliWh * cost;
  sums.paid += amountMicro + buyerFeesMicro;
  sums.got += got;
  sums.qty += qtyMilliWh;
}

/** The most that these needs could gain: at the price where the two sides' gains together are least. */
function mostOf(needs: readonly Need[]): number {
  const gainAt = (price: number): number =>
    needs.reduce((sum, { side, worthMicroPerKWh, qtyMilliWh }) => {
      const gain = side === "bid" ? worthMicroPerKWh - price : price - worthMicroPerKWh;
      return sum + Math.max(0, gain) * qtyMilliWh;
    }, 0);
  return Math.min(...needs.map(({ worthMicroPerKWh }) => gainAt(worthMicroPerKWh)));
}

function meanPrice(trades: readonly AuctionTrade[]): number | null {
  const qty = trades.reduce((sum, { qtyMilliWh }) => sum + qtyMilliWh, 0);
  const paid = trades.reduce((sum, { amountMicro, buyerFeesMicro }) => sum + amountMicro + buyerFeesMicro, 0);
  return qty === 0 ? null : (paid * KWH) / qty;
}

function figuresOf({ gained, most, sellersGained, paid, qty }: Sums) {
  return {
    efficiency: most === 0 ? 1 : gained / most,
    meanPriceMicroPerKWh: qty === 0 ? null : (paid * KWH) / qty,
    sellerShare: gained === 0 ? 0 : sellersGained / gained,
  };
}

/** Orders come one by one in an order that has nothing to do with their prices. */
function continuous(orders: readonly AuctionOrder[]): readonly AuctionTrade[] {
  const book = new ContinuousBook({ minMicroPerKWh: 0, maxMicroPerKWh: CEILING, tickMicro: 1, gateS: 900 });
  return orders.flatMap((order) => {
    const placed = { ...order, type: "limit", tif: "gtd", postOnly: false, expiresS: 900 } as const;
    return book.apply({ kind: "place", atS: 0, order: placed }).trades;
  });
}
