/** Steps 4–7 of a trade: delivery, payment and receipt, each a signed document and a record before it is sent. */

import {
  amountMicro,
  mulDiv,
  orderKey,
  parseSlotId,
  ProtocolError,
  type RecordedNonce,
  signDocument,
  type TradeDelivery,
  type TradeDocument,
  type TradePayment,
  type TradeReceipt,
} from "@gridmesh/protocol";
import { bookOf, type DeskContext, hostedOf, isState } from "./context.ts";
import { areApart, disputeDelivery } from "./disputes.ts";
import { payFor } from "./payment.ts";
import { checkPart, documentBase, halfNamedBy, isRepeat, wrongState } from "./halves.ts";
import { balance, type OrderHalf } from "./state.ts";

/** The acceptance goes first; what was delivered at once follows it. */
const AFTER_ANSWER_MS = 100;

/** @throws AGENT_NOT_FOUND, ORDER_NOT_FOUND, ORDER_STATE, AMOUNT_INVALID, AGENT_UNAVAILABLE. */
export async function deliverOrder(
  context: DeskContext,
  seller: string,
  what: { readonly buyer: string; readonly orderId: string; readonly deliveredMilliWh: number },
): Promise<void> {
  const key = orderKey(what.buyer, what.orderId);
  const half = bookOf(context, seller).orders.get(key);
  if (half === undefined) throw new ProtocolError("ORDER_NOT_FOUND", key);
  if (isState(half, "DELIVERED", "DISPUTED", "SETTLED")) return context.durable(half.lastSeq);
  if (!isState(half, "ACCEPTED")) throw new ProtocolError("ORDER_STATE", `${half.state} cannot be delivered`);
  await deliverNow(context, half, what.deliveredMilliWh);
}

/** Books and signs the delivery before it returns; resolves when it is on the disk and on its way. */
export async function deliverNow(
  context: DeskContext,
  half: OrderHalf,
  deliveredMilliWh: number,
): Promise<void> {
  const { terms, key } = half;
  checkPart(deliveredMilliWh, terms.quantityMilliWh);
  const { signer } = hostedOf(context, terms.seller);
  const committed = balance(bookOf(context, terms.seller).sold, terms.slotId);
  const delivery = signDocument(
    {
      type: "trade_delivery",
      ...documentBase(context, half),
      slots: [{ slotId: terms.slotId, allocatedMilliWh: deliveredMilliWh, committedTotalMilliWh: committed }],
    },
    { type: "trade_delivery", network: context.network, signer },
  ) as TradeDelivery;
  await context.commit({
    kind: "deliver",
    agent: terms.seller,
    key,
    buyer: terms.buyer,
    slotId: terms.slotId,
    deliveredMilliWh,
    quantityMilliWh: terms.quantityMilliWh,
    documents: [delivery],
  });
  context.emit("delivered", half);
  context.pursue(half, terms.delivery === "instant" ? AFTER_ANSWER_MS : 0);
}

/** Buyer: a delivery proves acceptance; energy in and money out are one record. Answers the payment. */
export async function onDelivery(
  context: DeskContext,
  delivery: TradeDelivery,
  nonce: RecordedNonce | undefined,
): Promise<TradeDocument | undefined> {
  const half = halfNamedBy(context, delivery, "buyer");
  const { trade_payment: said } = half.documents;
  if (await isRepeat(context, half, delivery)) return said;
  if (!isState(half, "HELD", "COMMITTED")) throw wrongState(half);
  const { terms } = half;
  const [slot] = delivery.slots;
  if (delivery.slots.length !== 1 || slot?.slotId !== terms.slotId) {
    throw new ProtocolError("AMOUNT_INVALID", "the delivery names other slots than the order");
  }
  const delivered = slot.allocatedMilliWh;
  checkPart(delivered, terms.quantityMilliWh);
  const measured = half.measuredMilliWh ?? delivered;
  if (areApart(delivered, measured)) return disputeDelivery(context, half, { delivery, nonce });
  const finalMilliWh = Math.min(delivered, measured);
  return payFor(context, half, { finalMilliWh, documents: [delivery], nonce });
}

/** Seller: books the payment and answers the receipt. */
export async function onPayment(
  context: DeskContext,
  payment: TradePayment,
  nonce: RecordedNonce | undefined,
): Promise<TradeDocument | undefined> {
  const half = halfNamedBy(context, payment, "seller");
  const { trade_receipt: said } = half.documents;
  if (await isRepeat(context, half, payment)) return said;
  if (!isState(half, "DELIVERED", "DISPUTED")) throw wrongState(half);
  const { terms, key, deliveredMilliWh } = half;
  const finalMilliWh = finalOf(half, payment);
  const amount = amountMicro(finalMilliWh, terms.priceMicroPerKWh);
  if (payment.amountMicro !== amount) {
    throw new ProtocolError("AMOUNT_INVALID", `${payment.amountMicro} paid for ${amount}`);
  }
  const receipt = signDocument(
    { type: "trade_receipt", ...documentBase(context, half), amountMicro: amount },
    { type: "trade_receipt", network: context.network, signer: hostedOf(context, terms.seller).signer },
  ) as TradeReceipt;
  await context.commit({
    kind: "credit",
    agent: terms.seller,
    key,
    buyer: terms.buyer,
    area: parseSlotId(terms.slotId).area,
    slotId: terms.slotId,
    deliveredMilliWh: deliveredMilliWh ?? 0,
    finalMilliWh,
    amountMicro: amount,
    feesMicro: mulDiv(terms.sellerFeesMicro, finalMilliWh, terms.quantityMilliWh),
    documents: [payment, receipt],
    ...(nonce === undefined ? {} : { nonce }),
  });
  context.emit("settled", half);
  return receipt;
}

/** What the buyer pays for: of a disputed delivery exactly the lesser reading. @throws AMOUNT_INVALID. */
function finalOf({ terms, deliveredMilliWh, documents }: OrderHalf, payment: TradePayment): number {
  const [slot] = payment.slots;
  if (payment.slots.length !== 1 || slot?.slotId !== terms.slotId) {
    throw new ProtocolError("AMOUNT_INVALID", "the payment names other slots than the order");
  }
  const delivered = deliveredMilliWh ?? 0;
  checkPart(slot.finalMilliWh, delivered);
  const claim = documents.trade_dispute?.claimMilliWh;
  if (claim !== undefined && slot.finalMilliWh !== Math.min(claim, delivered)) {
    throw new ProtocolError("AMOUNT_INVALID", `${slot.finalMilliWh} mWh paid where ${claim} were claimed`);
  }
  return slot.finalMilliWh;
}

/** Buyer: nothing is left to do. */
export async function onReceipt(
  context: DeskContext,
  receipt: TradeReceipt,
  nonce: RecordedNonce | undefined,
): Promise<undefined> {
  const half = halfNamedBy(context, receipt, "buyer");
  if (await isRepeat(context, half, receipt)) return undefined;
  if (!isState(half, "PAID")) throw wrongState(half);
  if (receipt.amountMicro !== half.finalAmountMicro) {
    throw new ProtocolError("AMOUNT_INVALID", `a receipt over ${receipt.amountMicro}`);
  }
  await context.commit({
    kind: "close",
    agent: half.agentId,
    key: half.key,
    documents: [receipt],
    ...(nonce === undefined ? {} : { nonce }),
  });
  context.emit("closed", half);
  return undefined;
}
