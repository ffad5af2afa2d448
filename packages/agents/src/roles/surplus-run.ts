/** Runs strategy `surplus` along the market clock, from the journal's last slot on. */

import type { AgentContext } from "@gridmesh/node";
import { type Battery, createBattery, type DaySeries, noBattery } from "@gridmesh/energy";
import { type JsonObject, type Slot, slotId } from "@gridmesh/protocol";
import { runBrain, type Runner } from "../brain.ts";
import { createTrader, type TradeCounters, type Trader, type TraderOptions } from "../trader.ts";
import { type HouseholdOptions, slotStarting } from "./household-options.ts";
import type { HouseholdRun } from "./household-run.ts";
import {
  type HomePlan,
  startSurplus,
  stepSurplus,
  type SurplusInput,
  type SurplusOptions,
  type SurplusState,
} from "./surplus-brain.ts";

const DAY_MS = 86_400_000;
const MILLI = 1_000;

export interface SurplusHome {
  /** Market ms of the first slot. */
  readonly firstMs: number;
  readonly seriesOf: (dayNumber: number) => DaySeries;
}

/** One home along the market clock; begins at the first slot that the journal does not hold. */
export class SurplusRun implements HouseholdRun {
  readonly #context: AgentContext;
  readonly #options: HouseholdOptions;
  readonly #home: SurplusHome;
  readonly #brain: Runner<SurplusState, SurplusInput>;
  readonly #trader: Trader;
  readonly #alarms = new Set<Disposable>();
  #untilMs = Number.POSITIVE_INFINITY;

  constructor(context: AgentContext, options: HouseholdOptions, home: SurplusHome) {
    this.#context = context;
    this.#options = options;
    this.#home = home;
    this.#trader = createTrader(context, tradingOptions(options), {
      bought: (slot) => {
        void this.#brain.take(() => ({ kind: "bought", slot }));
        this.#tell(slot);
      },
      operatorKnown: () => this.#tellAll(),
    });
    const resumed = resume(context, options, home.firstMs);
    this.#brain = runBrain({
      step: stepSurplus,
      initial: startSurplus(resumed.storedMilliWh),
      options: brainOptions(options),
      perform: (action) => this.#trader.perform(action),
      log: context.log,
    });
    this.#alarms.add(
      context.desk.onEvent((event) => {
        const open = this.#brain.state.slots[event.order.slotId];
        if (event.agentId === context.agentId && open !== undefined) this.#tell(open.slot);
      }),
    );
    for (const open of resumed.open) this.#at(open.startMs, () => this.#begin(open.startMs, open.plan));
    this.#schedule(resumed.nextMs);
  }

  get counters(): TradeCounters {
    return this.#trader.counters;
  }

  storedMilliWh(): number {
    return levelNow(this.#brain.state, this.#context.market.nowMs());
  }

  endAt(untilMs: number): void {
    this.#untilMs = untilMs;
  }

  settled(): boolean {
    return Object.keys(this.#brain.state.slots).length === 0;
  }

  plan(): JsonObject {
    const open = Object.values(this.#brain.state.slots);
    return { slots: open.map(({ slot, plan }) => ({ slot: slotId(slot), ...plan })) };
  }

  async drain(): Promise<void> {
    this.#untilMs = 0;
    await this.#trader.withdrawOffers();
    await this.#brain.idle();
  }

  stop(): void {
    this.#trader[Symbol.dispose]();
    for (const alarm of this.#alarms) alarm[Symbol.dispose]();
  }

  #at(atMs: number, fn: () => void): void {
    const alarm = this.#context.market.at(atMs, () => {
      this.#alarms.delete(alarm);
      fn();
    });
    this.#alarms.add(alarm);
  }

  /** Slots missed while the node was away are begun one after another, in order. */
  #schedule(startMs: number): void {
    this.#at(startMs, () => {
      if (startMs >= this.#untilMs) return;
      this.#begin(startMs);
      this.#schedule(startMs + this.#options.cycleMs);
    });
  }

  #begin(startMs: number, known?: HomePlan): void {
    const slot = slotStarting(this.#options, startMs);
    const { loadMilliWh, pvMilliWh } = known ?? hourOf(this.#home, startMs);
    void this.#brain.take(() => {
      const { boughtMilliWh, soldMilliWh } = this.#trader.ofSlot(slot);
      const atMs = this.#context.market.nowMs();
      return { kind: "begin", slot, atMs, loadMilliWh, pvMilliWh, known, boughtMilliWh, soldMilliWh };
    });
    this.#at(startMs + this.#options.cycleMs, () => {
      void this.#brain.take(() => ({ kind: "over", slot }));
      this.#tell(slot);
      // Slots that wait for an operator are asked about again.
      this.#tellAll();
    });
  }

  #tell(slot: Slot): void {
    const canSettle = this.#trader.canSettle;
    void this.#brain.take(() => ({ kind: "orders", slot, canSettle, ...this.#trader.ofSlot(slot) }));
  }

  #tellAll(): void {
    for (const open of Object.values(this.#brain.state.slots)) this.#tell(open.slot);
  }
}

