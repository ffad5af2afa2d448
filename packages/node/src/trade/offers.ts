/** What the node's agents have on sale; the seller alone writes it, so each offer is sold once without any vote. */

import { parseSlotId, ProtocolError, slotId, uuidV7 } from "@gridmesh/protocol";
import { availableMilliWh } from "./books.ts";
import { bookOf, checkClock, clockIsOff, type DeskContext } from "./context.ts";
import { checkOnSale } from "./shelf.ts";
import { balance, type OfferState } from "./state.ts";
import { checkQuantityAndPrice } from "./terms.ts";
import type { OfferTerms, OpenOffer, TradeDesk } from "./types.ts";

/** @throws AGENT_NOT_FOUND, AMOUNT_INVALID, SLOT_INVALID, OFFER_EXPIRED, QUANTITY_UNAVAILABLE, DISK_FAILED (nearly full), MARKET_HALTED. */
export async function makeOffer(context: DeskContext, terms: OfferTerms): Promise<OpenOffer> {
  const { agentId, slot, quantityMilliWh, priceMicroPerKWh, currency, untilMs } = terms;
  const book = bookOf(context, agentId);
  const nowMs = context.market.nowMs();
  checkClock(context);
  checkQuantityAndPrice(quantityMilliWh, priceMicroPerKWh);
  const slotText = slotId(slot);
  parseSlotId(slotText);
  if (untilMs < nowMs) throw new ProtocolError("OFFER_EXPIRED", `ended ${nowMs - untilMs} ms ago`);
  if (quantityMilliWh > balance(book.energy, "available")) {
    throw new ProtocolError("QUANTITY_UNAVAILABLE", `less than ${quantityMilliWh} mWh stored`);
  }
  if (context.watch.low()) throw new ProtocolError("DISK_FAILED", "the disk is nearly full");
  const offerId = uuidV7(context.clock.nowMs(), context.random);
  const written = context.commit({
    kind: "offer",
    agent: agentId,
    offerId,
    slotId: slotText,
    quantityMilliWh,
    priceMicroPerKWh,
    currency,
    untilMs,
  });
  const offer = checkOnSale(context.state.offers.get(offerId), nowMs);
  await written;
  context.shelf.put(offer);
  const open = openOffer(context, offer);
  context.tellOffer(open);
  return open;
}

/** @throws OFFER_NOT_FOUND, OFFER_EXPIRED, MARKET_HALTED. */
export function offerOf(context: DeskContext, agentId: string, offerId: string): OpenOffer {
  const offer = context.state.offers.get(offerId);
  if (offer?.agentId !== agentId) throw new ProtocolError("OFFER_NOT_FOUND", "no such offer");
  checkClock(context);
  // Offers count as withdrawn while the disk is nearly full.
  if (context.watch.low()) throw new ProtocolError("OFFER_EXPIRED", "nothing is on sale for now");
  return openOffer(context, checkOnSale(offer, context.market.nowMs()));
}

/** @throws OFFER_NOT_FOUND. */
export async function withdrawOffer(context: DeskContext, offerId: string): Promise<void> {
  const offer = context.state.offers.get(offerId);
  if (offer === undefined) throw new ProtocolError("OFFER_NOT_FOUND", `no offer ${offerId}`);
  if (offer.withdrawn) return context.durable(context.state.lastSeq);
  await context.commit({ kind: "withdraw", agent: offer.agentId, offerId });
}

export function openOffers(
  context: DeskContext,
  filter: Parameters<TradeDesk["openOffers"]>[0] = {},
): readonly OpenOffer[] {
  if (context.watch.low() || clockIsOff(context)) return [];
  return context.shelf
    .onSale(context.market.nowMs())
    .filter(
      (offer) =>
        (filter.agentId === undefined || offer.agentId === filter.agentId) &&
        (filter.slotId === undefined || offer.slotId === filter.slotId),
    )
    .map((offer) => openOffer(context, offer))
    .filter((offer) => offer.leftMilliWh > 0);
}

export function reserve(context: DeskContext, options: Parameters<TradeDesk["reserve"]>[0]): void {
  const { offerId, transactionId, quantityMilliWh, untilMs } = options;
  checkClock(context);
  const offer = checkOnSale(context.state.offers.get(offerId), context.market.nowMs());
  const left = leftMilliWh(context, offer, transactionId);
  // What this transaction had set aside before is replaced, so it counts as free.
  context.shelf.unreserve(offerId, transactionId);
  const free = Math.min(left, availableMilliWh(context, offer.agentId));
  if (!Number.isSafeInteger(quantityMilliWh) || quantityMilliWh <= 0 || quantityMilliWh > free) {
    throw new ProtocolError("QUANTITY_UNAVAILABLE", `${quantityMilliWh} mWh of ${free} left`);
  }
  context.shelf.reserve(offer, transactionId, { quantityMilliWh, untilMs });
}

/** Neither sold nor set aside by other transactions, mWh. */
export function leftMilliWh(
  context: DeskContext,
  offer: OfferState,
  transactionId: string | undefined,
): number {
  const aside = context.shelf.reservedByOthers(offer.offerId, transactionId, context.market.nowMs());
  return offer.quantityMilliWh - offer.soldMilliWh - aside;
}

function openOffer(context: DeskContext, offer: OfferState): OpenOffer {
  const { offerId, agentId, quantityMilliWh, priceMicroPerKWh, currency, untilMs } = offer;
  return {
    offerId,
    agentId,
    quantityMilliWh,
    priceMicroPerKWh,
    currency,
    untilMs,
    slot: parseSlotId(offer.slotId),
    epoch: context.state.boot?.epoch ?? "",
    leftMilliWh: leftMilliWh(context, offer, undefined),
  };
}
