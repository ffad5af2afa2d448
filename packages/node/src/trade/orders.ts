/** Steps 1–3 of a trade: the buyer's hold, the seller's one decision, the buyer's conclusion from it alone. */

import {
  type ErrorCode,
  orderKey,
  parseSlotId,
  ProtocolError,
  type RecordedTerms,
  uuidV7,
} from "@gridmesh/protocol";
import { roomMilliWh } from "./books.ts";
import {
  bookOf,
  checkClock,
  clockIsOff,
  type DeskContext,
  type Hosted,
  hostedOf,
  isState,
} from "./context.ts";
import { deliverNow } from "./delivery.ts";
import { keepEvidence } from "./evidence.ts";
import { leftMilliWh } from "./offers.ts";
import { balance, type Book, type OfferState, type OrderHalf, spentInHour } from "./state.ts";
import { checkTerms, orderHashOf } from "./terms.ts";
import type { Decision, OrderTerms, SignedBytes } from "./types.ts";

/** How long the sender of an order itself waits for the answer before the desk asks again. */
const FIRST_RESEND_MS = 2_000;

/** @throws FUNDS_INSUFFICIENT, QUANTITY_UNAVAILABLE, AMOUNT_INVALID, ORDER_CONFLICT, SPEND_LIMIT, SLOT_INVALID, MARKET_HALTED. */
export async function holdOrder(context: DeskContext, terms: OrderTerms, order: SignedBytes): Promise<void> {
  const recorded = checkTerms(terms);
  const book = bookOf(context, terms.buyer);
  const hosted = hostedOf(context, terms.buyer);
  const orderHash = orderHashOf(order);
  const known = book.orders.get(orderKey(terms.buyer, terms.orderId));
  if (known !== undefined) {
    if (known.orderHash !== orderHash) throw await conflict(context, known, order);
    return context.durable(known.lastSeq);
  }
  checkClock(context);
  checkPurchase(context, { book, hosted, terms: recorded });
  if (context.watch.low()) throw new ProtocolError("DISK_FAILED", "the disk is nearly full");
  const written = context.commit({ kind: "hold", agent: terms.buyer, terms: recorded, orderHash, order });
  const half = halfOf(book, terms);
  await written;
  context.emit("held", half);
  context.pursue(half, FIRST_RESEND_MS);
}

function checkPurchase(
  context: DeskContext,
  { book, hosted, terms }: { readonly book: Book; readonly hosted: Hosted; readonly terms: RecordedTerms },
): void {
  const holdMicro = terms.amountMicro + terms.buyerFeesMicro;
  const funds = balance(book.money, "available");
  if (holdMicro > funds) throw new ProtocolError("FUNDS_INSUFFICIENT", `${holdMicro} of ${funds}`);
  const room = roomMilliWh(context, terms.buyer, terms.slotId);
  if (terms.quantityMilliWh > room) {
    throw new ProtocolError("QUANTITY_UNAVAILABLE", `room for ${room} mWh, not ${terms.quantityMilliWh}`);
  }
  const { policy } = hosted;
  if (policy === undefined) throw new ProtocolError("SPEND_LIMIT", `${book.name} may sign no order`);
  if (holdMicro > policy.maxOrderMicro) throw new ProtocolError("SPEND_LIMIT", `${holdMicro} in one order`);
  const spent = spentInHour(book.spending, context.market.nowMs());
  if (spent + holdMicro > policy.spendPerHourMicro) {
    throw new ProtocolError("SPEND_LIMIT", `${spent} spent in this hour, ${holdMicro} more`);
  }
  let open = 0;
  for (const half of book.open) if (isState(half, "HELD", "COMMITTED", "DISPUTED")) open += 1;
  if (open >= policy.maxOpenOrders) throw new ProtocolError("SPEND_LIMIT", `${open} orders are open`);
}

/** @throws ORDER_CONFLICT, COUNTERPARTY_WRONG, AMOUNT_INVALID, AGENT_UNAVAILABLE. */
export async function decideOrder(
  context: DeskContext,
  { terms, order }: { readonly terms: OrderTerms; readonly order: SignedBytes },
  answer: (decision: Decision) => SignedBytes,
): Promise<SignedBytes> {
  const book = context.state.books.get(terms.seller);
  if (book === undefined) throw new ProtocolError("COUNTERPARTY_WRONG", `${terms.seller} sells nothing here`);
  const recorded = checkTerms(terms);
  const orderHash = orderHashOf(order);
  const known = book.orders.get(orderKey(terms.buyer, terms.orderId));
  if (known !== undefined) {
    if (known.orderHash !== orderHash) throw await conflict(context, known, order);
    return repeatAnswer(context, known);
  }
  hostedOf(context, terms.seller);
  const reason = refusalOf(context, book, recorded);
  const contractId = uuidV7(context.clock.nowMs(), context.random);
  const decided = { agent: terms.seller, terms: recorded, orderHash, order, contractId };
  if (reason !== undefined) {
    const bytes = answer({ accepted: false, reason, contractId });
    const written = context.commit({ kind: "reject", ...decided, answer: bytes, reason });
    const half = halfOf(book, terms);
    await written;
    context.emit("rejected", half);
    return bytes;
  }
  const bytes = answer({ accepted: true, contractId });
  const written = context.commit({ kind: "accept", ...decided, answer: bytes });
  const half = halfOf(book, terms);
  context.shelf.unreserve(terms.offerId, terms.transactionId);
  // In the same group: one sync for the acceptance and for what it delivers at once.
  const delivered =
    recorded.delivery === "instant" ? deliverNow(context, half, recorded.quantityMilliWh) : undefined;
  await Promise.all([written.then(() => context.emit("accepted", half)), delivered]);
  return bytes;
}

