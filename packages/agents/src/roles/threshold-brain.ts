/**
 * Strategy `threshold`: below one level of charge a lot is bought, above another one is offered, between them nothing
 * happens. Who sold does not buy and who bought does not offer for a while, else the same energy would circle.
 */

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

export type ThresholdPhase = "idle" | "buying" | "selling";

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
  const change = levelChange(input, options);
  const after: Tick = {
    ...input,
    storedMilliWh: input.storedMilliWh + change,
    availableMilliWh: input.availableMilliWh + change,
  };
  const trade = decide(state.phase, after, options);
  return {
    state: { phase: trade.state.phase, cycle: input.cycle },
    actions: [...apply(input, change, options), ...trade.actions],
  };
}

/** What the elapsed time adds or takes, within the battery: over capacity is curtailed. */
function levelChange(input: Tick, options: ThresholdOptions): number {
  const wanted = options.rateMilliWh * input.elapsedCycles;
  const room = Math.max(0, options.capacityMilliWh - input.storedMilliWh - input.underWayMilliWh);
  return wanted >= 0 ? Math.min(wanted, room) : -Math.min(-wanted, Math.max(0, input.availableMilliWh));
}

function apply(input: Tick, change: number, options: ThresholdOptions): readonly TradingAction[] {
  const key = `cycle/${input.cycle}`;
  const actions: TradingAction[] = [];
  const wanted = options.rateMilliWh * input.elapsedCycles;
  // What the battery lacks is drawn from the operator and used at once.
  const unserved = wanted < 0 ? change - wanted : 0;
  if (unserved > 0) actions.push({ kind: "imbalance", slot: input.slot, quantityMilliWh: unserved });
  if (wanted > 0 && change > 0) {
    actions.push({ kind: "record", entry: "produce", key, quantityMilliWh: change });
  }
  if (wanted < 0) actions.push({ kind: "record", entry: "consume", key, quantityMilliWh: -wanted });
  return actions;
}

function decide(phase: ThresholdPhase, input: Tick, options: ThresholdOptions): Result {
  const stay = (next: ThresholdPhase, actions: readonly TradingAction[] = []): Result => ({
    state: { phase: next, cycle: input.cycle },
    actions,
  });
  if (phase === "buying" || input.underWayMilliWh > 0) return stay(phase);
  const permille =
    options.capacityMilliWh === 0 ? 0 : (input.storedMilliWh * 1_000) / options.capacityMilliWh;
  const cooling = (since: number | null) => since !== null && since < options.coolingCycles;

  if (permille < options.buyBelowPermille && !cooling(input.cyclesSinceSale)) {
    const room = options.capacityMilliWh - input.storedMilliWh;
    const need = Math.min(options.lotMilliWh, room);
    return need < options.minTradeMilliWh || need === 0
      ? stay("idle")
      : stay("buying", buy(input, need, options));
  }
  if (permille > options.sellAbovePermille && !cooling(input.cyclesSincePurchase)) {
    const lot = Math.min(options.lotMilliWh, input.availableMilliWh - options.reserveMilliWh);
    if (lot < options.minTradeMilliWh || lot <= 0) return stay("idle");
    const untilMs = input.slot.startS * 1_000 + options.cycleMs;
    return stay("selling", [{ kind: "offer", slot: input.slot, quantityMilliWh: lot, untilMs }]);
  }
  return stay("idle");
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
