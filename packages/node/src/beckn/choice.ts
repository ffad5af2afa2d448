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

/** What is thought of a seller that was never rated, permille. */
export const UNKNOWN_PERMILLE = 500;

/** Ratings go from 1 to 5. */
export function permilleOf({ count, sum }: { readonly count: number; readonly sum: number }): number {
  return count === 0 ? UNKNOWN_PERMILLE : Math.round((1_000 * (sum - count)) / (4 * count));
}

/**
 * Landed cost per kWh, then the earlier start, the better rating, the seller's bytes; no fees are charged yet, so cost is
 * the price. @param ratingOf - the buyer's own opinion of a seller, permille
 */
export function rankOffers(
  offers: readonly Offer[],
  ratingOf: (seller: string) => number = () => UNKNOWN_PERMILLE,
): readonly Offer[] {
  const ratings = new Map([...new Set(offers.map(({ seller }) => seller))].map((id) => [id, ratingOf(id)]));
  const rating = ({ seller }: Offer) => ratings.get(seller) ?? UNKNOWN_PERMILLE;
  return [...offers].sort(
    (a, b) =>
      a.priceMicroPerKWh - b.priceMicroPerKWh ||
      a.slot.startS - b.slot.startS ||
      rating(b) - rating(a) ||
      compareText(a.seller, b.seller) ||
      compareText(a.offerId, b.offerId),
  );
}

/** ASCII names compare as their bytes do. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
