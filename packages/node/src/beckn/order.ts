/** One purchase: select → init → hold → confirm → decision. Only the seller's signed decision ends a hold. */

import { amountMicro, type BecknOrder, isProtocolError, ProtocolError } from "@gridmesh/protocol";
import { startDeadline } from "../deadline.ts";
import { becknDigestOf } from "../gate/engine.ts";
import type { OrderTerms } from "../trade/types.ts";
import { type Frame, signedBytes, signedHeader } from "./carrier.ts";
import { becknOutcome } from "./decision.ts";
import { checkMandate, escalates, type Waiting } from "./mandate.ts";
import { bodyOf, newId, requestContext } from "./messages.ts";
import { DECISION_WAIT_MS } from "./ports.ts";
import {
  answerWithin,
  ask,
  patienceMs,
  type Conversation,
  type RequestParts,
  type Talk,
} from "./requests.ts";
import type { BuyOptions, BuyStep } from "./types.ts";

const STATUS_WAIT_MS = 20_000;

export interface PurchaseParts extends RequestParts {
  /** Aborted when the room closes. */
  readonly signal: AbortSignal;
  readonly waiting: Waiting;
  readonly background: (work: Promise<unknown>) => void;
}

/** Buys up to `quantityMilliWh` of the talk's offer; every expected failure becomes the step's outcome. */
export async function purchase(
  parts: PurchaseParts,
  talk: Talk,
  wanted: { readonly quantityMilliWh: number; readonly options: BuyOptions },
): Promise<BuyStep> {
  const draft = draftOf(talk, wanted);
  let agreed: BecknOrder;
  try {
    agreed = await negotiate(parts, talk, { draft, options: wanted.options });
    checkTime(parts, agreed);
  } catch (error) {
    return failedStep(talk, draft, error);
  }
  return settle(parts, talk, agreed);
}

/** Holds what was agreed on, confirms it and waits for the decision. */
export async function settle(parts: PurchaseParts, talk: Talk, agreed: BecknOrder): Promise<BuyStep> {
  const terms = termsOf(parts, talk, agreed);
  const { buyer, offer } = talk;
  try {
    checkMandate(parts.ports, buyer, { action: "confirm", amountMicro: terms.amountMicro });
  } catch (error) {
    return failedStep(talk, agreed, error);
  }
  if (escalates(buyer) && talk.approved !== true) {
    parts.waiting.add({ buyer, offer, agreed }, terms.amountMicro);
    return { ...stepOf(talk, agreed, ""), outcome: "failed", reason: "SPEND_LIMIT" };
  }
  const frame = confirmFrame(parts, talk, { terms, agreed });
  try {
    await parts.ports.desk.hold(terms, signedBytes(frame));
  } catch (error) {
    return failedStep(talk, agreed, error);
  }
  return confirm(parts, talk, { terms, body: frame.body });
}

/** The quote both sides stand by, reserved at the seller unless init is not wanted. */
async function negotiate(
  parts: PurchaseParts,
  talk: Talk,
  wish: Wish & { readonly options: BuyOptions },
): Promise<BecknOrder> {
  const { options } = wish;
  const selected = await select(parts, talk, wish);
  if (!options.requireInit) return selected;
  try {
    return await initialise(parts, talk, selected);
  } catch (error) {
    // Another buyer was quicker between our select and init: what is left may still do.
    if (!isProtocolError(error) || error.code !== "QUANTITY_UNAVAILABLE") throw error;
    return initialise(parts, talk, await select(parts, talk, wish));
  }
}

/** What is wanted of an offer, and how little of it will do. */
export interface Wish {
  readonly draft: BecknOrder;
  readonly options: Pick<BuyOptions, "allOrNothing" | "minFillMilliWh">;
}

/** @throws QUOTE_CHANGED, and as `askFor`. */
export async function select(parts: PurchaseParts, talk: Conversation, wish: Wish): Promise<BecknOrder> {
  const quoted = checkQuote(await ask(parts, talk, { action: "select", content: wish.draft }), wish);
  // What it comes to is known now: nothing more is asked for what may not be ordered.
  const amount = amountMicro(quoted.quantityMilliWh, quoted.priceMicroPerKWh);
  checkMandate(parts.ports, talk.buyer, { action: "select", amountMicro: amount });
  return quoted;
}

