/** The selling side: a view over the desk's open offers. It quotes and reserves; what binds, the desk decides. */

import {
  type BecknContent,
  type BecknContext,
  type BecknOrder,
  isErrorCode,
  type OrderSummary,
  parseBecknUri,
  ProtocolError,
} from "@gridmesh/protocol";
import type { Decision, OpenOffer, OrderTerms } from "../trade/types.ts";
import { signedBytes, signedHeader } from "./carrier.ts";
import type { BecknReceived } from "./inbound.ts";
import { callbackCodes, faultContent } from "./faults.ts";
import { bodyOf, callbackContext } from "./messages.ts";
import { Recent } from "./policy.ts";
import { type BecknPorts, QUOTE_VALID_MS } from "./ports.ts";
import { afterwards } from "./seller-after.ts";
import {
  type Callback,
  callbackTo,
  type Confirmed,
  confirmedOrder,
  energyMicro,
  orderName,
  orderNow,
  receivedBytes,
  type SellerRoom,
  type SellerTransaction,
  tell,
  transactionKey,
} from "./seller-room.ts";

const MAX_TRANSACTIONS = 20_000;

export interface Seller {
  /** Answers every request but a search; a refusal that Beckn tells in the callback is a callback too. */
  answer(received: BecknReceived): Promise<Callback>;
  /** The unasked on_status of an order that has moved on; undefined when its buyer is not known any more. */
  push(order: OrderSummary): Callback | undefined;
}

export function createSeller(ports: BecknPorts, newMessageId: () => string): Seller {
  const transactions = new Recent<SellerTransaction>(MAX_TRANSACTIONS);
  const confirmed = new Recent<Confirmed>(MAX_TRANSACTIONS);
  const room = { ports, transactions, confirmed };

  return {
    async answer(received) {
      const { context } = received;
      const { action } = context;
      if (action === "confirm") return confirm(room, received);
      const later = afterwards.get(action);
      if (later !== undefined) return callbackTo(room, received, await later(room, received));
      const step = action === "init" ? init : select;
      const told = tell((): BecknContent => ({ kind: "order", order: step(room, received) }));
      return callbackTo(room, received, told);
    },
    push(summary) {
      const known = confirmedOrder(room, summary);
      const seller = ports.agents.bySellerId(summary.agentId);
      if (!known || !seller) return undefined;
      const { profile } = known;
      const request = { ...known.context, messageId: newMessageId() };
      const context = callbackContext(ports, seller, { action: "on_status", request });
      const order = orderNow(room, known.order, summary);
      const body = bodyOf(profile, context, { kind: "order", order });
      return { profile, action: "on_status", context, body };
    },
  };
}

/** A quote for as much as is left, at the offer's own price; the buyer sees whether that is what it asked for. */
function select(room: SellerRoom, received: BecknReceived): BecknOrder {
  const { ports, transactions } = room;
  const key = transactionKey(received);
  const asked = orderOf(received);
  const known = transactions.get(key);
  if (known?.state === "ACTIVE") throw new ProtocolError("ORDER_STATE", "select after confirm");
  if (known?.state === "INITIALISED" && received.context.preview !== true)
    ports.desk.unreserve(known.order.offerId, received.context.transactionId);
  const offer = openOffer(ports, received, asked);
  // Own use may have drawn on what was offered: what init could not reserve is not quoted.
  const free = Math.min(offer.leftMilliWh, ports.desk.availableMilliWh(received.to.agentId));
  const quantityMilliWh = Math.min(asked.quantityMilliWh, free);
  if (quantityMilliWh <= 0) throw new ProtocolError("QUANTITY_UNAVAILABLE", "nothing is left of it");
  const order = quoted(received, { ...asked, quantityMilliWh }, offer);
  if (received.context.preview !== true) transactions.set(key, { state: "SELECTED", order });
  return order;
}

/** Sets the quantity aside until the quote or the offer ends. */
function init(room: SellerRoom, received: BecknReceived): BecknOrder {
  const { ports, transactions } = room;
  const key = transactionKey(received);
  const known = transactions.get(key);
  if (!known || known.state === "ACTIVE") {
    throw new ProtocolError("ORDER_STATE", `init ${known ? "after confirm" : "before select"}`);
  }
  const asked = orderOf(received);
  if (!sameTerms(asked, known.order)) throw new ProtocolError("QUOTE_CHANGED", "init differs from the quote");
  const offer = openOffer(ports, received, asked);
  const order = {
    ...quoted(received, asked, offer),
    billingName: asked.billingName,
    payment: { amountMicro: energyMicro(asked), paid: false },
  };
  if (received.context.preview === true) return order;
  const quoteEndMs = ports.market.nowMs() + QUOTE_VALID_MS * ports.market.speed;
  ports.desk.reserve({
    offerId: offer.offerId,
    transactionId: received.context.transactionId,
    quantityMilliWh: asked.quantityMilliWh,
    untilMs: Math.min(offer.untilMs, quoteEndMs),
  });
  transactions.set(key, { state: "INITIALISED", order });
  return order;
}

