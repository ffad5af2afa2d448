/**
 * A role decides in one closed, pure table: what it knows and what it just learned → what it knows now and what to do.
 * Everything with an effect is an action; whoever runs the brain performs it, in order, after the state is taken over.
 */

import type { Log, LogFields } from "@gridmesh/node";
import { toProtocolError, type Slot } from "@gridmesh/protocol";

export interface Decided<State, Action> {
  readonly state: State;
  readonly actions: readonly Action[];
}

export type Step<State, Input, Action, Options> = (
  state: State,
  input: Input,
  options: Options,
) => Decided<State, Action>;

/** What a trading role may ask for. Quantities in mWh, times in market ms. */
export type TradingAction =
  | {
      readonly kind: "record";
      readonly entry: "produce" | "consume" | "loss";
      /** Makes the entry exactly-once. */
      readonly key: string;
      readonly quantityMilliWh: number;
      /** Kept in the journal for a restart. */
      readonly plan?: Readonly<Record<string, number>>;
    }
  | {
      readonly kind: "offer";
      readonly slot: Slot;
      readonly quantityMilliWh: number;
      readonly untilMs: number;
    }
  | { readonly kind: "expectNeed"; readonly slot: Slot; readonly quantityMilliWh: number }
  | {
      readonly kind: "buy";
      readonly slot: Slot;
      readonly quantityMilliWh: number;
      readonly fromMs: number;
      readonly untilMs: number;
    }
  | { readonly kind: "imbalance"; readonly slot: Slot; readonly quantityMilliWh: number }
  | { readonly kind: "log"; readonly event: string; readonly message: string; readonly fields?: LogFields };

/** One brain at work: inputs are taken in order, and an input waits until the actions of the one before are done. */
export interface Runner<State, Input> {
  readonly state: State;
  /** `read` is asked for the input when its turn has come; resolves when its actions are done, never rejects. */
  take(read: () => Input): Promise<void>;
  /** Resolves when everything taken so far is done. */
  idle(): Promise<void>;
}

/**
 * Runs a brain. An action that fails is logged with its code and ends its input: what comes after may rest on it, and
 * every entry is exactly-once by its own key, so a later input or a restart may ask for it again.
 */
export function runBrain<State, Input, Action extends { readonly kind: string }, Options>(work: {
  readonly step: Step<State, Input, Action, Options>;
  readonly initial: State;
  readonly options: Options;
  readonly perform: (action: Action) => Promise<void> | void;
  readonly log: Log;
}): Runner<State, Input> {
  let state = work.initial;
  let tail: Promise<void> = Promise.resolve();

  const act = async (read: () => Input) => {
    let decided: Decided<State, Action>;
    try {
      decided = work.step(state, read(), work.options);
    } catch (error) {
      const known = toProtocolError(error, "HANDLER_FAILED");
      work.log.error("agent.input_failed", known.message, { code: known.code });
      return;
    }
    state = decided.state;
    for (const action of decided.actions) {
      try {
        await work.perform(action);
      } catch (error) {
        const known = toProtocolError(error, "HANDLER_FAILED");
        work.log.warn("agent.action_failed", `${action.kind}: ${known.message}`, { code: known.code });
        return;
      }
    }
  };

  return {
    get state() {
      return state;
    },
    take(read) {
      tail = tail.then(() => act(read));
      return tail;
    },
    idle: () => tail,
  };
}
