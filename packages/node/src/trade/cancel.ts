/** Calling an order off: the buyer asks, and only the seller's signed annulment frees what is on hold. */

import {
  canonicalize,
  orderKey,
  ProtocolError,
  type RecordedNonce,
  signDocument,
  type TradeAnnulment,
  type TradeCancel,
  type TradeDocument,
} from "@gridmesh/protocol";
import { bookOf, type DeskContext, hostedOf, isState } from "./context.ts";
import { keepEvidence } from "./evidence.ts";
import { documentBase, halfNamedBy, isRepeat, wrongState } from "./halves.ts";
import type { Book, OrderHalf } from "./state.ts";
import { sameDocument } from "./terms.ts";

const REASON = "cancelled";

/** @throws AGENT_NOT_FOUND, ORDER_NOT_FOUND, ORDER_STATE (it has ended, or is paid), AGENT_UNAVAILABLE. */
export async function cancelOrder(context: DeskContext, buyer: string, orderId: string): Promise<void> {
  const key = orderKey(buyer, orderId);
  const half = bookOf(context, buyer).orders.get(key);
  if (half?.role !== "buyer") throw new ProtocolError("ORDER_NOT_FOUND", key);
  if (half.documents.trade_cancel !== undefined) return context.durable(half.lastSeq);
  if (!isState(half, "HELD", "COMMITTED")) throw wrongState(half);
  const cancel = signDocument(
    { type: "trade_cancel", ...documentBase(context, half) },
    { type: "trade_cancel", network: context.network, signer: hostedOf(context, buyer).signer },
  ) as TradeCancel;
  await context.commit({ kind: "cancel", agent: buyer, key, documents: [cancel] });
  context.pursue(half);
  // The order itself may be waiting for its turn to be sent again.
  context.sends.wake(half.terms.sellerPeerId);
}

/** Seller: never came → refused in advance; not delivered yet → annulled; else what was done already, once more. */
export async function onCancel(
  context: DeskContext,
  cancel: TradeCancel,
  nonce: RecordedNonce | undefined,
): Promise<TradeDocument | undefined> {
  const { buyer, seller, orderId } = cancel;
  const book = context.state.books.get(seller);
  const key = orderKey(buyer, orderId);
  if (book === undefined) throw new ProtocolError("ORDER_NOT_FOUND", key);
  if (!book.orders.has(key)) return forestall(context, book, { cancel, nonce });
  const half = halfNamedBy(context, cancel, "seller");
  // The buyer sends the order again and hears the refusal itself.
  if (isState(half, "REJECTED")) throw wrongState(half);
  const { trade_annulment, trade_delivery, trade_receipt } = half.documents;
  if (await isRepeat(context, half, cancel)) return trade_annulment;
  if (!isState(half, "ACCEPTED")) {
    await context.durable(half.lastSeq);
    return trade_receipt ?? trade_delivery ?? trade_annulment;
  }
  return takeBack(context, half, { documents: [cancel], nonce });
}

/** @throws AGENT_NOT_FOUND, ORDER_NOT_FOUND, ORDER_STATE (delivered, ended), AGENT_UNAVAILABLE. */
export async function annulOrder(
  context: DeskContext,
  seller: string,
  { buyer, orderId }: { readonly buyer: string; readonly orderId: string },
): Promise<void> {
  const key = orderKey(buyer, orderId);
  const half = bookOf(context, seller).orders.get(key);
  if (half?.role !== "seller") throw new ProtocolError("ORDER_NOT_FOUND", key);
  if (isState(half, "ANNULLED")) return context.durable(half.lastSeq);
  if (!isState(half, "ACCEPTED")) throw wrongState(half);
  await takeBack(context, half, { documents: [], nonce: undefined });
}

async function takeBack(
  context: DeskContext,
  half: OrderHalf,
  cause: { readonly documents: readonly TradeCancel[]; readonly nonce: RecordedNonce | undefined },
): Promise<TradeAnnulment> {
  const { agentId: agent, key } = half;
  const { slotId, quantityMilliWh } = half.terms;
  const annulment = annul(context, documentBase(context, half));
  const step = { agent, key, reason: REASON, slotId, quantityMilliWh };
  const documents = [...cause.documents, annulment];
  await context.commit({ kind: "void", ...step, documents, ...caused(cause.nonce) });
  context.emit("annulled", half);
  return annulment;
}

async function forestall(
  context: DeskContext,
  book: Book,
  { cancel, nonce }: { readonly cancel: TradeCancel; readonly nonce: RecordedNonce | undefined },
): Promise<TradeDocument> {
  const { buyer, seller, orderId, orderHash, version } = cancel;
  const key = orderKey(buyer, orderId);
  const known = book.forestalled.get(key);
  if (known !== undefined) {
    if (!sameDocument(known.cancel, cancel)) throw new ProtocolError("ORDER_CONFLICT", key);
    await context.durable(known.lastSeq);
    return known.annulment;
  }
  const signedAtMs = context.clock.nowMs();
  const annulment = annul(context, { version, orderId, orderHash, buyer, seller, signedAtMs });
  const documents = [cancel, annulment];
  await context.commit({ kind: "forestall", agent: seller, key, orderHash, documents, ...caused(nonce) });
  return annulment;
}

function annul(context: DeskContext, base: ReturnType<typeof documentBase>): TradeAnnulment {
  const { signer } = hostedOf(context, base.seller);
  return signDocument(
    { type: "trade_annulment", ...base, reason: REASON },
    { type: "trade_annulment", network: context.network, signer },
  ) as TradeAnnulment;
}

/** Buyer: the seller took the order back, so the hold is free. */
export async function onAnnulment(
  context: DeskContext,
  annulment: TradeAnnulment,
  nonce: RecordedNonce | undefined,
): Promise<undefined> {
  const half = halfNamedBy(context, annulment, "buyer");
  if (await isRepeat(context, half, annulment)) return undefined;
  // Refused as well: it came after its cancellation.
  if (isState(half, "RELEASED")) return context.durable(half.lastSeq) as Promise<undefined>;
  const answer = { header: "", body: canonicalize(annulment) };
  if (!isState(half, "HELD", "COMMITTED")) {
    await keepEvidence(context, half, { what: "trade_annulment", bytes: answer });
    throw new ProtocolError("EQUIVOCATION", `order ${half.key} was delivered and is now annulled`);
  }
  const { agentId: agent, key, heldMicro } = half;
  const step = { agent, key, answer, heldMicro, reason: annulment.reason };
  await context.commit({ kind: "release", ...step, documents: [annulment], ...caused(nonce) });
  context.emit("released", half);
  return undefined;
}

function caused(nonce: RecordedNonce | undefined) {
  return nonce === undefined ? {} : { nonce };
}
