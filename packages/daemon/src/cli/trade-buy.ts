/** A purchase by hand. */

import { parseDecimal } from "@gridmesh/protocol";
import type { Action } from "./invocation.ts";
import { money, short, table } from "./table.ts";

/** Dearer than any energy. */
const ANY_PRICE_MICRO = 1_000_000_000;
/** A search and as many sellers as may be asked. */
const LEAST_MS = 60_000;

/** Exit code 1 when nobody sold it. @throws OFFER_NOT_FOUND, AGENT_NOT_FOUND. */
export const buyTrade: Action = async (invocation) => {
  const { kwh, maxPrice, agent } = invocation.options;
  const { currency: asked } = invocation.options;
  const currency = typeof asked === "string" ? asked : "USD";
  const daemon = await invocation.daemon();
  const steps = await daemon.buy(
    {
      quantityMilliWh: parseDecimal(typeof kwh === "string" ? kwh : ""),
      maxPriceMicroPerKWh: typeof maxPrice === "string" ? parseDecimal(maxPrice) : ANY_PRICE_MICRO,
      currency,
      ...(typeof agent === "string" ? { agent } : {}),
    },
    { timeoutMs: LEAST_MS, ...invocation.wait },
  );
  const rows = steps.map((step) => [
    step.orderId === "" ? "–" : step.orderId,
    `${step.sellerName} ${short(step.seller)}`,
    step.reason === undefined ? step.outcome : `${step.outcome} (${step.reason})`,
    money(step.amountMicro, currency),
  ]);
  invocation.print({ trade: steps.at(-1), steps }, table(["order", "seller", "outcome", "amount"], rows));
  return steps.at(-1)?.outcome === "confirmed" ? 0 : 1;
};
