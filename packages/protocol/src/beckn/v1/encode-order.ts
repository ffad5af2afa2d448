/** An order as core 1.1 writes it: an item and a fulfillment per interval, exact decimals in text. */

import type { JsonObject } from "../../json.ts";
import { slotId } from "../../quantity.ts";
import { formatDecimal } from "../decimal.ts";
import type { BecknMeter, BecknQuote } from "../model.ts";
import { type BecknOpenInterval, type BecknOpenOrder, type BecknWindow, closedSlot } from "../open.ts";
import { present } from "../present.ts";
import { formatDuration, formatInstant } from "../time.ts";
import { v1Tags } from "./names.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Several statements about one thing, of which only the known ones are written. */
type Said = Readonly<Record<string, string | undefined>>;

export function encodeOrder(order: BecknOpenOrder): JsonObject {
  const {
    orderId,
    status,
    seller,
    sellerName,
    billingName,
    quote,
    payment,
    currency = "",
    contractId,
  } = order;
  const provider = {
    ...(seller === undefined ? {} : { id: seller }),
    ...(sellerName === undefined ? {} : { descriptor: { name: sellerName } }),
  };
  return {
    ...present({ id: orderId, status }),
    ...(Object.keys(provider).length === 0 ? {} : { provider }),
    items: order.intervals.map((interval, index) => encodeItem(order, interval, index)),
    fulfillments: order.intervals.map((_, index) => encodeFulfillment(order, index)),
    ...(billingName === undefined ? {} : { billing: { name: billingName } }),
    ...(quote === undefined ? {} : { quote: encodeQuote(quote, currency) }),
    ...(payment === undefined ? {} : { payments: [encodePayment(payment, order)] }),
    ...tagMembers(v1Tags.contract, { [v1Tags.contractId]: contractId }),
  };
}

function encodeItem(order: BecknOpenOrder, interval: BecknOpenInterval, index: number): JsonObject {
  const { offerId, currency, delivery, offerEpoch, untilMs, source } = order;
  const quantity = present({
    selected: measure(interval.quantityMilliWh),
    allocated: measure(interval.finalMilliWh),
    available: measure(interval.availableMilliWh),
  });
  return {
    ...(offerId === undefined ? {} : { id: itemId(offerId, index, order.intervals.length) }),
    ...pricePerKWh(currency, { value: interval.priceMicroPerKWh }),
    ...(Object.keys(quantity).length === 0 ? {} : { quantity }),
    fulfillment_ids: [fulfillmentId(index)],
    ...tagMembers(
      v1Tags.terms,
      {
        [v1Tags.delivery]: delivery,
        [v1Tags.offerEpoch]: offerEpoch,
        [v1Tags.slot]: slotTag(order, index),
        [v1Tags.until]: untilMs === undefined ? undefined : formatInstant(untilMs),
      },
      sourceGroup(source),
    ),
  };
}

function encodeFulfillment(order: BecknOpenOrder, index: number): JsonObject {
  const { window, state, sellerMeter, buyerMeter } = order;
  const placed = window !== undefined || sellerMeter !== undefined || buyerMeter !== undefined;
  return {
    id: fulfillmentId(index),
    ...(placed ? { stops: stops(window && nth(window, index), { sellerMeter, buyerMeter }) } : {}),
    ...(state === undefined ? {} : { state: { descriptor: { code: state } } }),
  };
}

function encodeQuote(quote: BecknQuote, currency: string): JsonObject {
  return {
    price: { currency, value: formatDecimal(quote.totalMicro) },
    breakup: quote.lines.map((line) => ({
      title: line.title,
      price: { currency, value: formatDecimal(line.amountMicro) },
    })),
    ttl: formatDuration(quote.validMs),
  };
}

function encodePayment(payment: NonNullable<BecknOpenOrder["payment"]>, order: BecknOpenOrder): JsonObject {
  return {
    collected_by: "BPP",
    type: order.delivery === "instant" ? "ON-FULFILLMENT" : "POST-FULFILLMENT",
    params: { amount: formatDecimal(payment.amountMicro), ...present({ currency: order.currency }) },
    status: payment.paid ? "PAID" : "NOT-PAID",
  };
}

/** One item per interval; a partner's single item keeps the partner's name for it. */
export function itemId(offerId: string, index: number, count: number): string {
  return count === 1 && !UUID.test(offerId) ? offerId : `${offerId}#${index}`;
}

function fulfillmentId(index: number): string {
  return String(index + 1);
}

/** Names the currency even where there is no price yet. */
export function pricePerKWh(
  currency: string | undefined,
  prices: { readonly value?: number | undefined; readonly maximum_value?: number | undefined },
): JsonObject {
  const written = Object.entries(prices).flatMap(([name, micro]) =>
    micro === undefined ? [] : [[name, formatDecimal(micro)] as const],
  );
  if (currency === undefined && written.length === 0) return {};
  const unit = currency === undefined ? {} : { currency: `${currency}/kWh` };
  return { price: { ...unit, ...Object.fromEntries(written) } };
}

export function measure(milliWh: number | undefined): JsonObject | undefined {
  return milliWh === undefined ? undefined : { measure: { unit: "kWh", value: formatDecimal(milliWh) } };
}

/** The window of interval `index`. */
export function nth(window: BecknWindow, index: number): BecknWindow {
  return { ...window, startMs: window.startMs + index * window.durationMs };
}

/** The slot of interval `index`, where its area is known. */
export function slotTag(order: Pick<BecknOpenOrder, "area" | "window">, index: number): string | undefined {
  const window = order.window && nth(order.window, index);
  const slot = closedSlot({ area: order.area, window });
  return slot && slotId(slot);
}

export function stops(
  window: BecknWindow | undefined,
  meters: {
    readonly sellerMeter?: BecknMeter | undefined;
    readonly buyerMeter?: BecknMeter | undefined;
  } = {},
): readonly JsonObject[] {
  const range = window && {
    start: formatInstant(window.startMs),
    end: formatInstant(window.startMs + window.durationMs),
  };
  const time = range ? { time: { range } } : {};
  return [
    { type: "start", ...time, ...locationOf(meters.sellerMeter) },
    { type: "end", ...time, ...locationOf(meters.buyerMeter) },
  ];
}

/** A meter whose utility is unknown has no address. */
function locationOf(meter: BecknMeter | undefined): JsonObject {
  if (meter?.utility === undefined) return {};
  return { location: { address: `der://${meter.utility}.meter/${meter.meterId}` } };
}

export function sourceGroup(source: string | undefined): readonly JsonObject[] {
  return source === undefined ? [] : [tagGroup(v1Tags.energy, [[v1Tags.source, source]])];
}

/** `tags`, when there is anything to say in them. */
export function tagMembers(code: string, said: Said, further: readonly JsonObject[] = []): JsonObject {
  const list = Object.entries(said).flatMap(([tag, value]) =>
    value === undefined ? [] : [[tag, value] as const],
  );
  const groups = [...(list.length === 0 ? [] : [tagGroup(code, list)]), ...further];
  return groups.length === 0 ? {} : { tags: groups };
}

function tagGroup(code: string, list: readonly (readonly [string, string])[]): JsonObject {
  return {
    descriptor: { code },
    list: list.map(([tag, value]) => ({ descriptor: { code: tag }, value })),
  };
}
