/**
 * Strategy `threshold`: below one level of charge a lot is bought, above another one is offered, between them nothing
 * happens. Who sold does not buy and who bought does not offer for a while, else the same energy would circle.
 */

import { HOUR_MS, type RateStep, rateStep, thresholdDecision } from "@gridmesh/energy";
import { type Slot, slotId } from "@gridmesh/protocol";
import type { Decided, TradingAction } from "../brain.ts";
import { kWh } from "../words.ts";

export interface ThresholdOptions {
  readonly capacityMilliWh: number;
  readonly reserveMilliWh: number;
  readonly buyBelowPermille: number;
  readonly sellAbovePermille: number;
  readonly lotMilliWh: number;
  readonly minTradeMilliWh: number;
  /** Positive: generates, negative: consumes; per cycle. */
  readonly rateMilliWh: number;
  readonly cycleMs: number;
  readonly buyAfterPermille: number;
  readonly coolingCycles: number;
}

type ThresholdPhase = "idle" | "buying" | "selling";

export interface ThresholdState {
  readonly phase: ThresholdPhase;
  /** The last cycle that ticked; a cycle ticks once. */
  readonly cycle: number | null;
}

export type ThresholdInput =
  | {
      readonly kind: "tick";
      /** Cycles since the epoch of market time. */
      readonly cycle: number;
      /** Since the last tick, or since the last one in the journal; 0 at the very first. */
      readonly elapsedCycles: number;
      readonly slot: Slot;
      /** In the battery, committed energy included. */
      readonly storedMilliWh: number;
      readonly availableMilliWh: number;
      /** Purchases whose energy is still to come. */
      readonly underWayMilliWh: number;
      readonly cyclesSincePurchase: number | null;
      readonly cyclesSinceSale: number | null;
    }
  | { readonly kind: "bought" };

type Tick = Extract<ThresholdInput, { kind: "tick" }>;
type Result = Decided<ThresholdState, TradingAction>;
type Decision = Pick<ThresholdState, "phase"> & { readonly actions: readonly TradingAction[] };

export const thresholdIdle: ThresholdState = { phase: "idle", cycle: null };

export function stepThreshold(
  state: ThresholdState,
  input: ThresholdInput,
  options: ThresholdOptions,
): Result {
  if (input.kind === "bought") {
    return { state: state.phase === "buying" ? { ...state, phase: "idle" } : state, actions: [] };
  }
  if (state.cycle !== null && input.cycle <= state.cycle) return { state, actions: [] };
  const step = elapsed(input, options);
  const change = step.storedMilliWh - input.availableMilliWh;
  const after: Tick = {
    ...input,
    storedMilliWh: input.storedMilliWh + change,
    availableMilliWh: step.storedMilliWh,
  };
  const { phase, actions } = decide(state.phase, after, options);
  return { state: { phase, cycle: input.cycle }, actions: [...entries(input, step), ...actions] };
}

/** What the elapsed time adds or takes: over capacity is curtailed, what is promised to others is not used up. */
function elapsed(input: Tick, options: ThresholdOptions): RateStep {
  const promised = input.storedMilliWh - input.availableMilliWh;
  return rateStep({
    capacityMilliWh: Math.max(0, options.capacityMilliWh - promised - input.underWayMilliWh),
    storedMilliWh: input.availableMilliWh,
    rateMilliW: Math.trunc((options.rateMilliWh * HOUR_MS) / options.cycleMs),
    elapsedMs: input.elapsedCycles * options.cycleMs,
    restMilliWMs: 0,
  });
}

function entries(input: Tick, step: RateStep): readonly TradingAction[] {
  const key = `cycle/${input.cycle}`;
  const { slot } = input;
  const actions: TradingAction[] = [];
  // What the battery lacks is drawn from the operator and used at once.
  const { producedMilliWh, unservedMilliWh } = step;
  const consumedMilliWh = step.consumedMilliWh + unservedMilliWh;
  if (unservedMilliWh > 0) actions.push({ kind: "imbalance", slot, quantityMilliWh: unservedMilliWh });
  if (producedMilliWh > 0) {
    actions.push({ kind: "record", entry: "produce", key, quantityMilliWh: producedMilliWh });
  }
  if (consumedMilliWh > 0) {
    actions.push({ kind: "record", entry: "consume", key, quantityMilliWh: consumedMilliWh });
  }
  return actions;
}

function decide(phase: ThresholdPhase, input: Tick, options: ThresholdOptions): Decision {
  if (phase === "buying") return { phase, actions: [] };
  const rests = (since: number | null) => (since === null ? 0 : input.cycle - since + options.coolingCycles);
  const wish = thresholdDecision(
    { buyFromCycle: rests(input.cyclesSinceSale), sellFromCycle: rests(input.cyclesSincePurchase) },
    {
      cycle: input.cycle,
      storedMilliWh: input.storedMilliWh,
      committedMilliWh: input.storedMilliWh - input.availableMilliWh,
      openPurchasesMilliWh: input.underWayMilliWh,
    },
    options,
  );
  if (wish.kind === "idle") return { phase: "idle", actions: [] };
  if (wish.kind === "buy") return { phase: "buying", actions: buy(input, wish.quantityMilliWh, options) };
  const untilMs = input.slot.startS * 1_000 + options.cycleMs;
  const { slot } = input;
  return {
    phase: "selling",
    actions: [{ kind: "offer", slot, quantityMilliWh: wish.quantityMilliWh, untilMs }],
  };
}

function buy(input: Tick, need: number, options: ThresholdOptions): readonly TradingAction[] {
  const startMs = input.slot.startS * 1_000;
  return [
    {
      kind: "log",
      event: "household.buying",
      message: `--- SUPERVISOR: Energy low (${kWh(input.storedMilliWh)}), starting BAP flow ---`,
      fields: { slot: slotId(input.slot) },
    },
    {
      kind: "buy",
      slot: input.slot,
      quantityMilliWh: need,
      fromMs: startMs + Math.floor((options.cycleMs * options.buyAfterPermille) / 1_000),
      untilMs: startMs + options.cycleMs,
    },
  ];
}
