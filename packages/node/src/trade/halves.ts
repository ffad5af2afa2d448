/** What every step over documents asks first: which order is meant, and was this said before. */

import {
  orderKey,
  ProtocolError,
  type TradeAnnulment,
  type TradeCancel,
  type TradeDelivery,
  type TradeDispute,
  type TradeDocument,
  type TradePayment,
  type TradeReceipt,
} from "@gridmesh/protocol";
import type { DeskContext } from "./context.ts";
import { keepEvidence } from "./evidence.ts";
import type { OrderHalf } from "./state.ts";
import { sameDocument } from "./terms.ts";

const VERSION = "1.1";

type OrderDocument =
  | TradeAnnulment
  | TradeCancel
  | TradeDispute
  | TradeDelivery
  | TradePayment
  | TradeReceipt;

/** The fields that every document of an order begins with. */
export function documentBase(context: DeskContext, half: OrderHalf) {
  const { orderId, buyer, seller } = half.terms;
  return {
    version: VERSION,
    orderId,
    orderHash: half.orderHash,
    buyer,
    seller,
    signedAtMs: context.clock.nowMs(),
  };
}

/** @throws ORDER_NOT_FOUND, COUNTERPARTY_WRONG, ORDER_CONFLICT (another order under this id). */
export function halfNamedBy(
  context: DeskContext,
  document: OrderDocument,
  role: "buyer" | "seller",
): OrderHalf {
  const key = orderKey(document.buyer, document.orderId);
  const half = context.state.books.get(document[role])?.orders.get(key);
  if (half === undefined) throw new ProtocolError("ORDER_NOT_FOUND", key);
  if (half.role !== role || half.terms.seller !== document.seller) {
    throw new ProtocolError("COUNTERPARTY_WRONG", `${document.seller} does not sell order ${key}`);
  }
  if (half.orderHash !== document.orderHash) throw new ProtocolError("ORDER_CONFLICT", key);
  return half;
}

/**
 * True when this very document was booked before, and is on the disk. What is answered to it has to be looked up before:
 * what is booked meanwhile is not on the disk yet.
 * @throws EQUIVOCATION.
 */
export async function isRepeat(
  context: DeskContext,
  half: OrderHalf,
  document: TradeDocument,
): Promise<boolean> {
  const known = half.documents[document.type];
  if (known === undefined) return false;
  if (!sameDocument(known, document)) {
    const body = JSON.stringify(document);
    await keepEvidence(context, half, { what: document.type, bytes: { header: "", body } });
    throw new ProtocolError("EQUIVOCATION", `two ${document.type} for order ${half.key}`);
  }
  await context.durable(half.lastSeq);
  return true;
}

/** @throws AMOUNT_INVALID. */
export function checkPart(part: number, whole: number): void {
  if (!Number.isSafeInteger(part) || part < 0 || part > whole) {
    throw new ProtocolError("AMOUNT_INVALID", `${part} mWh of ${whole}`);
  }
}

export function wrongState(half: OrderHalf): ProtocolError {
  return new ProtocolError("ORDER_STATE", `order ${half.key} is ${half.state}`);
}
