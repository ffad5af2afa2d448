import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TradingAction } from "../src/brain.ts";
import {
  stepThreshold,
  thresholdIdle,
  type ThresholdInput,
  type ThresholdOptions,
  type ThresholdState,
} from "../src/roles/threshold-brain.ts";

const CYCLE_MS = 20_000;
const FIRST_CYCLE = Date.UTC(2026, 0, 1) / CYCLE_MS;

const options: ThresholdOptions = {
  capacityMilliWh: 15_000_000,
  reserveMilliWh: 4_200_000,
  buyBelowPermille: 300,
  sellAbovePermille: 700,
  lotMilliWh: 10_000_000,
  minTradeMilliWh: 100_000,
  rateMilliWh: -30_000,
  cycleMs: CYCLE_MS,
  buyAfterPermille: 100,
  coolingCycles: 15,
};

function tick(fields: Partial<Extract<ThresholdInput, { kind: "tick" }>> = {}): ThresholdInput {
  const cycle = fields.cycle ?? FIRST_CYCLE;
  const storedMilliWh = fields.storedMilliWh ?? 2_250_000;
  return {
    kind: "tick",
    cycle,
    elapsedCycles: 0,
    slot: { area: "a", startS: (cycle * CYCLE_MS) / 1_000, durationS: CYCLE_MS / 1_000 },
    storedMilliWh,
    availableMilliWh: storedMilliWh,
    underWayMilliWh: 0,
    cyclesSincePurchase: null,
    cyclesSinceSale: null,
    ...fields,
  };
}

const kinds = (actions: readonly TradingAction[]) => actions.map((action) => action.kind);

test("at 2.25 of 15 kWh the first tick changes nothing, says so in the Guide's words, and buys one lot", () => {
  const { state, actions } = stepThreshold(thresholdIdle, tick(), options);
  assert.deepEqual(kinds(actions), ["log", "buy"]);
  assert.equal(
    actions[0]?.kind === "log" && actions[0].message,
    "--- SUPERVISOR: Energy low (2.25 kWh), starting BAP flow ---",
  );
  assert.equal(actions[1]?.kind === "buy" && actions[1].quantityMilliWh, 10_000_000);
  assert.equal(state.phase, "buying");
});

test("at 95 % a lot is offered for one cycle", () => {
  const generator = { ...options, rateMilliWh: 20_000 };
  const { state, actions } = stepThreshold(thresholdIdle, tick({ storedMilliWh: 14_250_000 }), generator);
  assert.deepEqual(kinds(actions), ["offer"]);
  assert.equal(actions[0]?.kind === "offer" && actions[0].quantityMilliWh, 10_000_000);
  assert.equal(state.phase, "selling");
});

test("who sold does not buy and who bought does not offer while cooling", () => {
  const sold = tick({ storedMilliWh: 4_250_000, cyclesSinceSale: 14 });
  assert.deepEqual(kinds(stepThreshold(thresholdIdle, sold, options).actions), []);
  const bought = tick({ storedMilliWh: 12_250_000, cyclesSincePurchase: 3 });
  assert.deepEqual(kinds(stepThreshold(thresholdIdle, bought, options).actions), []);
  const later = tick({ storedMilliWh: 4_250_000, cyclesSinceSale: 15 });
  assert.deepEqual(kinds(stepThreshold(thresholdIdle, later, options).actions), ["log", "buy"]);
});

test("one purchase at a time, and a purchase under way is not repeated after a restart", () => {
  const buying: ThresholdState = { phase: "buying", cycle: FIRST_CYCLE };
  const next = tick({ cycle: FIRST_CYCLE + 1, elapsedCycles: 1 });
  assert.deepEqual(kinds(stepThreshold(buying, next, options).actions), ["record"]);
  const restarted = tick({ underWayMilliWh: 10_000_000 });
  assert.deepEqual(kinds(stepThreshold(thresholdIdle, restarted, options).actions), []);
});

test("a late tick uses the elapsed time, over capacity is curtailed, what lacks is drawn from the operator", () => {
  const consumed = stepThreshold(
    thresholdIdle,
    tick({ storedMilliWh: 6_000_000, elapsedCycles: 3 }),
    options,
  );
  assert.equal(consumed.actions[0]?.kind === "record" && consumed.actions[0].quantityMilliWh, 90_000);
  const full = tick({ storedMilliWh: 14_990_000, elapsedCycles: 1 });
  const made = stepThreshold(thresholdIdle, full, { ...options, rateMilliWh: 20_000 });
  assert.equal(made.actions[0]?.kind === "record" && made.actions[0].quantityMilliWh, 10_000);
  const empty = stepThreshold(
    { phase: "buying", cycle: null },
    tick({ storedMilliWh: 10_000, elapsedCycles: 1 }),
    options,
  );
  assert.deepEqual(kinds(empty.actions), ["imbalance", "record"]);
  assert.equal(empty.actions[0]?.kind === "imbalance" && empty.actions[0].quantityMilliWh, 20_000);
});

const anyInput: fc.Arbitrary<ThresholdInput> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<ThresholdInput>({ kind: "bought" }) },
  {
    weight: 4,
    arbitrary: fc
      .record({
        cycle: fc.integer({ min: FIRST_CYCLE, max: FIRST_CYCLE + 30 }),
        elapsedCycles: fc.integer({ min: 0, max: 5 }),
        storedMilliWh: fc.integer({ min: 0, max: 15_000_000 }),
        promised: fc.integer({ min: 0, max: 3_000_000 }),
        underWayMilliWh: fc.constantFrom(0, 0, 5_000_000),
        cyclesSincePurchase: fc.option(fc.integer({ min: 0, max: 30 })),
        cyclesSinceSale: fc.option(fc.integer({ min: 0, max: 30 })),
      })
      .map(({ promised, ...fields }) =>
        tick({ ...fields, availableMilliWh: Math.max(0, fields.storedMilliWh - promised) }),
      ),
  },
);

test("10,000 random sequences: the same actions twice, and no illegal transition", () => {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 30 }), (inputs) => {
      const run = () => {
        let state = thresholdIdle;
        return inputs.map((input) => {
          const before = Object.freeze({ ...state });
          const decided = stepThreshold(before, input, options);
          check(before, decided.state, decided.actions);
          state = decided.state;
          return decided;
        });
      };
      assert.deepEqual(run(), run());
    }),
    { numRuns: 10_000, seed: 3 },
  );
});

function check(before: ThresholdState, after: ThresholdState, actions: readonly TradingAction[]): void {
  const trades = actions.filter((action) => action.kind === "buy" || action.kind === "offer");
  assert.ok(trades.length <= 1);
  assert.equal(after.phase === "buying" && before.phase !== "buying", trades[0]?.kind === "buy");
  if (before.phase === "buying" && after.phase === "buying") assert.equal(trades.length, 0);
  // A cycle ticks once.
  if (before.cycle !== null && after.cycle === before.cycle) assert.equal(actions.length, 0);
}