/** @throws QUOTE_CHANGED, QUANTITY_UNAVAILABLE, and as `askFor`. */
export async function initialise(
  parts: PurchaseParts,
  talk: Talk,
  selected: BecknOrder,
): Promise<BecknOrder> {
  const asked = { ...withoutQuote(selected), billingName: talk.buyer.name };
  const order = await ask(parts, talk, { action: "init", content: asked });
  if (order.quantityMilliWh !== selected.quantityMilliWh) throw changed("the quantity");
  checkSame(order, selected);
  return order;
}

/** A quote may be for less than was asked for, never for other terms. */
function checkQuote(quoted: BecknOrder, { draft, options }: Wish): BecknOrder {
  checkSame(quoted, draft);
  if (quoted.quantityMilliWh > draft.quantityMilliWh) throw changed("the quantity");
  if (quoted.quantityMilliWh < draft.quantityMilliWh && options.allOrNothing) throw changed("the quantity");
  if (quoted.quantityMilliWh < Math.min(options.minFillMilliWh, draft.quantityMilliWh))
    throw changed("the quantity");
  if (!quoted.quote || quoted.quote.lines.length !== 1) throw changed("the cost: fees are not agreed to");
  return quoted;
}

function checkSame(order: BecknOrder, expected: BecknOrder): void {
  if (order.priceMicroPerKWh !== expected.priceMicroPerKWh) throw changed("the price");
  if (order.currency !== expected.currency) throw changed("the currency");
  if (order.offerId !== expected.offerId || order.offerEpoch !== expected.offerEpoch)
    throw changed("the offer");
  if (order.slot.startS !== expected.slot.startS || order.slot.area !== expected.slot.area)
    throw changed("the slot");
  if (order.slot.durationS !== expected.slot.durationS) throw changed("the slot");
  if (order.delivery !== expected.delivery) throw changed("the delivery");
}

/** Sends the held order and waits a while; what is open then stays held, and the desk goes on asking. */
async function confirm(
  parts: PurchaseParts,
  talk: Talk,
  held: { readonly terms: OrderTerms; readonly body: Uint8Array },
): Promise<BuyStep> {
  const { ports, carrier, audit, pending, background } = parts;
  const { terms, body } = held;
  const context = requestContext(ports, talk.buyer, confirmAbout(talk, terms.orderId));
  const step = stepOf(talk, terms, terms.orderId);
  using expected = pending.expect(terms.orderId, {
    action: "on_confirm",
    seller: talk.offer.seller,
    transactionId: terms.transactionId,
    digest: becknDigestOf(body),
  });
  const letter = {
    profile: talk.offer.profile,
    action: "confirm",
    messageId: terms.orderId,
    peerId: terms.sellerPeerId,
    body,
    signer: talk.buyer.signer,
    to: talk.offer.seller,
  } as const;
  background(
    carrier.send(letter, { signal: parts.signal }).then(
      () => audit.noteMessage(context, "ACK"),
      (error: unknown) => audit.noteMessage(context, isProtocolError(error) ? error.code : "failed"),
    ),
  );
  try {
    const answer = await answerWithin(ports, expected.callback, {
      waitMs: Math.min(DECISION_WAIT_MS, decisionMs(parts, talk)),
      deadline: talk.deadline,
    });
    if (!answer) return { ...step, outcome: "in_doubt", reason: "ORDER_IN_DOUBT" };
    const decision = becknOutcome(answer);
    if (!decision.accepted)
      return { ...step, outcome: "refused", reason: decision.reason ?? "ORDER_REJECTED" };
    return { ...step, outcome: "confirmed" };
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    return { ...step, outcome: "in_doubt", reason: error.code };
  }
}

/** What is held stays held, so another seller may be asked for the rest meanwhile. */
function decisionMs(parts: PurchaseParts, talk: Talk): number {
  return talk.moreWanted === true ? patienceMs(parts.ports, talk) : Number.POSITIVE_INFINITY;
}

/** One status after each on_confirm; no purchase waits for it. */
export async function askStatus(
  parts: PurchaseParts,
  talk: Pick<Conversation, "buyer" | "offer">,
  orderId: string,
): Promise<void> {
  const wait = { timeoutMs: STATUS_WAIT_MS, signal: parts.signal };
  using deadline = startDeadline(parts.ports.clock, wait, STATUS_WAIT_MS);
  const { buyer, offer } = talk;
  await ask(parts, { buyer, offer, deadline }, { action: "status", content: orderId });
}

