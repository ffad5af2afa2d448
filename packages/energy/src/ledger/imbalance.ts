/** What no contract covered: always dearer than the utility, so that nobody gains by not keeping a contract. */

import { amountMicro, MAX_MICRO_PER_KWH, MAX_MILLI_WH, mulDiv } from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";

/** What one agent's slot came to, mWh; drawing counts positive, giving negative. */
export interface SlotFlows {
  /** Import less export by the meter. */
  readonly meteredMilliWh: number;
  /** Bought less sold. */
  readonly contractedMilliWh: number;
  /** Signed before the gate; free. */
  readonly declaredMilliWh: number;
}

export interface ImbalanceTariff {
  readonly retailMicroPerKWh: number;
  readonly feedInMicroPerKWh: number;
  /** How much worse than the utility; default 100. */
  readonly imbalancePermille?: number;
}

export interface Imbalance {
  /** Positive: drawn from the operator; negative: fed in. */
  readonly qtyMilliWh: number;
  readonly priceMicroPerKWh: number;
  /** Positive: the agent owes the operator. */
  readonly amountMicro: number;
}

const PERMILLE = 1_000;
const DEFAULT_PERMILLE = 100;

/** @throws AMOUNT_INVALID for figures out of range, or a feed-in price over retail. */
export function imbalanceOf(flows: SlotFlows, tariff: ImbalanceTariff): Imbalance {
  const { retailMicroPerKWh: retail, feedInMicroPerKWh: feedIn } = tariff;
  const permille = checkInteger("imbalancePermille", tariff.imbalancePermille ?? DEFAULT_PERMILLE, [
    0,
    PERMILLE,
  ]);
  checkInteger("retailMicroPerKWh", retail, [-MAX_MICRO_PER_KWH, MAX_MICRO_PER_KWH]);
  checkInteger("feedInMicroPerKWh", feedIn, [-MAX_MICRO_PER_KWH, retail]);
  const qtyMilliWh = checkInteger(
    "imbalance",
    flows.meteredMilliWh - flows.contractedMilliWh - flows.declaredMilliWh,
    [-MAX_MILLI_WH, MAX_MILLI_WH],
  );
  // Added to the size of the price: a share of a negative one would turn the penalty into a gain.
  const priceMicroPerKWh =
    qtyMilliWh > 0
      ? retail + mulDiv(Math.abs(retail), permille, PERMILLE)
      : feedIn - mulDiv(Math.abs(feedIn), permille, PERMILLE);
  return { qtyMilliWh, priceMicroPerKWh, amountMicro: amountMicro(qtyMilliWh, priceMicroPerKWh) };
}
