/** Runs strategy `threshold` along the market clock: one tick per cycle, whatever was missed. */

import type { AgentContext } from "@gridmesh/node";
import { balanceOf, storedMilliWh } from "@gridmesh/energy";
import type { OrderSummary } from "@gridmesh/protocol";
import { runBrain } from "../brain.ts";
import { createTrader, type Trader } from "../trader.ts";
import { type HouseholdOptions, slotStarting } from "./household-options.ts";
import type { HouseholdRun } from "./household-run.ts";
import {
  stepThreshold,
  thresholdIdle,
  type ThresholdInput,
  type ThresholdOptions,
} from "./threshold-brain.ts";

const MILLI = 1_000;
/** How far back the journal is asked for the last tick before a restart, cycles. */
const MAX_LOOK_BACK = 20_000;

export function runThreshold(context: AgentContext, options: HouseholdOptions): HouseholdRun {
  const { market } = context;
  let untilMs = Number.POSITIVE_INFINITY;
  let alarm: Disposable | undefined;
  let last: number | undefined;
  let trader: Trader | undefined;

  const brain = runBrain({
    step: stepThreshold,
    initial: thresholdIdle,
    options: brainOptions(options),
    perform: (action) => trader?.perform(action),
    log: context.log,
  });
  trader = createTrader(
    context,
    {
      currency: options.currency,
      askMicroPerKWh: options.askMicroPerKWh,
      maxBuyMicroPerKWh: options.maxBuyMicroPerKWh,
      minTradeMilliWh: options.minTradeWh * MILLI,
      delivery: options.delivery,
      searchWindowMs: options.searchWindowMs,
      profile: options.becknProfile,
      emptyIntent: true,
      splitNeed: false,
    },
    { bought: () => void brain.take(() => ({ kind: "bought" })), operatorKnown() {} },
  );
  const hands = trader;

  const tick = () => {
    const cycle = Math.floor(market.nowMs() / options.cycleMs);
    if (cycle * options.cycleMs >= untilMs) return;
    const before = last ?? lastTick(context, cycle);
    last = cycle;
    void brain.take(() => facts(context, options, { cycle, before }));
    schedule((cycle + 1) * options.cycleMs);
  };
  const schedule = (atMs: number) => {
    alarm = market.at(atMs, tick);
  };
  schedule(Math.ceil(market.nowMs() / options.cycleMs) * options.cycleMs);

  return {
    storedMilliWh: () => storedMilliWh(context.desk.book(context.agentId)),
    endAt(atMs) {
      untilMs = atMs;
    },
    settled: () => brain.state.phase !== "buying",
    counters: hands.counters,
    plan: () => ({ phase: brain.state.phase, cycle: brain.state.cycle }),
    async drain() {
      untilMs = 0;
      await hands.withdrawOffers();
      await brain.idle();
    },
    stop() {
      alarm?.[Symbol.dispose]();
      hands[Symbol.dispose]();
    },
  };
}

function brainOptions(options: HouseholdOptions): ThresholdOptions {
  const capacityMilliWh = options.capacityWh * MILLI;
  const rateWh = options.rateWhPerCycle ?? (options.stateOfChargePercent > 50 ? 20 : -30);
  return {
    capacityMilliWh,
    reserveMilliWh: Math.floor((capacityMilliWh * options.reservePermille) / 1_000),
    buyBelowPermille: options.buyBelowPermille,
    sellAbovePermille: options.sellAbovePermille,
    lotMilliWh: options.lotWh * MILLI,
    minTradeMilliWh: options.minTradeWh * MILLI,
    rateMilliWh: rateWh * MILLI,
    cycleMs: options.cycleMs,
    buyAfterPermille: options.buyAfterPermille,
    coolingCycles: options.coolingCycles,
  };
}

/** The cycle last booked before a restart, if the journal has one. */
function lastTick(context: AgentContext, cycle: number): number | undefined {
  const { desk, agentId } = context;
  for (let past = cycle; past > cycle - MAX_LOOK_BACK && past >= 0; past--) {
    const key = `cycle/${past}`;
    if (desk.entry(agentId, "produce", key) ?? desk.entry(agentId, "consume", key)) return past;
  }
  return undefined;
}

function facts(
  context: AgentContext,
  options: HouseholdOptions,
  tick: { readonly cycle: number; readonly before: number | undefined },
): ThresholdInput {
  const book = context.desk.book(context.agentId);
  const since = (role: OrderSummary["role"]): number | null => {
    const times = book.orders.filter((order) => order.role === role && !ENDED.has(order.state));
    if (times.length === 0) return null;
    const latest = Math.max(...times.map((order) => order.createdAtMs));
    return tick.cycle - Math.floor(latest / options.cycleMs);
  };
  const underWay = book.orders.filter((order) => order.role === "buyer" && COMING.has(order.state));
  return {
    kind: "tick",
    cycle: tick.cycle,
    elapsedCycles: tick.before === undefined ? 0 : tick.cycle - tick.before,
    slot: slotStarting(options, tick.cycle * options.cycleMs),
    storedMilliWh: storedMilliWh(book),
    availableMilliWh: balanceOf(book, "energy", "available"),
    underWayMilliWh: underWay.reduce((sum, order) => sum + order.quantityMilliWh, 0),
    cyclesSincePurchase: since("buyer"),
    cyclesSinceSale: since("seller"),
  };
}

const ENDED = new Set<OrderSummary["state"]>(["RELEASED", "REJECTED", "ANNULLED"]);
const COMING = new Set<OrderSummary["state"]>(["HELD", "COMMITTED"]);
