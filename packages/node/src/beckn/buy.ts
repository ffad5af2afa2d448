/** From a need to orders: search, rank, then one seller after the other until the need is met or the list ends. */

import { formatDecimal, ProtocolError, slotId } from "@gridmesh/protocol";
import { type Deadline, startDeadline } from "../deadline.ts";
import { rankOffers, refusalOf } from "./choice.ts";
import { purchase, type PurchaseParts } from "./order.ts";
import type { BecknPorts, LocalAgent } from "./ports.ts";
import type { Search } from "./search.ts";
import type { BuyOptions, BuyOutcome, BuyStep, Offer, SearchIntent } from "./types.ts";

/** A purchase ends after this, whatever its options say, ms. */
const MAX_PURCHASE_MS = 180_000;

/** Failures that the next seller would meet as well. */
const OWN_FAILURES: ReadonlySet<string> = new Set([
  "FUNDS_INSUFFICIENT",
  "SPEND_LIMIT",
  "DISK_FAILED",
  "CALL_CANCELLED",
]);

export async function buy(
  parts: PurchaseParts & { readonly startSearch: (buyer: LocalAgent, intent: SearchIntent) => Search },
  buyer: LocalAgent,
  options: BuyOptions,
): Promise<BuyOutcome> {
  const { ports } = parts;
  using deadline = startDeadline(ports.clock, options, MAX_PURCHASE_MS);
  const search = parts.startSearch(buyer, options.intent);
  const offers: Offer[] = [];
  const window = { windowMs: options.searchWindowMs, signal: deadline.signal };
  for await (const offer of search.offers(window)) offers.push(offer);
  const ranked = rankOffers(offers.filter((offer) => keep(parts, offer, options)));
  const steps = await orderInTurn(parts, { buyer, ranked, options, deadline });
  const firstConfirmed = steps.find((step) => step.outcome === "confirmed");
  return {
    transactionId: search.transactionId,
    offersSeen: offers.length,
    steps: steps.map(({ atMs: _atMs, ...step }) => step),
    confirmedMilliWh: milliWhOf(steps, ["confirmed"]),
    searchToFirstOfferMs: offers[0]?.latencyMs ?? null,
    searchToConfirmMs: firstConfirmed ? Math.round(firstConfirmed.atMs - search.publishedAtMs) : null,
  };
}

interface Turn {
  readonly buyer: LocalAgent;
  readonly ranked: readonly Offer[];
  readonly options: BuyOptions;
  readonly deadline: Deadline;
}

type TimedStep = BuyStep & { readonly atMs: number };

async function orderInTurn(parts: PurchaseParts, turn: Turn): Promise<readonly TimedStep[]> {
  const { ports } = parts;
  const { buyer, options, deadline } = turn;
  const steps: TimedStep[] = [];
  for (const offer of turn.ranked) {
    const quantityMilliWh = stillWanted(parts, turn, { offer, steps });
    if (quantityMilliWh === undefined) break;
    if (quantityMilliWh < Math.max(1, options.minFillMilliWh)) continue;
    logChoice(parts, turn, { offer, first: steps.length === 0 });
    const step = await purchase(parts, { buyer, offer, deadline }, { quantityMilliWh, options });
    steps.push({ ...step, atMs: ports.clock.monotonicMs() });
    if (step.outcome !== "confirmed") logFailure(parts, turn, { offer, step });
    const bound = step.outcome === "confirmed" || step.outcome === "in_doubt";
    if (bound && !options.splitNeed) break;
    if (OWN_FAILURES.has(step.reason ?? "") || deadline.signal.aborted) break;
  }
  return steps;
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
  const { transactionId, sellerUri: from } = offer;
  parts.audit.note(transactionId, { action: "offer", from, to: "", verdict: `not taken: ${refusal}` });
  return false;
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
  const fields = { agent: turn.buyer.name, transactionId: offer.transactionId, code: step.reason };
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
