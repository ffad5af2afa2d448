/** What each state calls for: the state decides what is sent, a timer only when. */

import { isProtocolError, type TradeDocument } from "@gridmesh/protocol";
import { converse } from "./conversation.ts";
import { type DeskContext, isState, type Party } from "./context.ts";
import { deliverNow } from "./delivery.ts";
import { payDisputed } from "./disputes.ts";
import type { ImbalanceState, OrderHalf } from "./state.ts";
import { orderTermsOf } from "./terms.ts";

/** An open dispute is told again after this. */
const REMIND_MS = 600_000;

export function pursueOrder(context: DeskContext, half: OrderHalf, delayMs: number): void {
  const peerId = counterpartyOf(half).peerId;
  const errand = { key: `${half.agentId} ${half.key}`, peerId, attempt: () => sayWhatIsDue(context, half) };
  context.sends.want(errand, delayMs);
}

export function pursueStatement(context: DeskContext, imbalance: ImbalanceState): void {
  const { agent, counterparty, counterpartyPeerId: peerId, slotId } = imbalance.record;
  const statement = imbalance.record.documents?.[0];
  context.sends.want({
    key: `${agent} imbalance ${counterparty} ${slotId}`,
    peerId,
    async attempt() {
      await context.durable(imbalance.lastSeq);
      if (imbalance.receipt === undefined && statement !== undefined && context.hosted.has(agent)) {
        await converse(context, { agentId: agent, counterparty, peerId }, [statement]);
      }
      return imbalance.receipt !== undefined;
    },
  });
}

/** True when this state calls for nothing more from this side; a number: not before so many ms. */
async function sayWhatIsDue(context: DeskContext, half: OrderHalf): Promise<boolean | number> {
  if (!context.hosted.has(half.agentId)) return false;
  // A peer that comes back may wake this before the record of the present state is synced, and while one sync is
  // awaited the next record may be booked: what is said must be on the disk itself.
  for (let seq = 0; seq !== half.lastSeq;) await context.durable((seq = half.lastSeq));
  switch (half.state) {
    case "HELD":
    case "COMMITTED":
      return askFor(context, half);
    case "ACCEPTED":
      if (half.terms.delivery === "slot") return true;
      await deliverNow(context, half, half.terms.quantityMilliWh);
      return false;
    case "DISPUTED":
      return half.role === "seller" || argue(context, half);
    case "DELIVERED":
      return say(context, half, half.documents.trade_delivery);
    case "PAID":
      return say(context, half, half.documents.trade_payment);
    default:
      return true;
  }
}

/** In doubt only the seller's answer ends it, so the same order goes out again. */
async function askFor(context: DeskContext, half: OrderHalf): Promise<boolean> {
  if (half.documents.trade_cancel !== undefined) return callOff(context, half);
  if (half.state === "COMMITTED") return true;
  await context.courier?.resend(orderTermsOf(half.terms), half.order);
  return false;
}

/** Tells the dispute until it is due; then the lesser reading is paid. */
async function argue(context: DeskContext, half: OrderHalf): Promise<boolean | number> {
  const restMs = half.updatedAtMs + context.disputeMs - context.market.nowMs();
  if (restMs <= 0) {
    await payDisputed(context, half);
    return false;
  }
  const { trade_dispute: dispute } = half.documents;
  if (dispute !== undefined) await converse(context, counterpartyOf(half), [dispute]);
  return Math.min(REMIND_MS, Math.ceil(restMs / context.market.speed));
}

/** A refused order cannot be called off: sent once more it brings the refusal again. */
async function callOff(context: DeskContext, half: OrderHalf): Promise<boolean> {
  try {
    return await say(context, half, half.documents.trade_cancel);
  } catch (error) {
    if (!isProtocolError(error) || error.code !== "ORDER_STATE") throw error;
    await context.courier?.resend(orderTermsOf(half.terms), half.order);
    return false;
  }
}

/** True once nothing is due any more; an answer may have moved the order on meanwhile. */
async function say(
  context: DeskContext,
  half: OrderHalf,
  document: TradeDocument | undefined,
): Promise<boolean> {
  if (document !== undefined) await converse(context, counterpartyOf(half), [document]);
  if (half.state === "DISPUTED") return half.role === "seller";
  return !isState(half, "HELD", "COMMITTED", "DELIVERED", "PAID");
}

/** Who speaks in this half, with whom, and where. */
export function counterpartyOf(half: OrderHalf): Party {
  const { terms, role, agentId } = half;
  return role === "buyer"
    ? { agentId, counterparty: terms.seller, peerId: terms.sellerPeerId }
    : { agentId, counterparty: terms.buyer, peerId: terms.buyerPeerId };
}
