/**
 * Strategy `surplus`: each slot the home's own sun and battery serve its load first; what is left over is offered,
 * what is missing is bought, and what no contract covered is settled with the area's operator.
 */

import { type Battery, planHour, type SlotPlan } from "@gridmesh/energy";
import { type Slot, slotId } from "@gridmesh/protocol";
import type { Decided, TradingAction } from "../brain.ts";
import { kWh } from "../words.ts";
import { gateMs } from "./household-options.ts";

export interface SurplusOptions {
  readonly battery: Battery;
  readonly minTradeMilliWh: number;
  readonly cycleMs: number;
  readonly gatePermille: number;
  readonly buyAfterPermille: number;
}

/** What a home knows of a slot: its series and what the battery does with it. */
export interface HomePlan extends SlotPlan {
  readonly loadMilliWh: number;
  readonly pvMilliWh: number;
  readonly storedMilliWh: number;
}

interface OpenSlot {
  readonly slot: Slot;
  readonly plan: HomePlan;
  readonly buying: boolean;
  readonly over: boolean;
}

export interface SurplusState {
  /** What the battery holds when the next slot begins, by the plans so far. */
  readonly storedMilliWh: number;
  readonly slots: Readonly<Record<string, OpenSlot>>;
}

export type SurplusInput =
  | {
      readonly kind: "begin";
      readonly slot: Slot;
      readonly atMs: number;
      readonly loadMilliWh: number;
      readonly pvMilliWh: number;
      /** The plan in the journal, if this slot had begun before a restart. */
      readonly known?: HomePlan | undefined;
      readonly boughtMilliWh: number;
      readonly soldMilliWh: number;
    }
  | { readonly kind: "bought"; readonly slot: Slot }
  | { readonly kind: "over"; readonly slot: Slot }
  | {
      /** What the orders of a slot have come to; `open`: those whose energy is still undecided. */
      readonly kind: "orders";
      readonly slot: Slot;
      readonly open: number;
      readonly boughtMilliWh: number;
      readonly soldMilliWh: number;
      /** The operator and its tariff are known. */
      readonly canSettle: boolean;
    };

type Result = Decided<SurplusState, TradingAction>;

export function startSurplus(storedMilliWh: number): SurplusState {
  return { storedMilliWh, slots: {} };
}

export function stepSurplus(state: SurplusState, input: SurplusInput, options: SurplusOptions): Result {
  if (input.kind === "begin") return begin(state, input, options);
  if (input.kind === "orders") return settle(state, input);
  return change(state, input.slot, input.kind === "bought" ? { buying: false } : { over: true });
}

function begin(
  state: SurplusState,
  input: Extract<SurplusInput, { kind: "begin" }>,
  options: SurplusOptions,
): Result {
  const id = slotId(input.slot);
  if (state.slots[id] !== undefined) return { state, actions: [] };
  const plan = input.known ?? planOf(state.storedMilliWh, input, options);
  const trade = trades(plan, input, options);
  const opened: OpenSlot = {
    slot: input.slot,
    plan,
    buying: trade.some((action) => action.kind === "buy"),
    over: false,
  };
  return {
    state: { storedMilliWh: plan.storedEndMilliWh, slots: { ...state.slots, [id]: opened } },
    actions: input.known ? trade : [produce(id, plan), ...trade],
  };
}

function planOf(
  storedMilliWh: number,
  input: { readonly loadMilliWh: number; readonly pvMilliWh: number },
  options: SurplusOptions,
): HomePlan {
  const { loadMilliWh, pvMilliWh } = input;
  const home = { storedMilliWh, loadMilliWh, pvMilliWh };
  return { ...home, ...planHour({ battery: options.battery, durationMs: options.cycleMs, ...home }) };
}

function produce(key: string, plan: HomePlan): TradingAction {
  return { kind: "record", entry: "produce", key, quantityMilliWh: plan.pvMilliWh, plan: { ...plan } };
}

/** One who sells does not buy in that slot: a plan never has both a surplus and a need. */
function trades(
  plan: HomePlan,
  input: Extract<SurplusInput, { kind: "begin" }>,
  options: SurplusOptions,
): readonly TradingAction[] {
  const startMs = input.slot.startS * 1_000;
  const untilMs = gateMs(options, startMs);
  const { slot } = input;
  const surplus = plan.surplusMilliWh - input.soldMilliWh;
  if (input.atMs < untilMs && plan.surplusMilliWh > 0 && surplus >= options.minTradeMilliWh) {
    return [{ kind: "offer", slot, quantityMilliWh: surplus, untilMs }];
  }
  const need = plan.needMilliWh - input.boughtMilliWh;
  if (plan.needMilliWh === 0) return [];
  // Also a slot whose gate is closed has its need: an order still in doubt may yet bring it.
  const expect: TradingAction = { kind: "expectNeed", slot, quantityMilliWh: plan.needMilliWh };
  if (input.atMs >= untilMs || need < options.minTradeMilliWh || need === 0) return [expect];
  const fromMs = startMs + Math.floor((options.cycleMs * options.buyAfterPermille) / 1_000);
  return [
    expect,
    {
      kind: "log",
      event: "household.buying",
      message: `--- SUPERVISOR: Energy low (${kWh(need)} missing), starting BAP flow ---`,
    },
    { kind: "buy", slot, quantityMilliWh: need, fromMs, untilMs },
  ];
}

function change(state: SurplusState, slot: Slot, fields: Partial<OpenSlot>): Result {
  const id = slotId(slot);
  const open = state.slots[id];
  if (open === undefined) return { state, actions: [] };
  return { state: { ...state, slots: { ...state.slots, [id]: { ...open, ...fields } } }, actions: [] };
}

/** Books the slot once nothing about it can change any more; `consume` comes last and marks it as done. */
function settle(state: SurplusState, input: Extract<SurplusInput, { kind: "orders" }>): Result {
  const id = slotId(input.slot);
  const open = state.slots[id];
  if (open === undefined || open.buying || !open.over || input.open > 0) return { state, actions: [] };
  const { plan } = open;
  const drawn = plan.needMilliWh - input.boughtMilliWh - (plan.surplusMilliWh - input.soldMilliWh);
  if (drawn !== 0 && !input.canSettle) return { state, actions: [] };
  const { [id]: _done, ...slots } = state.slots;
  return {
    state: { ...state, slots },
    actions: [
      ...(drawn === 0
        ? []
        : [{ kind: "imbalance", slot: input.slot, quantityMilliWh: drawn } satisfies TradingAction]),
      ...(plan.lossMilliWh === 0
        ? []
        : [
            {
              kind: "record",
              entry: "loss",
              key: id,
              quantityMilliWh: plan.lossMilliWh,
            } satisfies TradingAction,
          ]),
      { kind: "record", entry: "consume", key: id, quantityMilliWh: plan.loadMilliWh },
    ],
  };
}
