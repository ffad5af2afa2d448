/** What the selling side remembers of a transaction, and how an order is told once it was made. */

import {
  amountMicro,
  type BecknCallbackAction,
  type BecknRequestAction,
  type BecknContent,
  type BecknContext,
  type BecknOrder,
  type BecknProfile,
  becknRowOf,
  callbackOf,
  decodeRequestHeader,
  isProtocolError,
  orderKey,
  type OrderSummary,
  parseBecknBody,
  ProtocolError,
} from "@gridmesh/protocol";
import { faultContent } from "./faults.ts";
import type { BecknReceived } from "./inbound.ts";
import { bodyOf, callbackContext, wireOf } from "./messages.ts";
import type { Recent } from "./policy.ts";
import type { BecknPorts } from "./ports.ts";

/** What is sent after the ACK. */
export interface Callback {
  readonly profile: BecknProfile;
  readonly action: BecknCallbackAction;
  readonly context: BecknContext;
  readonly body: Uint8Array;
}

export interface SellerTransaction {
  readonly state: "SELECTED" | "INITIALISED" | "ACTIVE";
  readonly order: BecknOrder;
}

/** An order as its buyer confirmed it, and where its buyer takes its messages. */
export interface Confirmed {
  readonly profile: BecknProfile;
  readonly order: BecknOrder;
  readonly context: BecknContext;
}

export interface SellerRoom {
  readonly ports: BecknPorts;
  readonly transactions: Recent<SellerTransaction>;
  readonly confirmed: Recent<Confirmed>;
}

/** The answer to a request: its content, or the refusal that Beckn tells in its place. */
export function callbackTo(
  { ports }: Pick<SellerRoom, "ports">,
  received: BecknReceived,
  content: BecknContent | ProtocolError,
): Callback {
  const { wire, digest, context, to, content: asked } = received;
  const { profile } = wire;
  const action = callbackOf(context.action as BecknRequestAction);
  const reply = callbackContext(ports, to, { action, request: context, digest });
  const order = "order" in asked && asked.kind !== "openOrder" ? asked.order : undefined;
  const told = content instanceof ProtocolError ? faultContent(wire, content, order) : content;
  return { profile, action, context: reply, body: bodyOf(profile, reply, told) };
}

/** What was remembered before a restart, the journaled confirm still says. */
export function confirmedOrder(room: SellerRoom, summary: OrderSummary): Confirmed | undefined {
  const { desk } = room.ports;
  const { agentId, counterparty: buyer, orderId } = summary;
  const name = orderName(buyer, orderId);
  const known = room.confirmed.get(name);
  if (known || summary.state === "REJECTED") return known;
  const signed = desk.signedOrder(agentId, { buyer, orderId });
  // Programs may order by other ways than Beckn, and then nobody waits for a callback.
  if (signed?.header.startsWith("{") !== true) return undefined;
  const bytes = new TextEncoder();
  const { profile } = decodeRequestHeader(bytes.encode(signed.header));
  const json = parseBecknBody(bytes.encode(signed.body));
  const wire = wireOf(profile);
  // It was taken once, so it was read closely enough then.
  const context = wire.decodeContext(json, "tolerant");
  const content = wire.decodeContent(json, context, "tolerant");
  if (content.kind !== "order") return undefined;
  const found = { profile, order: content.order, context };
  room.confirmed.set(name, found);
  return found;
}

/** Where an accepted order stands, in Beckn's words. */
export function orderNow(
  { ports }: Pick<SellerRoom, "ports">,
  order: BecknOrder,
  summary: OrderSummary,
): BecknOrder {
  const done = summary.state === "SETTLED";
  const { agentId, counterparty } = summary;
  const agreed = ports.store.word(agentId, orderKey(counterparty, summary.orderId), "update");
  const { quote, ...rest } = order;
  const terms = agreed
    ? { ...rest, quantityMilliWh: agreed.value }
    : { ...rest, ...(quote ? { quote } : {}) };
  return {
    ...terms,
    orderId: summary.orderId,
    status: summary.state === "ANNULLED" ? "CANCELLED" : done ? "COMPLETE" : "ACTIVE",
    state: summary.state,
    ...(summary.finalMilliWh === null ? {} : { finalMilliWh: summary.finalMilliWh }),
    payment: {
      amountMicro: summary.finalAmountMicro ?? (agreed ? energyMicro(terms) : summary.amountMicro),
      paid: done,
    },
  };
}

export function energyMicro(order: Pick<BecknOrder, "quantityMilliWh" | "priceMicroPerKWh">): number {
  return amountMicro(order.quantityMilliWh, order.priceMicroPerKWh);
}

/** Runs a step; what Beckn tells in the callback comes back as a value, everything else is thrown for a NACK. */
export function tell<T>(step: () => T): T | ProtocolError {
  try {
    return step();
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    if (error.code === "MARKET_HALTED") return new ProtocolError("ORDER_REJECTED", error.message);
    if (becknRowOf(error).status === undefined) return error;
    throw error;
  }
}

export function transactionKey(received: BecknReceived): string {
  return `${received.context.transactionId} ${received.signerId} ${received.to.agentId}`;
}

export function orderName(buyer: string, orderId: string): string {
  return `${buyer} ${orderId}`;
}

export function receivedBytes(received: BecknReceived) {
  const text = new TextDecoder();
  return { header: text.decode(received.headerBytes), body: text.decode(received.body) };
}
