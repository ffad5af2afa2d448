/** `curve`: demand over price steps, summed up a tree of areas, priced where supply meets it (PowerMatcher). */

import { MAX_MILLI_WH } from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";

/** Whole W per price step, negative for supply; never rising from one step to the next. */
export type DemandCurve = readonly number[];

export interface CurveSum {
  readonly sumW: readonly number[];
  /** Places of the bids that rise somewhere or have another length: they alone are refused. */
  readonly refused: readonly number[];
}

/** Adds up the bids of one area, or the sums of the areas below it. @throws AMOUNT_INVALID for a sum out of range. */
export function sumCurves(steps: number, bids: readonly DemandCurve[]): CurveSum {
  checkInteger("price steps", steps, [2, 1_000_000]);
  const sumW = Array.from({ length: steps }, () => 0);
  const refused: number[] = [];
  bids.forEach((bid, place) => {
    if (!isBid(bid, steps)) {
      refused.push(place);
      return;
    }
    for (let step = 0; step < steps; step += 1) sumW[step] = (sumW[step] ?? 0) + (bid[step] ?? 0);
  });
  for (const sum of sumW)
    checkInteger("sum of demand", sum, [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
  return { sumW, refused };
}

/** A bid of one device may ask or give up to 10¹² W a step. */
function isBid(bid: DemandCurve, steps: number): boolean {
  if (bid.length !== steps) return false;
  let before = MAX_MILLI_WH;
  for (const demand of bid) {
    if (!Number.isSafeInteger(demand) || demand > before || demand < -MAX_MILLI_WH) return false;
    before = demand;
  }
  return true;
}

/** The price step, 0 … steps − 1, at which a falling sum is 0. */
export function curveStep(sumW: DemandCurve): number {
  const last = sumW.length - 1;
  if ((sumW[0] ?? 0) < 0) return 0;
  if ((sumW[last] ?? 0) > 0) return last;
  const firstZero = sumW.findIndex((sum) => sum <= 0);
  if (sumW[firstZero] === 0) {
    const lastZero = sumW.lastIndexOf(0);
    return Math.floor((firstZero + lastZero + 1) / 2);
  }
  const above = sumW[firstZero - 1] ?? 0;
  const below = sumW[firstZero] ?? 0;
  // Half way or more towards the lower sum rounds up to its step.
  return above >= -below ? firstZero : firstZero - 1;
}
