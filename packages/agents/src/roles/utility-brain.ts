/** The utility's table: a standing offer for every slot that is or comes next, never sold out, never late. */

import { type Slot, slotId } from "@gridmesh/protocol";
import type { Decided, TradingAction } from "../brain.ts";
import { gateMs } from "./household-options.ts";

export interface UtilityOptions {
  readonly area: string;
  readonly cycleMs: number;
  readonly gatePermille: number;
  readonly offerMilliWh: number;
}

export interface UtilityState {
  /** Slots with a standing offer, newest last. */
  readonly offered: readonly string[];
}

export type UtilityInput = { readonly kind: "time"; readonly atMs: number };

export const utilityIdle: UtilityState = { offered: [] };

/** Slots remembered: the running one and the next, and what a clock set back might ask for again. */
const REMEMBERED = 4;

export function stepUtility(
  state: UtilityState,
  input: UtilityInput,
  options: UtilityOptions,
): Decided<UtilityState, TradingAction> {
  const startMs = Math.floor(input.atMs / options.cycleMs) * options.cycleMs;
  const wanted = [startMs, startMs + options.cycleMs]
    .filter((slotMs) => input.atMs < gateMs(options, slotMs))
    .map((slotMs) => ({ slot: slotAtMs(options, slotMs), untilMs: gateMs(options, slotMs) }))
    .filter(({ slot }) => !state.offered.includes(slotId(slot)));
  return {
    state: { offered: [...state.offered, ...wanted.map(({ slot }) => slotId(slot))].slice(-REMEMBERED) },
    actions: wanted.map(({ slot, untilMs }) => ({
      kind: "offer",
      slot,
      quantityMilliWh: options.offerMilliWh,
      untilMs,
    })),
  };
}

function slotAtMs(options: UtilityOptions, startMs: number): Slot {
  return { area: options.area, startS: startMs / 1_000, durationS: options.cycleMs / 1_000 };
}
