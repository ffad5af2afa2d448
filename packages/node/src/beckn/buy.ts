/** From a need to orders: search, rank, then one seller after the other until the need is met or the list ends. */

import { formatDecimal, ProtocolError, slotId } from "@gridmesh/protocol";
import { type Deadline, startDeadline } from "../deadline.ts";
import { NOT_TAKEN, ORDER_LINE } from "./cause.ts";
import { keepChoice, permilleOf, rankOffers, refusalOf } from "./choice.ts";
import { askStatus, purchase, type PurchaseParts } from "./order.ts";
import type { BecknPorts, LocalAgent } from "./ports.ts";
import type { Talk } from "./requests.ts";
import type { Search, SearchWish } from "./search.ts";
import type { BuyOptions, BuyOutcome, BuyStep, Offer } from "./types.ts";

/** A purchase ends after this, whatever its options say, ms. */
const MAX_PURCHASE_MS = 180_000;

/** Failures that the next seller would meet as well. */
const OWN_FAILURES: ReadonlySet<string> = new Set([
  "FUNDS_INSUFFICIENT",
  "SPEND_LIMIT",
  "DISK_FAILED",
  "CALL_CANCELLED",
  "MARKET_HALTED",
]);

/** A search leaves a part of the time to the gate for ordering. */
const SEARCH_PART = 2 / 3;
const MIN_SEARCH_MS = 150;

export async function buy(
  parts: PurchaseParts & { readonly startSearch: (buyer: LocalAgent, wish: SearchWish) => Search },
  buyer: LocalAgent,
  options: BuyOptions,
): Promise<BuyOutcome> {
  const { ports } = parts;
  using deadline = startDeadline(ports.clock, options, MAX_PURCHASE_MS);
  const { intent, profile } = options;
  const search = parts.startSearch(buyer, { intent, profile });
  const offers: Offer[] = [];
  const window = { windowMs: windowMs(ports, options), signal: deadline.signal };
  for await (const offer of search.offers(window)) offers.push(offer);
  const ratingOf = (seller: string) => permilleOf(ports.store.ratingsGiven(buyer.agentId, seller));
  const { transactionId, closedAtMs } = search;
  keepChoice(ports, buyer, { transactionId, closedAtMs, offers, options, ratingOf });
  const kept = offers.filter((offer) => keep(parts, offer, options));
  const ranked = rankOffers(kept, ratingOf);
  const ordered = await orderInTurn(parts, { buyer, ranked, options, deadline });
  const steps = ordered.map((step) => decidedMeanwhile(parts, buyer, step));
  for (const { outcome, offer, orderId } of steps) {
    // Only now: until here its messages would have delayed those of the next order.
    if (outcome === "confirmed") parts.background(askStatus(parts, { buyer, offer }, orderId));
  }
  const firstConfirmed = steps.find((step) => step.outcome === "confirmed");
  return {
    transactionId,
    offersSeen: offers.length,
    steps: steps.map(({ atMs: _atMs, offer: _offer, ...step }) => step),
    confirmedMilliWh: milliWhOf(steps, ["confirmed"]),
    searchToFirstOfferMs: offers[0]?.latencyMs ?? null,
    searchToConfirmMs: firstConfirmed ? Math.round(firstConfirmed.atMs - search.publishedAtMs) : null,
  };
}

function windowMs({ market }: BecknPorts, options: BuyOptions): number {
  if (market.paused) return options.searchWindowMs;
  const leftMs = (options.untilMs - market.nowMs()) / market.speed;
  return Math.min(options.searchWindowMs, Math.max(MIN_SEARCH_MS, Math.floor(leftMs * SEARCH_PART)));
}

/** The decision may have come while the next seller was asked. */
function decidedMeanwhile({ ports }: PurchaseParts, buyer: LocalAgent, step: TimedStep): TimedStep {
  if (step.outcome !== "in_doubt") return step;
  const { agentId } = buyer;
  const order = ports.desk.order(agentId, { buyer: agentId, orderId: step.orderId });
  if (order === undefined || order.state === "HELD") return step;
  const { reason: _doubt, ...decided } = step;
  if (order.state !== "RELEASED") return { ...decided, outcome: "confirmed" };
  return { ...decided, outcome: "refused", reason: order.reason ?? "ORDER_REJECTED" };
}

interface Turn {
  readonly buyer: LocalAgent;
  readonly ranked: readonly Offer[];
  readonly options: BuyOptions;
  readonly deadline: Deadline;
}

type TimedStep = BuyStep & { readonly atMs: number; readonly offer: Offer };

async function orderInTurn(parts: PurchaseParts, turn: Turn): Promise<readonly TimedStep[]> {
  const { ports } = parts;
  const { options, deadline } = turn;
  const steps: TimedStep[] = [];
  for (const [rank, offer] of turn.ranked.entries()) {
    if (ports.market.nowMs() >= gateOf(offer, options)) {
      noteNotTaken(parts, offer, "its gate is closed");
      continue;
    }
    const quantityMilliWh = stillWanted(parts, turn, { offer, steps });
    if (quantityMilliWh === undefined) break;
    if (quantityMilliWh < Math.max(1, options.minFillMilliWh)) continue;
    logChoice(parts, turn, { offer, first: steps.length === 0 });
    const talk = talkOf(turn, { rank, offer, steps, quantityMilliWh });
    const step = await purchase(parts, talk, { quantityMilliWh, options });
    steps.push({ ...step, offer, atMs: ports.clock.monotonicMs() });
    if (step.outcome !== "confirmed") logFailure(parts, turn, { offer, step });
    if (isEnough(step, options) || deadline.signal.aborted) break;
  }
  return steps;
}

