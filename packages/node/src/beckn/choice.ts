/** Cheapest wins: which offers count, and in which order they are tried. The same offers give the same order anywhere. */

import { slotId } from "@gridmesh/protocol";
import type { BuyOptions, Offer } from "./types.ts";

/** Why an offer is not taken into account; undefined when it is. */
export function refusalOf(
  offer: Offer,
  options: Pick<BuyOptions, "intent" | "minFillMilliWh" | "allOrNothing">,
) {
  const { intent } = options;
  if (offer.currency !== intent.currency) return "currency";
  if (slotId(offer.slot) !== slotId(intent.slot)) return "slot";
  if (offer.priceMicroPerKWh > intent.maxPriceMicroPerKWh) return "price";
  if (offer.availableMilliWh < options.minFillMilliWh) return "quantity";
  if (options.allOrNothing && offer.availableMilliWh < intent.needMilliWh) return "part";
  return undefined;
}

/** Landed cost per kWh, then the earlier start, then the seller's bytes; no fees are charged yet, so cost is the price. */
export function rankOffers(offers: readonly Offer[]): readonly Offer[] {
  return [...offers].sort(
    (a, b) =>
      a.priceMicroPerKWh - b.priceMicroPerKWh ||
      a.slot.startS - b.slot.startS ||
      compareText(a.seller, b.seller) ||
      compareText(a.offerId, b.offerId),
  );
}

/** ASCII names compare as their bytes do. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
