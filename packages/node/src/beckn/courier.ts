/** How this node's own orders and news leave it without anybody asking. */

import { decodeRequestHeader, ProtocolError } from "@gridmesh/protocol";
import type { OrderTerms, SignedBytes, TradeEvent } from "../trade/types.ts";
import type { Carrier } from "./carrier.ts";
import type { BecknPorts } from "./ports.ts";
import { deliverCallback, type ReceiveParts } from "./receive.ts";

/**
 * Sends a held order's body again under a fresh signature: what a desk in doubt does until it is answered.
 * @throws AGENT_NOT_FOUND when the buyer is not hosted, and whatever the way there throws.
 */
export async function resendOrder(
  parts: { readonly ports: BecknPorts; readonly carrier: Carrier },
  terms: OrderTerms,
  order: SignedBytes,
): Promise<void> {
  const buyer = parts.ports.agents.bySellerId(terms.buyer);
  if (!buyer) throw new ProtocolError("AGENT_NOT_FOUND", "the buyer is not running here");
  const utf8 = new TextEncoder();
  const { profile } = decodeRequestHeader(utf8.encode(order.header));
  await parts.carrier.send({
    profile,
    action: "confirm",
    messageId: terms.orderId,
    peerId: terms.sellerPeerId,
    body: utf8.encode(order.body),
    signer: buyer.signer,
    to: terms.seller,
  });
}

/** Delivery and settlement are told to the buyer unasked. */
export function tellBuyer(parts: ReceiveParts, event: TradeEvent): void {
  const { kind, order } = event;
  if (order.role !== "seller" || (kind !== "delivered" && kind !== "settled")) return;
  const callback = parts.seller.push(order);
  const seller = parts.ports.agents.bySellerId(order.agentId);
  if (!callback || !seller) return;
  const mail = { callback, seller, peerId: order.counterpartyPeerId, buyer: order.counterparty };
  parts.background(deliverCallback(parts, mail));
}
