/** Cheapest wins: which offers count, and in which order they are tried. The same offers give the same order anywhere. */

import * as z from "zod";
import { MAX_MICRO_PER_KWH, MAX_MILLI_WH } from "../quantity.ts";

/** More offers of one search are not told one by one. */
export const MAX_CHOICE_OFFERS = 256;

const idText = z.string().min(1).max(160);

const wish = z.strictObject({
  slotId: idText,
  needMilliWh: z.int().min(1).max(MAX_MILLI_WH),
  maxPriceMicroPerKWh: z.int().min(0).max(MAX_MICRO_PER_KWH),
  currency: z.string().min(1).max(16),
  minFillMilliWh: z.int().min(0).max(MAX_MILLI_WH),
  allOrNothing: z.boolean(),
});

const offer = z.strictObject({
  /** Base64 of BLAKE2b-512 over the body it came in. */
  digest: z.base64(),
  seller: idText,
  offerId: idText,
  slotId: idText,
  startS: z.int(),
  availableMilliWh: z.int().min(0).max(MAX_MILLI_WH),
  priceMicroPerKWh: z.int().min(0).max(MAX_MICRO_PER_KWH),
  currency: z.string().min(1).max(16),
  /** What the buyer thought of the seller then. */
  ratingPermille: z.int().min(0).max(1_000),
});

/** What a buyer wanted, and every offer it had when it chose. */
export const choiceSchema = z.strictObject({
  /** agent_id. */
  buyer: idText,
  /** Wall ms of the end of its search. */
  closedAtMs: z.int().min(0),
  wish,
  offers: z.array(offer).max(MAX_CHOICE_OFFERS),
});

export type BecknChoice = Readonly<z.infer<typeof choiceSchema>>;
export type ChoiceOffer = BecknChoice["offers"][number];
export type ChoiceWish = BecknChoice["wish"];
export type ChoiceRefusal = "currency" | "slot" | "price" | "quantity" | "part";

/** Why an offer is not taken into account; undefined when it is. */
export function choiceRefusal(
  about: Pick<ChoiceOffer, "currency" | "slotId" | "priceMicroPerKWh" | "availableMilliWh">,
  wanted: ChoiceWish,
): ChoiceRefusal | undefined {
  if (about.currency !== wanted.currency) return "currency";
  if (about.slotId !== wanted.slotId) return "slot";
  if (about.priceMicroPerKWh > wanted.maxPriceMicroPerKWh) return "price";
  if (about.availableMilliWh < wanted.minFillMilliWh) return "quantity";
  if (wanted.allOrNothing && about.availableMilliWh < wanted.needMilliWh) return "part";
  return undefined;
}

type Ranked = Pick<ChoiceOffer, "priceMicroPerKWh" | "startS" | "ratingPermille" | "seller" | "offerId">;

/**
 * Landed cost per kWh, then the earlier start, the better rating, the seller's bytes; no fees are charged yet, so cost is
 * the price.
 */
export function compareChoices(a: Ranked, b: Ranked): number {
  return (
    a.priceMicroPerKWh - b.priceMicroPerKWh ||
    a.startS - b.startS ||
    b.ratingPermille - a.ratingPermille ||
    compareText(a.seller, b.seller) ||
    compareText(a.offerId, b.offerId)
  );
}

/** Those that count, the one to try first in front. */
export function rankChoice({ wish: wanted, offers }: BecknChoice): readonly ChoiceOffer[] {
  return offers.filter((one) => choiceRefusal(one, wanted) === undefined).sort(compareChoices);
}

/** ASCII names compare as their bytes do. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
