/** The hands of a trading brain: its actions on the node's desk and exchange, and what the orders have come to. */

import type { AgentContext, BuyOptions, BuyOutcome } from "@gridmesh/node";
import {
  type BecknProfile,
  type OrderSummary,
  ProtocolError,
  type Slot,
  slotId,
  toProtocolError,
} from "@gridmesh/protocol";
import type { TradingAction } from "./brain.ts";
import { type Operator, watchOperator } from "./operator.ts";

export interface TraderOptions {
  readonly currency: string;
  readonly askMicroPerKWh: number;
  readonly maxBuyMicroPerKWh: number;
  readonly minTradeMilliWh: number;
  readonly delivery: "instant" | "slot";
  readonly searchWindowMs: number;
  /** Revision to search in first; default the node's preferred one. */
  readonly profile?: BecknProfile | undefined;
  /** Send the empty intent: ask everybody for everything. */
  readonly emptyIntent: boolean;
  /** What the best offer lacks goes to the next in rank. */
  readonly splitNeed: boolean;
}

/** What this agent saw of the market since it started. */
export interface TradeCounters {
  searches: number;
  offersSeen: number;
  confirmed: number;
  refused: number;
  inDoubt: number;
  readonly searchToFirstOfferMs: number[];
  readonly searchToConfirmMs: number[];
}

interface SlotTrade {
  /** Orders whose energy is still undecided. */
  readonly open: number;
  readonly boughtMilliWh: number;
  readonly soldMilliWh: number;
}

export interface Trader extends Disposable {
  readonly counters: TradeCounters;
  /** The operator is known: what no contract covered can be settled. */
  readonly canSettle: boolean;
  perform(action: TradingAction): Promise<void> | void;
  ofSlot(slot: Slot): SlotTrade;
  withdrawOffers(): Promise<void>;
}

export interface TraderEvents {
  /** A purchase of this slot has come to its end, whatever it brought. */
  bought(slot: Slot): void;
  operatorKnown(): void;
}

/** Latencies kept for the report; older ones go first. */
const MAX_LATENCIES = 1_000;

export function createTrader(context: AgentContext, options: TraderOptions, events: TraderEvents): Trader {
  const { desk, agentId, market } = context;
  const operator = watchOperator(context, () => events.operatorKnown());
  const alarms = new Set<Disposable>();
  const counters = zeroCounters();

  const buyAt = (action: Extract<TradingAction, { kind: "buy" }>) => {
    const alarm = market.at(action.fromMs, () => {
      alarms.delete(alarm);
      void buy(context, action, { options, counters }).finally(() => events.bought(action.slot));
    });
    alarms.add(alarm);
  };
  return {
    counters,
    get canSettle() {
      operator.look();
      return operator.known !== undefined;
    },
    perform(action) {
      switch (action.kind) {
        case "record":
          return record(context, action);
        case "offer":
          return offer(context, options, action);
        case "expectNeed":
          return desk.expectNeed(agentId, slotId(action.slot), action.quantityMilliWh);
        case "buy":
          return buyAt(action);
        case "imbalance":
          return imbalance(context, operator.known, action);
        case "log":
          return context.log.info(action.event, action.message, action.fields);
      }
    },
    ofSlot: (slot) => sumOrders(desk.orders({ agentId, slotId: slotId(slot) })),
    async withdrawOffers() {
      for (const offer of desk.openOffers({ agentId })) await desk.withdraw(offer.offerId);
    },
    [Symbol.dispose]() {
      operator[Symbol.dispose]();
      for (const alarm of alarms) alarm[Symbol.dispose]();
    },
  };
}

function zeroCounters(): TradeCounters {
  return {
    searches: 0,
    offersSeen: 0,
    confirmed: 0,
    refused: 0,
    inDoubt: 0,
    searchToFirstOfferMs: [],
    searchToConfirmMs: [],
  };
}

async function record(
  context: AgentContext,
  action: Extract<TradingAction, { kind: "record" }>,
): Promise<void> {
  const { entry, key, quantityMilliWh, plan } = action;
  await context.desk.record({
    kind: entry,
    agentId: context.agentId,
    key,
    quantityMilliWh,
    ...(plan === undefined ? {} : { plan }),
  });
}