/** Decided once, by the desk; a copy of the confirm gets the journaled answer again, in the same bytes. */
async function confirm(room: SellerRoom, received: BecknReceived): Promise<Callback> {
  const { ports, transactions } = room;
  const { context, to } = received;
  const asked = orderOf(received);
  // A known order gets its answer again, whatever its buyer has asked for since.
  const known = ports.desk.order(to.agentId, { buyer: received.signerId, orderId: context.messageId });
  const selected = transactions.get(transactionKey(received))?.state === "SELECTED";
  if (!known && ports.requireInit !== false && selected) {
    throw new ProtocolError("ORDER_STATE", "confirm before init");
  }
  const { digest, wire } = received;
  const { profile } = wire;
  const reply = callbackContext(ports, to, { action: "on_confirm", request: context, digest });
  if (context.preview === true) return previewOf(room, received, { asked, reply });
  const answered = await ports.desk.decide(termsOf(received, asked), receivedBytes(received), (decision) => {
    const body = bodyOf(profile, reply, decisionContent(received, asked, decision));
    const letter = { profile, action: "on_confirm", body, signer: to.signer } as const;
    if (decision.accepted) remember(room, received, asked);
    return signedBytes({ header: signedHeader(letter, ports.clock.nowMs()), body });
  });
  const summary = ports.desk.order(to.agentId, { buyer: received.signerId, orderId: context.messageId });
  if (summary && summary.state !== "REJECTED") {
    remember(room, received, asked);
  }
  return { profile, action: "on_confirm", context: reply, body: new TextEncoder().encode(answered.body) };
}

/** What a confirm would be answered now; nothing is decided by it. */
function previewOf(
  room: SellerRoom,
  received: BecknReceived,
  about: { readonly asked: BecknOrder; readonly reply: BecknContext },
): Callback {
  const { asked, reply } = about;
  const { profile } = received.wire;
  const free = tell(() => {
    const offer = openOffer(room.ports, received, asked);
    if (asked.quantityMilliWh <= offer.leftMilliWh) return asked;
    throw new ProtocolError("QUANTITY_UNAVAILABLE", "less is left of it");
  });
  const decision =
    free instanceof ProtocolError
      ? { accepted: false, reason: free.code, contractId: "" }
      : { accepted: true, contractId: received.context.messageId };
  const body = bodyOf(profile, reply, decisionContent(received, asked, decision));
  return { profile, action: "on_confirm", context: reply, body };
}

/** For status and pushes, which the desk's own records do not word. */
function remember(room: SellerRoom, received: BecknReceived, order: BecknOrder): void {
  const { context, signerId, wire } = received;
  const { profile } = wire;
  room.transactions.set(transactionKey(received), { state: "ACTIVE", order });
  room.confirmed.set(orderName(signerId, context.messageId), { profile, order, context });
}

/** The order's terms as the desk books them; the buyer's peer is where its callbacks go. */
function termsOf(received: BecknReceived, order: BecknOrder): OrderTerms {
  const { context, sender, signerId, to } = received;
  return {
    orderId: context.messageId,
    transactionId: context.transactionId,
    offerId: order.offerId,
    offerEpoch: order.offerEpoch,
    buyer: signerId,
    buyerPeerId: sender.peerId,
    seller: to.agentId,
    sellerPeerId: parseBecknUri(context.bppUri ?? "").peerId,
    slot: order.slot,
    quantityMilliWh: order.quantityMilliWh,
    priceMicroPerKWh: order.priceMicroPerKWh,
    amountMicro: order.payment?.amountMicro ?? energyMicro(order),
    currency: order.currency,
    untilMs: order.untilMs,
    delivery: order.delivery,
  };
}

function decisionContent({ context, wire }: BecknReceived, asked: BecknOrder, decision: Decision) {
  if (!decision.accepted) {
    const reason = decision.reason ?? "";
    const code = isErrorCode(reason) ? reason : "ORDER_REJECTED";
    const refusal = new ProtocolError(callbackCodes.has(code) ? code : "ORDER_REJECTED", reason);
    return faultContent(wire, refusal, { ...asked, orderId: context.messageId });
  }
  const order: BecknOrder = {
    ...asked,
    orderId: context.messageId,
    contractId: decision.contractId,
    status: "ACTIVE",
    state: "ORDER_CONFIRMED",
  };
  return { kind: "order", order } as const;
}

function openOffer(ports: BecknPorts, received: BecknReceived, asked: BecknOrder): OpenOffer {
  if (asked.offerEpoch !== ports.desk.epoch) {
    throw new ProtocolError("OFFER_EXPIRED", "the offer is of another boot");
  }
  const offer = ports.desk.offerOf(received.to.agentId, asked.offerId);
  if (ports.market.nowMs() >= offer.untilMs) throw new ProtocolError("OFFER_EXPIRED", "the offer has ended");
  return offer;
}

function quoted(received: BecknReceived, order: BecknOrder, offer: OpenOffer): BecknOrder {
  const terms = {
    ...order,
    priceMicroPerKWh: offer.priceMicroPerKWh,
    currency: offer.currency,
    slot: offer.slot,
  };
  const amount = energyMicro(terms);
  return {
    ...terms,
    seller: received.to.agentId,
    sellerName: received.to.name,
    untilMs: Math.min(order.untilMs, offer.untilMs),
    quote: { totalMicro: amount, lines: [{ title: "ENERGY", amountMicro: amount }], validMs: QUOTE_VALID_MS },
  };
}

function sameTerms(a: BecknOrder, b: BecknOrder): boolean {
  return (
    a.offerId === b.offerId &&
    a.offerEpoch === b.offerEpoch &&
    a.quantityMilliWh === b.quantityMilliWh &&
    a.priceMicroPerKWh === b.priceMicroPerKWh &&
    a.currency === b.currency &&
    a.delivery === b.delivery
  );
}

function orderOf(received: BecknReceived): BecknOrder {
  const { content } = received;
  if (content.kind !== "order") throw new ProtocolError("SCHEMA_INVALID", "an order is missing");
  if (content.order.further) throw new ProtocolError("SLOT_INVALID", "an order is of one slot here");
  return content.order;
}
