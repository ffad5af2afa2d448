/** Orders that know their area and may have conditions, and the trades they make. */

import { MAX_MICRO_PER_KWH, MAX_MILLI_WH, ProtocolError } from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";
import type { AreaFee, FeeTable } from "./area-tree.ts";
import { tradeAt } from "./order.ts";
import type { AuctionOrder, AuctionTrade } from "./order.ts";

export type EnergySource = "SOLAR" | "BATTERY" | "GRID" | "HYBRID" | "RENEWABLE";

/** One alternative of an order; what it leaves open is not asked for. */
export interface OrderCondition {
  readonly qtyMilliWh: number;
  readonly limitMicroPerKWh: number;
  /** agent_ids, at most 16. */
  readonly partners?: readonly string[];
  /** Bids alone. */
  readonly sources?: readonly EnergySource[];
  /** The partner is in one of these, or below it. */
  readonly areas?: readonly string[];
  readonly maxFeeMicroPerKWh?: number;
}

export interface AreaOrder extends AuctionOrder {
  readonly area: string;
  /** Asks alone. */
  readonly source?: EnergySource;
  /** Alternatives in order of preference, at most 8; one that restricts nothing stands last. */
  readonly anyOf?: readonly OrderCondition[];
}

export interface AreaTrade extends AuctionTrade {
  /** Where it cleared. */
  readonly area: string;
  readonly fees: readonly AreaFee[];
  /** The condition it came by, from 1; absent in the main auction. */
  readonly condition?: number;
}

export const MAX_CONDITIONS = 8;
const MAX_PARTNERS = 16;

export function isRestricting({ partners, sources, areas, maxFeeMicroPerKWh }: OrderCondition): boolean {
  return [partners, sources, areas, maxFeeMicroPerKWh].some((wish) => wish !== undefined);
}

/** @throws SCHEMA_INVALID for conditions of the wrong form, AMOUNT_INVALID for their figures. */
export function checkConditions({ orderId, side, qtyMilliWh, anyOf = [] }: AreaOrder): void {
  const refuse = (why: string): never => {
    throw new ProtocolError("SCHEMA_INVALID", `order ${orderId}: ${why}`);
  };
  if (anyOf.length > MAX_CONDITIONS) refuse(`${anyOf.length} conditions, at most ${MAX_CONDITIONS}`);
  anyOf.forEach((condition, place) => {
    checkInteger("qtyMilliWh", condition.qtyMilliWh, [1, Math.min(qtyMilliWh, MAX_MILLI_WH)]);
    checkInteger("limitMicroPerKWh", condition.limitMicroPerKWh, [-MAX_MICRO_PER_KWH, MAX_MICRO_PER_KWH]);
    checkInteger("maxFeeMicroPerKWh", condition.maxFeeMicroPerKWh ?? 0, [0, MAX_MICRO_PER_KWH]);
    if ((condition.partners?.length ?? 0) > MAX_PARTNERS) refuse(`more than ${MAX_PARTNERS} partners`);
    if (side === "ask" && condition.sources !== undefined) refuse("an ask wishes for a source");
    if (!isRestricting(condition) && place < anyOf.length - 1)
      refuse("a condition that restricts nothing is not the last");
  });
}

/** A trade of two orders that cleared in `top`, with the fees of its path. */
export function areaTrade(
  bid: AreaOrder,
  ask: AreaOrder,
  { fees, top, qtyMilliWh, price }: AreaTerms,
): AreaTrade {
  const paid = fees.feesOf({ buyerArea: bid.area, sellerArea: ask.area, qtyMilliWh, price });
  const of = (side: "buyer" | "seller"): number =>
    paid.reduce((sum, fee) => sum + (fee.side === side ? fee.feeMicro : 0), 0);
  const trade = tradeAt(bid, ask, { qtyMilliWh, price });
  return { ...trade, buyerFeesMicro: of("buyer"), sellerFeesMicro: of("seller"), area: top, fees: paid };
}

interface AreaTerms {
  readonly fees: FeeTable;
  readonly top: string;
  readonly qtyMilliWh: number;
  readonly price: number;
}
