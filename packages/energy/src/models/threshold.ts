/** A home that trades by the level of its battery: low buys, high sells, in between it waits. */

import { meterStep } from "../units.ts";

export interface ThresholdOptions {
  readonly capacityMilliWh: number;
  /** Not sold below this, mWh. */
  readonly reserveMilliWh: number;
  /** Buys below this share of the capacity, ‰. */
  readonly buyBelowPermille: number;
  /** Sells above this share, ‰. */
  readonly sellAbovePermille: number;
  /** Most that is bought or sold at once, mWh. */
  readonly lotMilliWh: number;
  readonly minTradeMilliWh: number;
  /** Who sold does not buy, who bought does not offer, for so many cycles. */
  readonly coolingCycles: number;
}

/** Cycle numbers from which buying and selling are allowed again; 0 at first. */
export interface ThresholdState {
  readonly buyFromCycle: number;
  readonly sellFromCycle: number;
}

export const thresholdStart: ThresholdState = { buyFromCycle: 0, sellFromCycle: 0 };

export interface ThresholdInput {
  readonly cycle: number;
  /** In the battery, promised energy included, mWh. */
  readonly storedMilliWh: number;
  /** Promised to buyers, mWh. */
  readonly committedMilliWh: number;
  /** Bought and not yet here, mWh. */
  readonly openPurchasesMilliWh: number;
}

export type ThresholdDecision =
  | { readonly kind: "buy" | "sell"; readonly quantityMilliWh: number }
  | { readonly kind: "idle"; readonly why: "between" | "cooling" | "purchase_open" | "too_little" };

const PERMILLE = 1_000;

/** What the home wants in this cycle; changes nothing. */
export function thresholdDecision(
  state: ThresholdState,
  input: ThresholdInput,
  options: ThresholdOptions,
): ThresholdDecision {
  const level = input.storedMilliWh * PERMILLE;
  if (level < options.capacityMilliWh * options.buyBelowPermille) {
    if (input.openPurchasesMilliWh > 0) return { kind: "idle", why: "purchase_open" };
    if (input.cycle < state.buyFromCycle) return { kind: "idle", why: "cooling" };
    const room = options.capacityMilliWh - input.storedMilliWh;
    return trade("buy", Math.min(options.lotMilliWh, room), options);
  }
  if (level <= options.capacityMilliWh * options.sellAbovePermille) return { kind: "idle", why: "between" };
  if (input.cycle < state.sellFromCycle) return { kind: "idle", why: "cooling" };
  const free = input.storedMilliWh - options.reserveMilliWh - input.committedMilliWh;
  return trade("sell", Math.min(options.lotMilliWh, free), options);
}

function trade(kind: "buy" | "sell", quantityMilliWh: number, options: ThresholdOptions): ThresholdDecision {
  const enough = quantityMilliWh >= Math.max(1, options.minTradeMilliWh);
  return enough ? { kind, quantityMilliWh } : { kind: "idle", why: "too_little" };
}

/** After a confirmed trade in `cycle`: the other direction rests. */
export function afterTrade(
  state: ThresholdState,
  done: { readonly kind: "buy" | "sell"; readonly cycle: number },
  options: Pick<ThresholdOptions, "coolingCycles">,
): ThresholdState {
  const from = done.cycle + options.coolingCycles;
  return done.kind === "buy"
    ? { ...state, sellFromCycle: Math.max(state.sellFromCycle, from) }
    : { ...state, buyFromCycle: Math.max(state.buyFromCycle, from) };
}

/** What constant power did to a battery without losses since the last tick; all mWh ≥ 0. */
export interface RateStep {
  readonly storedMilliWh: number;
  readonly producedMilliWh: number;
  readonly consumedMilliWh: number;
  /** Made and not stored: the battery was full. */
  readonly curtailedMilliWh: number;
  /** Wanted and not there. */
  readonly unservedMilliWh: number;
  /** Carry into the next step. */
  readonly restMilliWMs: number;
}

/** Applies `rateMilliW` (positive makes, negative uses) for the time that really passed; 0 at the first tick. */
export function rateStep(input: {
  readonly capacityMilliWh: number;
  readonly storedMilliWh: number;
  readonly rateMilliW: number;
  readonly elapsedMs: number;
  readonly restMilliWMs: number;
}): RateStep {
  const { milliWh, restMilliWMs } = meterStep(input.rateMilliW, input.elapsedMs, input.restMilliWMs);
  const made = Math.max(0, milliWh);
  const wanted = Math.max(0, -milliWh);
  const producedMilliWh = Math.min(made, Math.max(0, input.capacityMilliWh - input.storedMilliWh));
  const consumedMilliWh = Math.min(wanted, Math.max(0, input.storedMilliWh));
  return {
    storedMilliWh: input.storedMilliWh + producedMilliWh - consumedMilliWh,
    producedMilliWh,
    consumedMilliWh,
    curtailedMilliWh: made - producedMilliWh,
    unservedMilliWh: wanted - consumedMilliWh,
    restMilliWMs,
  };
}
