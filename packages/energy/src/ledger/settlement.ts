/** How much of each contract counts once the meters have been read: several rules over the same trades and meters. */

import { amountMicro, MAX_MILLI_WH } from "@gridmesh/protocol";
import { compareIds } from "../market/order.ts";
import { share, shareRest } from "../market/exact.ts";
import { checkInteger } from "../units.ts";

export interface MeteredTrade {
  readonly tradeId: string;
  readonly buyer: string;
  readonly seller: string;
  readonly qtyMilliWh: number;
}

/** What each agent's meter shows for the slot, mWh taken by a buyer or given by a seller; who has none limits nothing. */
export interface Meters {
  readonly taken: ReadonlyMap<string, number>;
  readonly given: ReadonlyMap<string, number>;
}

/** mWh by tradeId; every trade is in it. */
export type Settled = ReadonlyMap<string, number>;

/**
 * One meter shared among its contracts: pro rata by contracted quantity, each capped at it, the odd mWh by largest
 * remainder, ties by tradeId.
 * @throws AMOUNT_INVALID.
 */
export function shareMeter(
  meteredMilliWh: number,
  contracts: readonly Pick<MeteredTrade, "tradeId" | "qtyMilliWh">[],
): Settled {
  checkInteger("metered", meteredMilliWh, [0, MAX_MILLI_WH]);
  for (const { qtyMilliWh } of contracts) checkInteger("qtyMilliWh", qtyMilliWh, [0, MAX_MILLI_WH]);
  const wanted = contracts.reduce((sum, { qtyMilliWh }) => sum + qtyMilliWh, 0);
  checkInteger("sum of qtyMilliWh", wanted, [0, Number.MAX_SAFE_INTEGER]);
  if (wanted <= meteredMilliWh)
    return new Map(contracts.map(({ tradeId, qtyMilliWh }) => [tradeId, qtyMilliWh]));
  const parts = contracts.map(({ tradeId, qtyMilliWh }) => {
    const part = share(qtyMilliWh, meteredMilliWh, wanted);
    const rest = shareRest(qtyMilliWh, meteredMilliWh, { q: part, c: wanted });
    return { tradeId, part, rest };
  });
  const odd = meteredMilliWh - parts.reduce((sum, { part }) => sum + part, 0);
  parts.sort((a, b) => b.rest - a.rest || compareIds(a.tradeId, b.tradeId));
  return new Map(parts.map(({ tradeId, part }, index) => [tradeId, part + (index < odd ? 1 : 0)]));
}

/** Three rounds: each seller's meter shared among its contracts, each buyer's among its own, then the smaller of both. */
export function settleThreeRounds(trades: readonly MeteredTrade[], meters: Meters): Settled {
  const delivered = sharedBy(trades, meters.given, "seller");
  const received = sharedBy(trades, meters.taken, "buyer");
  return new Map(
    trades.map(({ tradeId }) => [tradeId, Math.min(delivered.get(tradeId) ?? 0, received.get(tradeId) ?? 0)]),
  );
}

function sharedBy(
  trades: readonly MeteredTrade[],
  meters: ReadonlyMap<string, number>,
  side: "buyer" | "seller",
): Settled {
  const settled = new Map<string, number>();
  for (const [agent, own] of Map.groupBy(trades, (trade) => trade[side])) {
    for (const [tradeId, part] of shareMeter(meters.get(agent) ?? MAX_MILLI_WH, own))
      settled.set(tradeId, part);
  }
  return settled;
}

/** First come, first settled: each trade in the given order takes what both meters still hold. */
export function settleInOrder(trades: readonly MeteredTrade[], meters: Meters): Settled {
  const taken = new Map(meters.taken);
  const given = new Map(meters.given);
  return new Map(
    trades.map(({ tradeId, buyer, seller, qtyMilliWh }) => {
      const part = Math.min(
        checkInteger("qtyMilliWh", qtyMilliWh, [0, MAX_MILLI_WH]),
        taken.get(buyer) ?? MAX_MILLI_WH,
        given.get(seller) ?? MAX_MILLI_WH,
      );
      draw(taken, buyer, part);
      draw(given, seller, part);
      return [tradeId, part];
    }),
  );
}

function draw(meters: Map<string, number>, agent: string, part: number): void {
  const left = meters.get(agent);
  if (left !== undefined) meters.set(agent, left - part);
}

export interface Deviation {
  /** The contract. */
  readonly qtyMilliWh: number;
  readonly priceMicroPerKWh: number;
  /** What the buyer took and the seller gave of it, mWh. */
  readonly loadMilliWh: number;
  readonly generationMilliWh: number;
  /** The buyer's utility takes what the buyer left at this price, the seller's fills what is missing at that. */
  readonly exportMicroPerKWh: number;
  readonly importMicroPerKWh: number;
}

export interface DeviationSettled {
  readonly buyerPaysMicro: number;
  readonly sellerGetsMicro: number;
  readonly buyerUtilityPaysMicro: number;
  readonly sellerUtilityGetsMicro: number;
}

/** The contract is paid whole; each side settles what it missed of it with its own utility. Payments sum to 0. */
export function settleByDeviation(deviation: Deviation): DeviationSettled {
  const { qtyMilliWh, priceMicroPerKWh, loadMilliWh, generationMilliWh } = deviation;
  const contract = amountMicro(qtyMilliWh, priceMicroPerKWh);
  const left = amountMicro(Math.max(0, qtyMilliWh - loadMilliWh), deviation.exportMicroPerKWh);
  const missing = amountMicro(Math.max(0, qtyMilliWh - generationMilliWh), deviation.importMicroPerKWh);
  return {
    buyerPaysMicro: contract - left,
    sellerGetsMicro: contract - missing,
    buyerUtilityPaysMicro: left,
    sellerUtilityGetsMicro: missing,
  };
}
