/** One area's auction by the mechanism of its rules. */

import { ProtocolError } from "@gridmesh/protocol";
import { clearAreas } from "./areas.ts";
import { clearPayAsBid } from "./call-auction.ts";
import { clearGsyPayAsBid } from "./greedy.ts";
import type { AuctionOrder, AuctionTrade } from "./order.ts";
import type { MarketOrder, MarketRules } from "./rules.ts";
import { clearTradeReduction } from "./trade-reduction.ts";

/** Integers that two who clear the same book agree on to the last one. */
export interface ClearingFigures {
  readonly priceMicroPerKWh: number | null;
  readonly loMicroPerKWh: number | null;
  readonly hiMicroPerKWh: number | null;
  readonly volumeMilliWh: number;
  readonly welfareMicro: number;
}

export interface AuctionResult extends ClearingFigures {
  readonly trades: readonly (AuctionTrade & { readonly condition?: number })[];
}

export interface IdentifiedOrder extends MarketOrder {
  readonly orderId: string;
}

/** The tree of one area; its name is in nobody's hands. */
const ALONE = "area";

/** @throws what the mechanism refuses; SCHEMA_INVALID for conditions where the mechanism knows none. */
export function clearByRules(orders: readonly IdentifiedOrder[], rules: MarketRules): AuctionResult {
  const { mechanism } = rules;
  if (mechanism !== "call-uniform") return clearPlain(orders, mechanism);
  const { kPermille, feeMicroPerKWh } = rules;
  const { trades, areas } = clearAreas(
    orders.map((order) => ({ ...order, area: ALONE })),
    { rules: new Map([[ALONE, { kPermille, feeMicroPerKWh }]]) },
  );
  const main = areas.get(ALONE);
  const inMain = main?.volumeMilliWh ?? 0;
  const byCondition = trades.filter(({ condition }) => condition !== undefined);
  return {
    priceMicroPerKWh: main?.priceMicroPerKWh ?? null,
    loMicroPerKWh: main?.loMicroPerKWh ?? null,
    hiMicroPerKWh: main?.hiMicroPerKWh ?? null,
    volumeMilliWh: byCondition.reduce((sum, { qtyMilliWh }) => sum + qtyMilliWh, inMain),
    welfareMicro: main?.welfareMicro ?? 0,
    trades: trades.map(({ area: _area, fees: _fees, ...trade }) => trade),
  };
}

function clearPlain(orders: readonly IdentifiedOrder[], mechanism: PlainMechanism): AuctionResult {
  if (orders.some(({ anyOf }) => anyOf !== undefined && anyOf.length > 0))
    throw new ProtocolError("SCHEMA_INVALID", `${mechanism} knows no conditions`);
  const clearing = mechanisms[mechanism](orders);
  const { priceMicroPerKWh, loMicroPerKWh, hiMicroPerKWh, volumeMilliWh, welfareMicro, trades } = clearing;
  return { priceMicroPerKWh, loMicroPerKWh, hiMicroPerKWh, volumeMilliWh, welfareMicro, trades };
}

type PlainMechanism = Exclude<MarketRules["mechanism"], "call-uniform">;

const mechanisms: Readonly<
  Record<
    PlainMechanism,
    (orders: readonly AuctionOrder[]) => ClearingFigures & { readonly trades: readonly AuctionTrade[] }
  >
> = {
  "call-pay-as-bid": clearPayAsBid,
  "trade-reduction": clearTradeReduction,
  "gsy-pay-as-bid": clearGsyPayAsBid,
};
