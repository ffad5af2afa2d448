/** The order of select … cancel, with the arithmetic that must hold in it. */

import { ProtocolError } from "../../errors.ts";
import { checkSlot, parseSlotId } from "../../quantity.ts";
import { parseDecimal } from "../decimal.ts";
import type { BecknDelivery, BecknOrder, BecknQuote } from "../model.ts";
import { type BecknOpenInterval, type BecknOpenOrder, type BecknWindow, closedOrder } from "../open.ts";
import { present } from "../present.ts";
import { checkOrder, QUOTE_VALID_MS, quoteTitle } from "../quote.ts";
import { type BecknReading, bodyDuration, bodyInstant, schemaError } from "../reading.ts";
import { v1Tags } from "./names.ts";
import {
  currencyPerKWh,
  decimalOf,
  fulfillmentOf,
  meterAt,
  offerIdOf,
  quantityOf,
  sourceOf,
  tagValue,
  windowOf,
} from "./read.ts";
import type { V1Fulfillment, V1Item, V1Order } from "./schema.ts";

/** The order when it says all that binds, else what it does say. @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID. */
export function decodeOrder(
  order: V1Order,
  reading: BecknReading,
):
  | { readonly kind: "order"; readonly order: BecknOrder }
  | { readonly kind: "openOrder"; readonly order: BecknOpenOrder } {
  const open = readOrder(order, reading);
  const closed = closedOrder(open);
  checkOrder(open, closed);
  return closed ? { kind: "order", order: closed } : { kind: "openOrder", order: open };
}

function readOrder(order: V1Order, reading: BecknReading): BecknOpenOrder {
  const [item] = order.items;
  const fulfillments = order.fulfillments ?? [];
  const currency = currencyOf(order, reading);
  return {
    intervals: order.items.map((one) => readInterval(one, reading)),
    ...timeOf(order.items, fulfillments, reading),
    ...termsOf(item, reading),
    ...placesOf(item && fulfillmentOf(item, fulfillments), reading),
    ...present({
      offerId: offerIdOf(order.items),
      seller: order.provider?.id,
      sellerName: order.provider?.descriptor?.name,
      currency,
      quote: order.quote && decodeQuote(order.quote, currency, reading),
      billingName: order.billing?.name,
      payment: decodePayment(order.payments, currency),
      orderId: order.id,
      contractId: tagValue(order.tags, v1Tags.contractId),
      status: order.status,
    }),
  };
}

/** What the first item says for all intervals. */
function termsOf(item: V1Item | undefined, reading: BecknReading) {
  const until = tagValue(item?.tags, v1Tags.until);
  return present({
    offerEpoch: tagValue(item?.tags, v1Tags.offerEpoch),
    delivery: deliveryOf(tagValue(item?.tags, v1Tags.delivery)),
    untilMs: until === undefined ? undefined : bodyInstant(until, reading),
    source: sourceOf(item?.tags, reading),
  });
}

/** How far the delivery is, and between which meters. */
function placesOf(fulfillment: V1Fulfillment | undefined, reading: BecknReading) {
  const state = fulfillment?.state?.descriptor;
  return present({
    state: state?.code ?? (reading === "tolerant" ? state?.status : undefined),
    sellerMeter: meterAt(fulfillment, "start"),
    buyerMeter: meterAt(fulfillment, "end"),
  });
}

function readInterval(item: V1Item, reading: BecknReading): BecknOpenInterval {
  const at = (where: string) => ({ where: `item.quantity.${where}`, reading });
  return present({
    quantityMilliWh: quantityOf(item.quantity?.selected, at("selected")),
    availableMilliWh: quantityOf(item.quantity?.available, { ...at("available"), least: 0 }),
    finalMilliWh: quantityOf(item.quantity?.allocated, { ...at("allocated"), least: 0 }),
    priceMicroPerKWh: decimalOf(item.price?.value),
  });
}

/** The first window and its area; the tag, the stops and the items after it must agree. @throws SLOT_INVALID. */
export function timeOf(
  items: readonly V1Item[],
  fulfillments: readonly V1Fulfillment[],
  reading: BecknReading,
): { readonly area?: string; readonly window?: BecknWindow } {
  let first: BecknWindow | undefined;
  let area: string | undefined;
  for (const [index, item] of items.entries()) {
    const window = windowOf(fulfillmentOf(item, fulfillments), reading);
    const tag = tagValue(item.tags, v1Tags.slot);
    const slot = tag === undefined ? undefined : parseSlotId(tag);
    if (slot && !(window?.startMs === slot.startS * 1000 && window.durationMs === slot.durationS * 1000)) {
      throw new ProtocolError("SLOT_INVALID", `the window is not the slot ${tag ?? ""}`);
    }
    if (index === 0) {
      first = window;
      area = slot && checkSlot(slot).area;
    } else {
      checkNext({ first, window, index });
      if (slot?.area !== area) throw new ProtocolError("SLOT_INVALID", "the items are of several areas");
    }
  }
  return present({ area, window: first });
}

/** Interval n begins where the one before it ends; windows of a partner's items may be all the same one. */
function checkNext(at: {
  readonly first: BecknWindow | undefined;
  readonly window: BecknWindow | undefined;
  readonly index: number;
}): void {
  const { first, window, index } = at;
  const follows =
    first === undefined
      ? window === undefined
      : window?.durationMs === first.durationMs &&
        window.startMs === first.startMs + index * first.durationMs;
  if (!follows) throw new ProtocolError("SLOT_INVALID", "the items do not follow each other in time");
}

function currencyOf(order: V1Order, reading: BecknReading): string | undefined {
  const [first, ...others] = new Set(
    order.items
      .map((item) => currencyPerKWh(item.price?.currency, reading))
      .filter((currency) => currency !== undefined),
  );
  if (others.length > 0) throw schemaError("prices in several currencies");
  return first ?? order.quote?.price.currency ?? order.payments?.[0]?.params?.currency;
}

function decodeQuote(
  quote: NonNullable<V1Order["quote"]>,
  currency: string | undefined,
  reading: BecknReading,
): BecknQuote {
  const amount = (cost: { readonly value: string; readonly currency: string }) => {
    if (cost.currency !== currency)
      throw schemaError(`quote in ${cost.currency}, price in ${currency ?? "?"}`);
    return parseDecimal(cost.value);
  };
  return {
    totalMicro: amount(quote.price),
    lines: quote.breakup.map((line) => ({
      title: quoteTitle(line.title, reading),
      amountMicro: amount(line.price),
    })),
    validMs: quote.ttl === undefined ? QUOTE_VALID_MS : bodyDuration(quote.ttl),
  };
}

function decodePayment(payments: V1Order["payments"], currency: string | undefined): BecknOrder["payment"] {
  const [payment] = payments ?? [];
  if (payment?.params?.amount === undefined) return undefined;
  if (payment.params.currency !== currency) throw schemaError(`payment in ${payment.params.currency ?? "?"}`);
  return { amountMicro: parseDecimal(payment.params.amount), paid: payment.status === "PAID" };
}

function deliveryOf(text: string | undefined): BecknDelivery | undefined {
  if (text === undefined || text === "slot" || text === "instant") return text;
  throw schemaError("item.tags Delivery is neither slot nor instant");
}