async function repeatAnswer(context: DeskContext, half: OrderHalf): Promise<SignedBytes> {
  if (half.answer === undefined)
    throw new ProtocolError("COUNTERPARTY_WRONG", "an order of the seller itself");
  await context.durable(half.lastSeq);
  return half.answer;
}

/** Why the seller refuses; undefined: it accepts. */
function refusalOf(context: DeskContext, book: Book, terms: RecordedTerms): ErrorCode | undefined {
  const nowMs = context.market.nowMs();
  const offer = context.state.offers.get(terms.offerId);
  if (book.forestalled.has(orderKey(terms.buyer, terms.orderId))) return "ORDER_REJECTED";
  if (terms.offerEpoch !== context.state.boot?.epoch) return "OFFER_EXPIRED";
  if (offer?.agentId !== book.agentId) return "OFFER_NOT_FOUND";
  if (clockIsOff(context)) return "MARKET_HALTED";
  if (offer.withdrawn || context.watch.low()) return "OFFER_EXPIRED";
  if (nowMs > Math.min(terms.untilMs, offer.untilMs)) return "OFFER_EXPIRED";
  if (nowMs >= endMsOf(offer.slotId)) return "MARKET_CLOSED";
  return mismatchOf(terms, offer) ?? shortageOf(context, { book, terms, offer });
}

function mismatchOf(terms: RecordedTerms, offer: OfferState): ErrorCode | undefined {
  if (terms.slotId !== offer.slotId) return "SLOT_INVALID";
  const cheaper = terms.priceMicroPerKWh < offer.priceMicroPerKWh;
  return cheaper || terms.currency !== offer.currency ? "QUOTE_CHANGED" : undefined;
}

/** Own use may have drawn on what was offered: the book decides, not the offer alone. */
function shortageOf(
  context: DeskContext,
  { book, terms, offer }: { readonly book: Book; readonly terms: RecordedTerms; readonly offer: OfferState },
): ErrorCode | undefined {
  const left = leftMilliWh(context, offer, terms.transactionId);
  const stored = balance(book.energy, "available");
  return terms.quantityMilliWh > Math.min(left, stored) ? "QUANTITY_UNAVAILABLE" : undefined;
}

function endMsOf(slotText: string): number {
  const { startS, durationS } = parseSlotId(slotText);
  return (startS + durationS) * 1000;
}

/** @throws ORDER_NOT_FOUND, ORDER_STATE, EQUIVOCATION (the seller said the opposite before). */
export async function concludeOrder(
  context: DeskContext,
  { buyer, orderId }: { readonly buyer: string; readonly orderId: string },
  { decision, answer }: { readonly decision: Decision; readonly answer: SignedBytes },
): Promise<void> {
  const key = orderKey(buyer, orderId);
  const half = bookOf(context, buyer).orders.get(key);
  if (half === undefined || half.role !== "buyer") throw new ProtocolError("ORDER_NOT_FOUND", key);
  const { accepted, contractId } = decision;
  if (half.state !== "HELD") {
    // Accepted, then annulled, and the acceptance comes last: no contradiction.
    const isAnnulled = half.documents.trade_annulment !== undefined;
    if (!isAnnulled && accepted === (half.state === "RELEASED"))
      throw await equivocation(context, half, answer);
    return context.durable(half.lastSeq);
  }
  const step = { agent: buyer, key, answer };
  const written = accepted
    ? context.commit({ kind: "commit", ...step, contractId })
    : context.commit({
        kind: "release",
        ...step,
        heldMicro: half.heldMicro,
        reason: decision.reason ?? "ORDER_REJECTED",
      });
  await written;
  context.emit(accepted ? "committed" : "released", half);
}

async function conflict(context: DeskContext, half: OrderHalf, bytes: SignedBytes): Promise<ProtocolError> {
  await keepEvidence(context, half, { what: "order", bytes });
  return new ProtocolError("ORDER_CONFLICT", `order ${half.key} has other content`);
}

async function equivocation(
  context: DeskContext,
  half: OrderHalf,
  bytes: SignedBytes,
): Promise<ProtocolError> {
  await keepEvidence(context, half, { what: "decision", bytes });
  return new ProtocolError("EQUIVOCATION", `two decisions on order ${half.key}`);
}

function halfOf(book: Book, terms: OrderTerms): OrderHalf {
  const half = book.orders.get(orderKey(terms.buyer, terms.orderId));
  if (half === undefined) throw new ProtocolError("ORDER_NOT_FOUND", terms.orderId);
  return half;
}
