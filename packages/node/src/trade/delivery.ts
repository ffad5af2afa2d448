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
import { checkPart, documentBase, halfNamedBy, isRepeat, wrongState } from "./halves.ts";
import { balance, type OrderHalf } from "./state.ts";

/** The acceptance goes first; what was delivered at once follows it. */
const AFTER_ANSWER_MS = 100;
/** The seller says by itself that it was paid; only then the buyer asks. */
const RECEIPT_DUE_MS = 1_000;

/** @throws AGENT_NOT_FOUND, ORDER_NOT_FOUND, ORDER_STATE, AMOUNT_INVALID, AGENT_UNAVAILABLE. */
export async function deliverOrder(
  context: DeskContext,
  seller: string,
  what: { readonly buyer: string; readonly orderId: string; readonly deliveredMilliWh: number },
): Promise<void> {
  const key = orderKey(what.buyer, what.orderId);
  const half = bookOf(context, seller).orders.get(key);
  if (half === undefined) throw new ProtocolError("ORDER_NOT_FOUND", key);
  if (isState(half, "DELIVERED", "SETTLED")) return context.durable(half.lastSeq);
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
  if (await isRepeat(context, half, delivery)) return half.documents.trade_payment;
  if (!isState(half, "HELD", "COMMITTED")) throw wrongState(half);
  const { terms, key } = half;
  const [slot] = delivery.slots;
  if (delivery.slots.length !== 1 || slot?.slotId !== terms.slotId) {
    throw new ProtocolError("AMOUNT_INVALID", "the delivery names other slots than the order");
  }
  const finalMilliWh = slot.allocatedMilliWh;
  checkPart(finalMilliWh, terms.quantityMilliWh);
  const amount = amountMicro(finalMilliWh, terms.priceMicroPerKWh);
  const feesMicro = mulDiv(terms.buyerFeesMicro, finalMilliWh, terms.quantityMilliWh);
  const payment = signDocument(
    {
      type: "trade_payment",
      ...documentBase(context, half),
      slots: [{ slotId: terms.slotId, finalMilliWh }],
      amountMicro: amount,
      buyerFeesMicro: feesMicro,
    },
    { type: "trade_payment", network: context.network, signer: hostedOf(context, terms.buyer).signer },
  ) as TradePayment;
  const wasInDoubt = isState(half, "HELD");
  await context.commit({
    kind: "receive",
    agent: terms.buyer,
    key,
    seller: terms.seller,
    area: parseSlotId(terms.slotId).area,
    finalMilliWh,
    amountMicro: amount,
    feesMicro,
    heldMicro: half.heldMicro,
    documents: [delivery, payment],
    ...(nonce === undefined ? {} : { nonce }),
  });
  if (wasInDoubt) context.emit("committed", half);
  context.emit("received", half);
  context.pursue(half, RECEIPT_DUE_MS);
  return payment;
}

/** Seller: books the payment and answers the receipt. */
export async function onPayment(
  context: DeskContext,
  payment: TradePayment,
  nonce: RecordedNonce | undefined,
): Promise<TradeDocument | undefined> {
  const half = halfNamedBy(context, payment, "seller");
  if (await isRepeat(context, half, payment)) return half.documents.trade_receipt;
  if (!isState(half, "DELIVERED")) throw wrongState(half);
  const { terms, key, deliveredMilliWh } = half;
  const [slot] = payment.slots;
  const finalMilliWh = slot?.finalMilliWh ?? 0;
  if (payment.slots.length !== 1 || slot?.slotId !== terms.slotId) {
    throw new ProtocolError("AMOUNT_INVALID", "the payment names other slots than the order");
  }
  checkPart(finalMilliWh, deliveredMilliWh ?? 0);
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
