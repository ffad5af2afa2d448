/** The buyer's end of a confirm: the seller's signed decision goes to the desk, whoever waits for it or not. */

import { amountMicro, type OrderSummary, ProtocolError } from "@gridmesh/protocol";
import { becknDigestOf } from "../gate/engine.ts";
import type { Decision } from "../trade/types.ts";
import { errorOfFault } from "./faults.ts";
import { type BecknReceived, checkRequestDigest } from "./inbound.ts";
import type { BecknPorts } from "./ports.ts";

type Said = Pick<BecknReceived, "content" | "wire" | "context">;

/** What an on_confirm says. @throws SCHEMA_INVALID when it decides nothing. */
export function becknOutcome({ content, wire, context }: Said): Decision {
  if (context.preview === true) throw new ProtocolError("SCHEMA_INVALID", "a preview decides nothing");
  if (content.kind === "fault") {
    return { accepted: false, reason: errorOfFault(wire, content.fault).code, contractId: "" };
  }
  if (content.kind !== "order") throw new ProtocolError("SCHEMA_INVALID", "on_confirm holds no order");
  const { status, contractId = "" } = content.order;
  if (status === "ACTIVE" || status === "COMPLETE") return { accepted: true, contractId };
  if (status === "CANCELLED") return { accepted: false, reason: "ORDER_REJECTED", contractId };
  throw new ProtocolError("SCHEMA_INVALID", "on_confirm says neither yes nor no");
}

/**
 * Commits or releases the order an on_confirm decides; a repeat changes nothing.
 * @throws BECKN_ACTION_UNEXPECTED (no such order), COUNTERPARTY_WRONG, AMOUNT_INVALID (accepted on other terms).
 */
export async function concludeOrder(ports: BecknPorts, received: BecknReceived): Promise<void> {
  const { context, content, signerId, to } = received;
  const order = ports.desk.order(to.agentId, { buyer: to.agentId, orderId: context.messageId });
  if (order?.role !== "buyer")
    throw new ProtocolError("BECKN_ACTION_UNEXPECTED", "no order of ours has this id");
  if (order.counterparty !== signerId) {
    throw new ProtocolError("COUNTERPARTY_WRONG", "the order was sent to somebody else");
  }
  const signed = ports.desk.signedOrder(to.agentId, { buyer: to.agentId, orderId: order.orderId });
  if (signed !== undefined) checkRequestDigest(context, becknDigestOf(new TextEncoder().encode(signed.body)));
  const decision = becknOutcome(received);
  if (content.kind === "order" && decision.accepted) checkAccepted(content, order);
  const text = new TextDecoder();
  const bytes = { header: text.decode(received.headerBytes), body: text.decode(received.body) };
  await ports.desk.conclude(to.agentId, order.orderId, decision, bytes);
}

/** An accept binds to what was ordered; other terms decide nothing and the hold stays. */
function checkAccepted(
  content: Extract<BecknReceived["content"], { kind: "order" }>,
  order: OrderSummary,
): void {
  const accepted = content.order;
  const same =
    accepted.orderId === order.orderId &&
    accepted.further === undefined &&
    accepted.quantityMilliWh === order.quantityMilliWh &&
    accepted.priceMicroPerKWh === order.priceMicroPerKWh &&
    accepted.currency === order.currency &&
    (accepted.payment?.amountMicro ?? order.amountMicro) ===
      amountMicro(order.quantityMilliWh, order.priceMicroPerKWh);
  if (!same) throw new ProtocolError("AMOUNT_INVALID", "accepted on other terms than ordered");
}
