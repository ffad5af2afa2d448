/** The buyer's choice among offers, and what it leaves behind so that anybody can make it again. */

import {
  type BecknChoice,
  canonicalize,
  choiceRefusal,
  choiceSchema,
  type ChoiceWish,
  compareChoices,
  MAX_CHOICE_OFFERS,
  slotId,
} from "@gridmesh/protocol";
import type { BecknPorts, LocalAgent } from "./ports.ts";
import type { BuyOptions, Offer } from "./types.ts";

/** As long as the messages it is about. */
const KEPT_MS = 90 * 86_400_000;
/** What is thought of a seller that was never rated, permille. */
const UNKNOWN_PERMILLE = 500;

type Wanted = Pick<BuyOptions, "intent" | "minFillMilliWh" | "allOrNothing">;

/** Why an offer is not taken into account; undefined when it is. */
export function refusalOf(offer: Offer, options: Wanted): string | undefined {
  return choiceRefusal({ ...offer, slotId: slotId(offer.slot) }, wishOf(options));
}

function wishOf({ intent, minFillMilliWh, allOrNothing }: Wanted): ChoiceWish {
  const { slot, needMilliWh, maxPriceMicroPerKWh, currency } = intent;
  return { slotId: slotId(slot), needMilliWh, maxPriceMicroPerKWh, currency, minFillMilliWh, allOrNothing };
}

/** Ratings go from 1 to 5. */
export function permilleOf({ count, sum }: { readonly count: number; readonly sum: number }): number {
  return count === 0 ? UNKNOWN_PERMILLE : Math.round((1_000 * (sum - count)) / (4 * count));
}

/** @param ratingOf - the buyer's own opinion of a seller, permille */
export function rankOffers(
  offers: readonly Offer[],
  ratingOf: (seller: string) => number = () => UNKNOWN_PERMILLE,
): readonly Offer[] {
  const ratings = new Map([...new Set(offers.map(({ seller }) => seller))].map((id) => [id, ratingOf(id)]));
  const keyed = offers.map((offer) => ({
    ...offer,
    startS: offer.slot.startS,
    ratingPermille: ratings.get(offer.seller) ?? UNKNOWN_PERMILLE,
    offer,
  }));
  return keyed.sort(compareChoices).map(({ offer }) => offer);
}

/** Keeps what there was to choose from; more than can be told one by one is not told. */
export function keepChoice(
  { store, clock }: Pick<BecknPorts, "store" | "clock">,
  buyer: LocalAgent,
  about: {
    readonly transactionId: string;
    readonly closedAtMs: number;
    readonly offers: readonly Offer[];
    readonly options: Wanted;
    readonly ratingOf: (seller: string) => number;
  },
): void {
  const { transactionId, closedAtMs, offers, options, ratingOf } = about;
  if (offers.length === 0 || offers.length > MAX_CHOICE_OFFERS) return;
  const choice: BecknChoice = {
    buyer: buyer.agentId,
    closedAtMs,
    wish: wishOf(options),
    offers: offers.map((offer) => ({
      digest: offer.digest,
      seller: offer.seller,
      offerId: offer.offerId,
      slotId: slotId(offer.slot),
      startS: offer.slot.startS,
      availableMilliWh: offer.availableMilliWh,
      priceMicroPerKWh: offer.priceMicroPerKWh,
      currency: offer.currency,
      ratingPermille: ratingOf(offer.seller),
    })),
  };
  const atMs = clock.nowMs();
  store.saveChoice({ transactionId, text: canonicalize(choice), atMs }, atMs - KEPT_MS);
}

/** What was kept of a transaction's choice. */
export function choiceOf(
  { store }: Pick<BecknPorts, "store">,
  transactionId: string,
): BecknChoice | undefined {
  const kept = store.choice(transactionId);
  return kept && choiceSchema.parse(JSON.parse(kept.text));
}
