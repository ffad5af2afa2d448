/** Ratings go from 1 to 5 in whole steps, by whatever revision they come. */

import { ProtocolError } from "../errors.ts";

export const RATING_WORST = 1;
export const RATING_BEST = 5;

/** @throws INVALID_PARAMS. */
export function readRatingValue(value: string | number): number {
  const rating = /^[1-5]$/.test(String(value)) ? Number(value) : Number.NaN;
  if (rating >= RATING_WORST && rating <= RATING_BEST) return rating;
  throw new ProtocolError("INVALID_PARAMS", `a rating is 1 to 5, not ${String(value).slice(0, 20)}`, {
    data: { beckn: "BIZ_INVALID_RATING_VALUE" },
  });
}
