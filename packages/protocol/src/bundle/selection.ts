/** Why this seller and no other: the choice is made again from the offers themselves. */

import {
  type BecknChoice,
  becknWire,
  type ChoiceOffer,
  choiceRefusal,
  parseBecknBody,
  rankChoice,
  sameSubscriber,
} from "../beckn/index.ts";
import { isProtocolError } from "../errors.ts";
import { slotId } from "../quantity.ts";
import type { BundleOrder, TradeBundle } from "./bundle.ts";
import { invalid } from "./invalid.ts";
import type { CheckedRequest } from "./part.ts";

export interface SelectionReport {
  readonly offers: number;
  /** Did not count: too dear, too little, of another slot. */
  readonly refused: number;
  /** Whose message is in the bundle, word for word. */
  readonly proven: number;
  /** Sellers in the order in which they were to be tried. */
  readonly ranked: readonly string[];
}

/** A frame as far as it was checked. */
export interface SelectionFrame {
  readonly request: CheckedRequest;
  readonly digest: string;
  readonly atMs: number;
  readonly incoming: boolean;
}

/** @throws BUNDLE_INVALID: an offer that is not as it came, one left out, an order out of its rank. */
export function checkSelection(
  bundle: TradeBundle,
  frames: readonly SelectionFrame[],
): SelectionReport | undefined {
  const { selection } = bundle;
  if (selection === undefined) return undefined;
  const { wish, offers } = selection;
  const listed = new Map(offers.map((offer) => [`${offer.seller} ${offer.offerId}`, offer]));
  if (listed.size !== offers.length) throw invalid("selection.offers", "tells one offer twice");
  const proven = provenOf(selection, listed, frames);
  const ranked = rankChoice(selection);
  checkRanks(bundle, ranked);
  return {
    offers: offers.length,
    refused: offers.filter((offer) => choiceRefusal(offer, wish) !== undefined).length,
    proven: proven.size,
    ranked: ranked.map(({ seller }) => seller),
  };
}

/** Offers whose message is there and says the same. @throws BUNDLE_INVALID for one that says otherwise, or was left out. */
function provenOf(
  { buyer, closedAtMs }: BecknChoice,
  listed: ReadonlyMap<string, ChoiceOffer>,
  frames: readonly SelectionFrame[],
): ReadonlySet<string> {
  const proven = new Set<string>();
  const heard = new Set<string>();
  for (const frame of frames) {
    const told = offersIn(frame, buyer);
    // Of each seller the first answer counted.
    if (told === undefined || heard.has(told.seller)) continue;
    const inTime = frame.atMs < closedAtMs;
    if (inTime) heard.add(told.seller);
    for (const offer of told.offers) {
      const key = `${offer.seller} ${offer.offerId}`;
      const known = listed.get(key);
      if (known === undefined && inTime)
        throw invalid("selection.offers", `leaves out one of ${offer.seller}`);
      if (known?.digest !== frame.digest) continue;
      if (!isSame(known, offer)) throw invalid("selection.offers", `is not what ${offer.seller} offered`);
      proven.add(key);
    }
  }
  return proven;
}

type Told = Omit<ChoiceOffer, "digest" | "ratingPermille">;

/** What an answer to the buyer's search offers of one slot; undefined for any other message. */
function offersIn(
  { request, incoming }: SelectionFrame,
  buyer: string,
): { readonly seller: string; readonly offers: readonly Told[] } | undefined {
  const wire = becknWire(request.profile);
  const isAnswer = wire?.actions.ruleOfPath(request.path)?.action === "on_search";
  if (!wire || !isAnswer || !incoming || request.body === undefined) return undefined;
  try {
    const json = parseBecknBody(request.body);
    const context = wire.decodeContext(json);
    const content = wire.decodeContent(json, context);
    if (content.kind !== "catalog" || !sameSubscriber(context.bapId, buyer)) return undefined;
    const seller = request.signer;
    const offers = content.catalog.offers
      .filter(({ further }) => further === undefined)
      .map(({ offerId, slot, availableMilliWh, priceMicroPerKWh, currency }) => ({
        seller,
        offerId,
        slotId: slotId(slot),
        startS: slot.startS,
        availableMilliWh,
        priceMicroPerKWh,
        currency,
      }));
    return { seller, offers };
  } catch (error) {
    // What could not be read was not taken either.
    if (isProtocolError(error)) return undefined;
    throw error;
  }
}

function isSame(known: ChoiceOffer, told: Told): boolean {
  return (Object.keys(told) as (keyof Told)[]).every((name) => known[name] === told[name]);
}

/** Whoever was asked later stands further down. */
function checkRanks({ orders, selection }: TradeBundle, ranked: readonly ChoiceOffer[]): void {
  let last = -1;
  orders.forEach((order, index) => {
    if (order.role !== "buyer" || order.agentId !== selection?.buyer) return;
    const rank = ranked.findIndex((offer) => isOf(order, offer));
    if (rank < 0) throw invalid(`orders[${index}]`, "is of no offer that was chosen");
    if (rank <= last) throw invalid(`orders[${index}]`, "is out of its rank");
    last = rank;
  });
}

function isOf(order: BundleOrder, offer: ChoiceOffer): boolean {
  return (
    order.seller === offer.seller &&
    order.slotId === offer.slotId &&
    order.priceMicroPerKWh === offer.priceMicroPerKWh &&
    order.quantityMilliWh <= offer.availableMilliWh
  );
}