/** @throws NO_PROVIDER while no operator is known. */
async function imbalance(
  context: AgentContext,
  operator: Operator | undefined,
  action: Extract<TradingAction, { kind: "imbalance" }>,
): Promise<void> {
  if (operator === undefined) throw new ProtocolError("NO_PROVIDER", "no operator to settle with is known");
  const { slot, quantityMilliWh } = action;
  await context.desk.imbalance({
    agentId: context.agentId,
    slot,
    quantityMilliWh,
    priceMicroPerKWh: quantityMilliWh > 0 ? operator.retailMicroPerKWh : operator.feedInMicroPerKWh,
    operator: { agentId: operator.agentId, peerId: operator.peerId },
  });
}

/** Buys what is still missing; whatever it brings shows in the orders. */
async function buy(
  context: AgentContext,
  action: Extract<TradingAction, { kind: "buy" }>,
  { options, counters }: { readonly options: TraderOptions; readonly counters: TradeCounters },
): Promise<void> {
  const { desk, agentId, market, signal } = context;
  try {
    const room = desk.roomMilliWh(agentId, slotId(action.slot));
    const needMilliWh = Math.min(action.quantityMilliWh, room);
    if (needMilliWh <= 0 || signal.aborted || market.nowMs() >= action.untilMs) return;
    counters.searches += 1;
    note(counters, await context.buy(wish(options, action, { needMilliWh, signal })));
  } catch (error) {
    const known = toProtocolError(error, "HANDLER_FAILED");
    context.log.warn("household.buying", `nothing bought: ${known.message}`, { code: known.code });
  }
}

async function offer(
  context: AgentContext,
  options: TraderOptions,
  action: Extract<TradingAction, { kind: "offer" }>,
): Promise<void> {
  const { desk, agentId } = context;
  // Offers outlive a restart: what is on sale already is not put on sale again.
  const standing = desk.openOffers({ agentId, slotId: slotId(action.slot) });
  const quantityMilliWh = standing.reduce((left, one) => left - one.leftMilliWh, action.quantityMilliWh);
  if (quantityMilliWh <= 0) return;
  await desk.offer({
    agentId,
    slot: action.slot,
    quantityMilliWh,
    priceMicroPerKWh: options.askMicroPerKWh,
    currency: options.currency,
    untilMs: action.untilMs,
  });
}

function wish(
  options: TraderOptions,
  action: Extract<TradingAction, { kind: "buy" }>,
  now: { readonly needMilliWh: number; readonly signal: AbortSignal },
): BuyOptions {
  return {
    intent: {
      slot: action.slot,
      needMilliWh: now.needMilliWh,
      maxPriceMicroPerKWh: options.maxBuyMicroPerKWh,
      currency: options.currency,
      empty: options.emptyIntent,
    },
    searchWindowMs: options.searchWindowMs,
    minFillMilliWh: Math.min(now.needMilliWh, Math.max(1, options.minTradeMilliWh)),
    allOrNothing: !options.splitNeed,
    splitNeed: options.splitNeed,
    requireInit: true,
    profile: options.profile,
    delivery: options.delivery,
    untilMs: action.untilMs,
    signal: now.signal,
  };
}

function note(counters: TradeCounters, outcome: BuyOutcome): void {
  counters.offersSeen += outcome.offersSeen;
  for (const step of outcome.steps) {
    if (step.outcome === "confirmed") counters.confirmed += 1;
    else if (step.outcome === "in_doubt") counters.inDoubt += 1;
    else counters.refused += 1;
  }
  keep(counters.searchToFirstOfferMs, outcome.searchToFirstOfferMs);
  keep(counters.searchToConfirmMs, outcome.searchToConfirmMs);
}

function keep(latencies: number[], latencyMs: number | null): void {
  if (latencyMs === null) return;
  if (latencies.length >= MAX_LATENCIES) latencies.shift();
  latencies.push(latencyMs);
}

const UNDECIDED = new Set<OrderSummary["state"]>(["HELD", "COMMITTED", "ACCEPTED"]);

function sumOrders(orders: readonly OrderSummary[]): SlotTrade {
  let [open, boughtMilliWh, soldMilliWh] = [0, 0, 0];
  for (const order of orders) {
    if (UNDECIDED.has(order.state)) open += 1;
    if (REFUSED.has(order.state)) continue;
    const quantity = order.finalMilliWh ?? order.quantityMilliWh;
    if (order.role === "buyer") boughtMilliWh += quantity;
    else soldMilliWh += quantity;
  }
  return { open, boughtMilliWh, soldMilliWh };
}

const REFUSED = new Set<OrderSummary["state"]>(["RELEASED", "REJECTED", "ANNULLED"]);
