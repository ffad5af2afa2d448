/** Terms as partners outside gridmesh state them: whatever they leave unsaid is absent, and nothing binds before it is said. */

import { ProtocolError } from "../errors.ts";
import type { Slot } from "../messages/trade/book.ts";
import { checkSlot } from "../quantity.ts";
import type {
  BecknCatalog,
  BecknIntent,
  BecknOffer,
  BecknOfferInterval,
  BecknOrder,
  BecknOrderInterval,
} from "./model.ts";
import { present } from "./present.ts";

/** The first interval; the ones after it last as long and follow without a gap. */
export interface BecknWindow {
  readonly startMs: number;
  readonly durationMs: number;
}

export type BecknOpenInterval = Left<BecknOrderInterval & BecknOfferInterval, never>;

interface OpenTime {
  readonly area?: string | undefined;
  readonly window?: BecknWindow | undefined;
}

type Left<T, K extends keyof T> = { readonly [P in Exclude<keyof T, K>]?: T[P] | undefined };

export interface BecknOpenIntent extends OpenTime, Left<BecknIntent, "slot"> {
  /** What was asked for in words that are not ours. */
  readonly words?: string | undefined;
}

export interface BecknOpenOffer
  extends
    OpenTime,
    Left<BecknOffer, "slot" | "offerId" | "availableMilliWh" | "priceMicroPerKWh" | "further"> {
  readonly offerId: string;
  readonly intervals: readonly BecknOpenInterval[];
}

export interface BecknOpenCatalog extends Left<BecknCatalog, "seller" | "offers"> {
  readonly seller: string;
  readonly offers: readonly BecknOpenOffer[];
}

export interface BecknOpenOrder
  extends OpenTime, Left<BecknOrder, "slot" | "further" | keyof BecknOrderInterval> {
  readonly intervals: readonly BecknOpenInterval[];
  /** Of an update: the parts that may differ. */
  readonly targets?: readonly string[] | undefined;
}

/** The order with its terms apart, as a revision writes them. */
export function openOrder(order: BecknOrder): BecknOpenOrder {
  const { slot, quantityMilliWh, priceMicroPerKWh, further = [], ...others } = order;
  const { finalMilliWh, sellerAllocMilliWh, buyerAllocMilliWh, ...rest } = others;
  const delivered = present({ finalMilliWh, sellerAllocMilliWh, buyerAllocMilliWh });
  const first = { quantityMilliWh, priceMicroPerKWh, ...delivered };
  return { ...rest, ...openSlot(slot), intervals: [first, ...further] };
}

export function openOffer(offer: BecknOffer): BecknOpenOffer {
  const { slot, availableMilliWh, priceMicroPerKWh, further = [], ...rest } = offer;
  return { ...rest, ...openSlot(slot), intervals: [{ availableMilliWh, priceMicroPerKWh }, ...further] };
}

export function openCatalog(catalog: BecknCatalog): BecknOpenCatalog {
  return { ...catalog, offers: catalog.offers.map(openOffer) };
}

export function openIntent(intent: BecknIntent): BecknOpenIntent {
  const { slot, ...rest } = intent;
  return { ...rest, ...openSlot(slot) };
}

/** The order once nothing that binds is missing; else undefined. @throws SLOT_INVALID. */
export function closedOrder(open: BecknOpenOrder): BecknOrder | undefined {
  const { area: _area, window: _window, intervals, targets: _targets, ...rest } = open;
  const { seller, offerId, offerEpoch, currency, delivery, untilMs } = open;
  const slot = closedSlot(open);
  const lines = intervals.map(({ quantityMilliWh, priceMicroPerKWh, availableMilliWh: _left, ...rest }) =>
    quantityMilliWh === undefined || priceMicroPerKWh === undefined
      ? undefined
      : { quantityMilliWh, priceMicroPerKWh, ...present(rest) },
  );
  if (seller === undefined || offerId === undefined || offerEpoch === undefined) return undefined;
  if (currency === undefined || delivery === undefined || untilMs === undefined) return undefined;
  const [first, ...further] = lines.filter((line) => line !== undefined);
  if (!slot || !first || further.length + 1 < lines.length) return undefined;
  return {
    ...present(rest),
    seller,
    offerId,
    offerEpoch,
    currency,
    delivery,
    untilMs,
    slot,
    ...first,
    ...(further.length === 0 ? {} : { further }),
  };
}

/** As `closedOrder`. @throws SLOT_INVALID. */
function closedOffer(open: BecknOpenOffer): BecknOffer | undefined {
  const { area: _area, window: _window, intervals, ...rest } = open;
  const { offerId, offerEpoch, currency, untilMs } = open;
  const slot = closedSlot(open);
  const lines = intervals.map(({ availableMilliWh, priceMicroPerKWh }) =>
    availableMilliWh === undefined || priceMicroPerKWh === undefined
      ? undefined
      : { availableMilliWh, priceMicroPerKWh },
  );
  const [first, ...further] = lines.filter((line) => line !== undefined);
  if (offerEpoch === undefined || currency === undefined || untilMs === undefined) return undefined;
  if (!slot || !first || further.length + 1 < lines.length) return undefined;
  return {
    ...present(rest),
    offerId,
    offerEpoch,
    currency,
    untilMs,
    slot,
    ...first,
    ...(further.length === 0 ? {} : { further }),
  };
}

/** As `closedOrder`; each of its offers must be. @throws SLOT_INVALID. */
export function closedCatalog(open: BecknOpenCatalog): BecknCatalog | undefined {
  const { sellerName, offers: openOffers, ...rest } = open;
  const offers = openOffers.map(closedOffer).filter((offer) => offer !== undefined);
  if (sellerName === undefined || offers.length < openOffers.length) return undefined;
  return { ...rest, sellerName, offers };
}

/** As `closedOrder`. @throws SLOT_INVALID. */
export function closedIntent(open: BecknOpenIntent): BecknIntent | undefined {
  const { needMilliWh, maxPriceMicroPerKWh, currency, source } = open;
  const slot = closedSlot(open);
  if (!slot || needMilliWh === undefined || maxPriceMicroPerKWh === undefined) return undefined;
  if (currency === undefined) return undefined;
  return { slot, needMilliWh, maxPriceMicroPerKWh, currency, ...present({ source }) };
}

/** The slot of the first interval, once area and window are known. @throws SLOT_INVALID off the grid. */
export function closedSlot({ area, window }: OpenTime): Slot | undefined {
  if (area === undefined || window === undefined) return undefined;
  const [startS, durationS] = [window.startMs / 1000, window.durationMs / 1000];
  if (!Number.isSafeInteger(startS) || !Number.isSafeInteger(durationS)) {
    throw new ProtocolError("SLOT_INVALID", "the window does not keep to whole seconds");
  }
  return checkSlot({ area, startS, durationS });
}

function openSlot(slot: Slot): { readonly area: string; readonly window: BecknWindow } {
  return {
    area: slot.area,
    window: { startMs: slot.startS * 1000, durationMs: slot.durationS * 1000 },
  };
}
