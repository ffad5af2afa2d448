/** Two readings of one delivery: the lesser is final, and when they are far apart the other side hears it first. */

import {
  MAX_MILLI_WH,
  orderKey,
  ProtocolError,
  type RecordedNonce,
  signDocument,
  type TradeDelivery,
  type TradeDispute,
  type TradeDocument,
} from "@gridmesh/protocol";
import { bookOf, type DeskContext, hostedOf, isState } from "./context.ts";
import { documentBase, halfNamedBy, isRepeat, wrongState } from "./halves.ts";
import { payFor } from "./payment.ts";
import type { OrderHalf } from "./state.ts";

/** Meters differ by so much without anything being wrong: a fiftieth, and 10 Wh. */
const TOLERATED_SHARE = 50;
const TOLERATED_MILLI_WH = 10_000;

export function areApart(deliveredMilliWh: number, measuredMilliWh: number): boolean {
  const tolerated = Math.max(deliveredMilliWh / TOLERATED_SHARE, TOLERATED_MILLI_WH);
  return Math.abs(deliveredMilliWh - measuredMilliWh) > tolerated;
}

/** @throws AGENT_NOT_FOUND, ORDER_NOT_FOUND, ORDER_STATE, ORDER_CONFLICT, AMOUNT_INVALID. */
export async function measureOrder(
  context: DeskContext,
  buyer: string,
  { orderId, receivedMilliWh }: { readonly orderId: string; readonly receivedMilliWh: number },
): Promise<void> {
  const key = orderKey(buyer, orderId);
  const half = bookOf(context, buyer).orders.get(key);
  if (half?.role !== "buyer") throw new ProtocolError("ORDER_NOT_FOUND", key);
  if (!Number.isSafeInteger(receivedMilliWh) || receivedMilliWh < 0 || receivedMilliWh > MAX_MILLI_WH) {
    throw new ProtocolError("AMOUNT_INVALID", `${receivedMilliWh} mWh received`);
  }
  if (half.measuredMilliWh !== null) {
    if (half.measuredMilliWh === receivedMilliWh) return context.durable(half.lastSeq);
    throw new ProtocolError("ORDER_CONFLICT", `${half.measuredMilliWh} mWh were measured for ${key}`);
  }
  if (!isState(half, "HELD", "COMMITTED")) throw wrongState(half);
  await context.commit({ kind: "measure", agent: buyer, key, receivedMilliWh });
}

/** Buyer: keeps the delivery, pays nothing yet, and answers what its own meter says. */
export async function disputeDelivery(
  context: DeskContext,
  half: OrderHalf,
  { delivery, nonce }: { readonly delivery: TradeDelivery; readonly nonce: RecordedNonce | undefined },
): Promise<TradeDispute> {
  const { agentId: agent, key } = half;
  const wasInDoubt = isState(half, "HELD");
  const dispute = signDocument(
    {
      type: "trade_dispute",
      ...documentBase(context, half),
      claimMilliWh: Math.min(half.measuredMilliWh ?? 0, MAX_MILLI_WH),
    },
    { type: "trade_dispute", network: context.network, signer: hostedOf(context, agent).signer },
  ) as TradeDispute;
  await context.commit({ kind: "dispute", agent, key, documents: [delivery, dispute], ...caused(nonce) });
  if (wasInDoubt) context.emit("committed", half);
  context.emit("disputed", half);
  context.pursue(half);
  return dispute;
}

/** Seller: keeps the claim; the delivery stands until the payment of the lesser reading. */
export async function onDispute(
  context: DeskContext,
  dispute: TradeDispute,
  nonce: RecordedNonce | undefined,
): Promise<TradeDocument | undefined> {
  const half = halfNamedBy(context, dispute, "seller");
  const answer = half.documents.trade_receipt ?? half.documents.trade_delivery;
  if (await isRepeat(context, half, dispute)) return answer;
  if (!isState(half, "DELIVERED")) throw wrongState(half);
  const { agentId: agent, key } = half;
  await context.commit({ kind: "dispute", agent, key, documents: [dispute], ...caused(nonce) });
  context.log.warn("trade.disputed", `two readings for ${key}`, { code: "SETTLEMENT_DISPUTED" });
  context.emit("disputed", half);
  return answer;
}

/** Buyer: the lesser of the two signed readings, as both sides work it out from the same documents. */
export async function payDisputed(context: DeskContext, half: OrderHalf): Promise<void> {
  const { trade_delivery: delivery, trade_dispute: dispute } = half.documents;
  const delivered = delivery?.slots[0]?.allocatedMilliWh ?? 0;
  const finalMilliWh = Math.min(delivered, dispute?.claimMilliWh ?? delivered);
  await payFor(context, half, { finalMilliWh, documents: [], nonce: undefined });
}

function caused(nonce: RecordedNonce | undefined) {
  return nonce === undefined ? {} : { nonce };
}