/** Where the journal stands: the battery's level, slots begun but not booked to the end, and the next to begin. */
function resume(context: AgentContext, options: HouseholdOptions, firstMs: number) {
  const { desk, agentId } = context;
  let storedMilliWh = Math.floor((options.capacityWh * MILLI * options.stateOfChargePercent) / 100);
  const open: { readonly startMs: number; readonly plan: HomePlan }[] = [];
  let startMs = firstMs;
  for (;;) {
    const id = slotId(slotStarting(options, startMs));
    const plan = desk.entry(agentId, "produce", id)?.plan as HomePlan | undefined;
    if (plan === undefined) return { storedMilliWh, open, nextMs: startMs };
    if (desk.entry(agentId, "consume", id) === undefined) open.push({ startMs, plan });
    storedMilliWh = plan.storedEndMilliWh;
    startMs += options.cycleMs;
  }
}

function hourOf(home: SurplusHome, startMs: number): { loadMilliWh: number; pvMilliWh: number } {
  const dayNumber = Math.floor((startMs - home.firstMs) / DAY_MS);
  const hour = Math.floor(((startMs - home.firstMs) % DAY_MS) / 3_600_000);
  const series = home.seriesOf(dayNumber);
  return { loadMilliWh: series.loadMilliWh[hour] ?? 0, pvMilliWh: series.pvMilliWh[hour] ?? 0 };
}

function batteryOf(options: HouseholdOptions): Battery {
  if (options.capacityWh === 0) return noBattery;
  const capacityMilliWh = options.capacityWh * MILLI;
  return createBattery({
    capacityMilliWh,
    reserveMilliWh: Math.floor((capacityMilliWh * options.reservePermille) / 1_000),
    maxMilliW: options.maxW * MILLI,
    etaChargePpm: options.etaPpm,
    etaDischargePpm: options.etaPpm,
  });
}

function brainOptions(options: HouseholdOptions): SurplusOptions {
  return {
    battery: batteryOf(options),
    minTradeMilliWh: options.minTradeWh * MILLI,
    cycleMs: options.cycleMs,
    gatePermille: options.gatePermille,
    buyAfterPermille: options.buyAfterPermille,
  };
}

function tradingOptions(options: HouseholdOptions): TraderOptions {
  return {
    currency: options.currency,
    askMicroPerKWh: options.askMicroPerKWh,
    maxBuyMicroPerKWh: options.maxBuyMicroPerKWh,
    minTradeMilliWh: options.minTradeWh * MILLI,
    delivery: options.delivery,
    searchWindowMs: options.searchWindowMs,
    profile: options.becknProfile,
    emptyIntent: false,
    splitNeed: true,
  };
}

/** Constant power over the slot: the level moves evenly from its start to its end. */
function levelNow(
  state: {
    readonly storedMilliWh: number;
    readonly slots: Readonly<Record<string, { slot: Slot; plan: HomePlan }>>;
  },
  nowMs: number,
): number {
  for (const { slot, plan } of Object.values(state.slots)) {
    const share = (nowMs - slot.startS * 1_000) / (slot.durationS * 1_000);
    if (share >= 0 && share < 1) {
      return plan.storedMilliWh + Math.floor((plan.storedEndMilliWh - plan.storedMilliWh) * share);
    }
  }
  return state.storedMilliWh;
}
