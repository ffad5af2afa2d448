/** What is on sale and what is set aside: memory only, a crash forgets it and sells nothing twice. */

import { ProtocolError } from "@gridmesh/protocol";
import type { OfferState } from "./state.ts";

interface Reservation {
  readonly quantityMilliWh: number;
  /** Market time. */
  readonly untilMs: number;
}

/** Offers that may still be sold from, and the quantities set aside in them. */
export interface Shelf {
  put(offer: OfferState): void;
  /** Offers neither withdrawn nor past their time. */
  onSale(nowMs: number): readonly OfferState[];
  reserve(offer: OfferState, transactionId: string, reservation: Reservation): void;
  unreserve(offerId: string, transactionId: string): void;
  /** Set aside by transactions other than this one, mWh. */
  reservedByOthers(offerId: string, transactionId: string | undefined, nowMs: number): number;
  /** Set aside in all offers of an agent, mWh. */
  reservedOf(agentId: string, nowMs: number): number;
}

export function createShelf(): Shelf {
  const offers = new Map<string, OfferState>();
  const reservations = new Map<string, Map<string, Reservation>>();

  const reservedByOthers: Shelf["reservedByOthers"] = (offerId, transactionId, nowMs) => {
    const aside = reservations.get(offerId);
    if (aside === undefined) return 0;
    let sum = 0;
    for (const [transaction, { quantityMilliWh, untilMs }] of aside) {
      if (untilMs < nowMs) aside.delete(transaction);
      else if (transaction !== transactionId) sum += quantityMilliWh;
    }
    return sum;
  };

  return {
    put: (offer) => offers.set(offer.offerId, offer),
    onSale(nowMs) {
      for (const [offerId, offer] of offers) {
        if (!offer.withdrawn && offer.untilMs >= nowMs) continue;
        offers.delete(offerId);
        reservations.delete(offerId);
      }
      return [...offers.values()];
    },
    reserve(offer, transactionId, reservation) {
      let aside = reservations.get(offer.offerId);
      if (aside === undefined) reservations.set(offer.offerId, (aside = new Map()));
      aside.set(transactionId, reservation);
    },
    unreserve: (offerId, transactionId) => void reservations.get(offerId)?.delete(transactionId),
    reservedByOthers,
    reservedOf(agentId, nowMs) {
      let sum = 0;
      for (const offer of offers.values()) {
        if (offer.agentId === agentId) sum += reservedByOthers(offer.offerId, undefined, nowMs);
      }
      return sum;
    },
  };
}

/** @throws OFFER_NOT_FOUND, OFFER_EXPIRED (ended, withdrawn). */
export function checkOnSale(offer: OfferState | undefined, nowMs: number): OfferState {
  if (offer === undefined) throw new ProtocolError("OFFER_NOT_FOUND", "no such offer");
  if (offer.withdrawn || nowMs > offer.untilMs)
    throw new ProtocolError("OFFER_EXPIRED", `offer ${offer.offerId} ended`);
  return offer;
}