export function draftOf(
  talk: Pick<Talk, "offer">,
  wanted: { readonly quantityMilliWh: number; readonly options: Pick<BuyOptions, "delivery" | "untilMs"> },
): BecknOrder {
  const { offer } = talk;
  return {
    seller: offer.seller,
    offerId: offer.offerId,
    offerEpoch: offer.offerEpoch,
    slot: offer.slot,
    quantityMilliWh: wanted.quantityMilliWh,
    priceMicroPerKWh: offer.priceMicroPerKWh,
    currency: offer.currency,
    delivery: wanted.options.delivery,
    untilMs: Math.min(wanted.options.untilMs, offer.untilMs ?? wanted.options.untilMs),
  };
}

function termsOf(parts: PurchaseParts, talk: Talk, agreed: BecknOrder): OrderTerms {
  const { ports } = parts;
  return {
    orderId: newId(ports),
    transactionId: talk.offer.transactionId,
    offerId: agreed.offerId,
    offerEpoch: agreed.offerEpoch,
    buyer: talk.buyer.agentId,
    buyerPeerId: ports.peerId,
    seller: talk.offer.seller,
    sellerPeerId: talk.offer.sellerPeerId,
    slot: agreed.slot,
    quantityMilliWh: agreed.quantityMilliWh,
    priceMicroPerKWh: agreed.priceMicroPerKWh,
    amountMicro: amountMicro(agreed.quantityMilliWh, agreed.priceMicroPerKWh),
    currency: agreed.currency,
    untilMs: agreed.untilMs,
    delivery: agreed.delivery,
  };
}

function confirmFrame(
  parts: PurchaseParts,
  talk: Talk,
  about: { readonly terms: OrderTerms; readonly agreed: BecknOrder },
): Frame {
  const { terms, agreed } = about;
  const context = requestContext(parts.ports, talk.buyer, confirmAbout(talk, terms.orderId));
  const order: BecknOrder = {
    ...withoutQuote(agreed),
    billingName: talk.buyer.name,
    payment: { amountMicro: terms.amountMicro, paid: false },
  };
  const { profile } = talk.offer;
  const body = bodyOf(profile, context, { kind: "order", order });
  const letter = { profile, action: "confirm", body, signer: talk.buyer.signer } as const;
  return { header: signedHeader(letter, parts.ports.clock.nowMs()), body };
}

function confirmAbout(talk: Talk, messageId: string) {
  const { seller: agentId, sellerUri: uri, transactionId } = talk.offer;
  return { action: "confirm", transactionId, messageId, seller: { agentId, uri } } as const;
}

/** @throws MARKET_CLOSED. */
export function checkTime(parts: PurchaseParts, order: BecknOrder): void {
  if (parts.ports.market.nowMs() >= order.untilMs) {
    throw new ProtocolError("MARKET_CLOSED", "the time for orders is over");
  }
}

function withoutQuote(order: BecknOrder): BecknOrder {
  const { quote: _quote, payment: _payment, ...rest } = order;
  return rest;
}

function changed(what: string): ProtocolError {
  return new ProtocolError("QUOTE_CHANGED", `the seller changed ${what}`);
}

function stepOf(
  talk: Talk,
  order: Pick<OrderTerms, "quantityMilliWh" | "priceMicroPerKWh">,
  orderId: string,
) {
  return {
    orderId,
    seller: talk.offer.seller,
    sellerName: talk.offer.sellerName,
    quantityMilliWh: order.quantityMilliWh,
    priceMicroPerKWh: order.priceMicroPerKWh,
    amountMicro: amountMicro(order.quantityMilliWh, order.priceMicroPerKWh),
  };
}

/** What the seller refused and what never got so far are told apart. */
const FAILURES: ReadonlySet<string> = new Set([
  "PEER_UNREACHABLE",
  "PEER_NOT_FOUND",
  "DHT_FAILED",
  "CALL_TIMEOUT",
  "CALL_CANCELLED",
  "STREAM_RESET",
  "BECKN_CALLBACK_MISSING",
  "MARKET_CLOSED",
  "FUNDS_INSUFFICIENT",
  "SPEND_LIMIT",
  "DISK_FAILED",
  "MARKET_HALTED",
]);

function failedStep(talk: Talk, order: BecknOrder, error: unknown): BuyStep {
  if (!isProtocolError(error)) throw error;
  const outcome = FAILURES.has(error.code) ? "failed" : "refused";
  return { ...stepOf(talk, order, ""), outcome, reason: error.code };
}