/** Market time from which on the offer takes no order, or we make none. */
function gateOf(offer: Offer, options: BuyOptions): number {
  return Math.min(options.untilMs, offer.untilMs ?? options.untilMs);
}

function talkOf(
  turn: Turn,
  now: {
    readonly rank: number;
    readonly offer: Offer;
    readonly steps: readonly BuyStep[];
    readonly quantityMilliWh: number;
  },
): Talk {
  const { buyer, options, deadline } = turn;
  const { offer } = now;
  const last = now.rank === turn.ranked.length - 1;
  const boughtMilliWh = milliWhOf(now.steps, ["confirmed", "in_doubt"]) + now.quantityMilliWh;
  const moreWanted = options.splitNeed && !last && boughtMilliWh < options.intent.needMilliWh;
  return { buyer, offer, deadline, untilMs: gateOf(offer, options), last, moreWanted };
}

/** Nobody else is to be asked: this one has it, or all others would fail as well. */
function isEnough(step: BuyStep, options: BuyOptions): boolean {
  const bound = step.outcome === "confirmed" || step.outcome === "in_doubt";
  return (bound && !options.splitNeed) || OWN_FAILURES.has(step.reason ?? "");
}

/** How much to ask this seller for; undefined when nothing is wanted any more. What is in doubt may yet be sold to us. */
function stillWanted(
  parts: PurchaseParts,
  turn: Turn,
  now: { readonly offer: Offer; readonly steps: readonly BuyStep[] },
): number | undefined {
  const { desk } = parts.ports;
  const { needMilliWh, slot } = turn.options.intent;
  const room = desk.roomMilliWh(turn.buyer.agentId, slotId(slot));
  const open = Math.min(needMilliWh - milliWhOf(now.steps, ["confirmed", "in_doubt"]), room);
  if (open <= 0) return undefined;
  if (turn.options.allOrNothing && now.offer.availableMilliWh < needMilliWh) return 0;
  return Math.min(open, now.offer.availableMilliWh);
}

function keep(parts: PurchaseParts, offer: Offer, options: BuyOptions): boolean {
  const refusal = refusalOf(offer, options);
  if (refusal === undefined) return true;
  noteNotTaken(parts, offer, refusal);
  return false;
}

function noteNotTaken(parts: PurchaseParts, offer: Offer, why: string): void {
  const { transactionId, sellerUri: from } = offer;
  parts.audit.note(transactionId, { action: "offer", from, to: "", verdict: `${NOT_TAKEN}${why}` });
}

function logChoice(
  parts: PurchaseParts,
  turn: Turn,
  choice: { readonly offer: Offer; readonly first: boolean },
): void {
  const { offer, first } = choice;
  const rank = first ? "Best offer selected" : "Next offer in rank selected";
  const price = `${priceText(offer.priceMicroPerKWh, offer.currency)}/kWh`;
  const fields = { agent: turn.buyer.name, transactionId: offer.transactionId, peer: offer.sellerPeerId };
  parts.ports.log.info("trade.selected", `${rank}: ${price} from ${offer.sellerName}`, fields);
}

function logFailure(
  parts: PurchaseParts,
  turn: Turn,
  about: { readonly offer: Offer; readonly step: BuyStep },
): void {
  const { offer, step } = about;
  const { transactionId } = offer;
  const fields = { agent: turn.buyer.name, transactionId, code: step.reason };
  const verdict = step.reason === undefined ? step.outcome : `${step.outcome}, ${step.reason}`;
  parts.audit.note(transactionId, { action: ORDER_LINE, from: "", to: offer.sellerUri, verdict });
  parts.ports.log.info("trade.ordered", `order at ${offer.sellerName}: ${step.outcome}`, fields);
}

/** `$0.15`, `0.20 EUR`: at least two places. */
function priceText(micro: number, currency: string): string {
  const [whole = "0", fraction = ""] = formatDecimal(micro).split(".");
  const amount = `${whole}.${fraction.padEnd(2, "0")}`;
  return currency === "USD" ? `$${amount}` : `${amount} ${currency}`;
}

function milliWhOf(steps: readonly BuyStep[], outcomes: readonly BuyStep["outcome"][]): number {
  return steps.reduce((sum, step) => sum + (outcomes.includes(step.outcome) ? step.quantityMilliWh : 0), 0);
}

/** @throws AGENT_NOT_FOUND. */
export function buyerNamed(ports: BecknPorts, name: string): LocalAgent {
  const agent = ports.agents.byName(name);
  if (!agent) throw new ProtocolError("AGENT_NOT_FOUND", `no agent "${name}" here`);
  return agent;
}
