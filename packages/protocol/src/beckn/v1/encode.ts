/** The neutral model as core 1.1 writes it: snake_case, exact decimals in strings. */

import { canonicalBytes } from "../../canonical.ts";
import type { JsonObject } from "../../json.ts";
import type { Slot } from "../../messages/trade/book.ts";
import { slotId } from "../../quantity.ts";
import { formatDecimal } from "../decimal.ts";
import type {
  BecknContent,
  BecknContext,
  BecknFault,
  BecknIntent,
  BecknMessage,
  BecknOffer,
  BecknOrder,
  BecknCatalog,
} from "../model.ts";
import { formatDuration, formatInstant } from "../time.ts";

/** What we write; both 1.1.0 and 1.1.1 are read. */
const V1_VERSION = "1.1.0";

/** No place finer than "somewhere" is made public. */
const LOCATION = { country: { code: "ZZZ" }, city: { code: "*" } };
const FULFILLMENT_ID = "1";

/** The body's bytes, ready to be signed. @throws AMOUNT_INVALID when a number has no decimal of ≤ 15 digits. */
export function encodeV1(message: BecknMessage): Uint8Array {
  return canonicalBytes({ context: encodeContext(message.context), ...encodeContent(message.content) });
}

function encodeContent(content: BecknContent): JsonObject {
  if (content.kind === "fault") return { error: encodeFault(content.fault) };
  return { message: encodeMessage(content) };
}

function encodeMessage(content: Exclude<BecknContent, { kind: "fault" }>): JsonObject {
  if (content.kind === "intent") return { intent: content.intent ? encodeIntent(content.intent) : {} };
  if (content.kind === "catalog") return { catalog: encodeCatalog(content.catalog) };
  if (content.kind === "orderId") return { order_id: content.orderId };
  return { order: encodeOrder(content.order) };
}

/** ACK and NACK of version 1. */
export function encodeAckV1(fault?: BecknFault): Uint8Array {
  const message = { ack: { status: fault ? "NACK" : "ACK" } };
  return canonicalBytes(fault ? { error: encodeFault(fault), message } : { message });
}

function encodeContext(context: BecknContext): JsonObject {
  return {
    domain: context.domain,
    location: LOCATION,
    action: context.action,
    version: V1_VERSION,
    bap_id: context.bapId,
    bap_uri: context.bapUri,
    ...(context.bppId === undefined ? {} : { bpp_id: context.bppId }),
    ...(context.bppUri === undefined ? {} : { bpp_uri: context.bppUri }),
    transaction_id: context.transactionId,
    message_id: context.messageId,
    timestamp: formatInstant(context.timestampMs),
    ttl: formatDuration(context.ttlMs),
  };
}

function encodeIntent(intent: BecknIntent): JsonObject {
  return {
    item: {
      descriptor: { code: "energy" },
      price: { currency: perKWh(intent.currency), maximum_value: formatDecimal(intent.maxPriceMicroPerKWh) },
      quantity: { selected: measure(intent.needMilliWh) },
    },
    fulfillment: { stops: [{ type: "end", time: { range: range(intent.slot) } }] },
    tags: [tagGroup("Trade_Terms", { Slot: slotId(intent.slot) })],
  };
}

function encodeCatalog(catalog: BecknCatalog): JsonObject {
  const slots = [...new Map(catalog.offers.map((offer) => [slotId(offer.slot), offer.slot])).values()];
  const fulfillmentIds = new Map(slots.map((slot, index) => [slotId(slot), String(index + 1)]));
  return {
    descriptor: { name: catalog.sellerName },
    providers: [
      {
        id: catalog.seller,
        descriptor: { name: catalog.sellerName },
        fulfillments: slots.map((slot, index) => ({ id: String(index + 1), stops: stops(slot) })),
        items: catalog.offers.map((offer) => encodeOffer(offer, fulfillmentIds.get(slotId(offer.slot)))),
      },
    ],
  };
}

function encodeOffer(offer: BecknOffer, fulfillmentId = FULFILLMENT_ID): JsonObject {
  return {
    id: itemId(offer.offerId),
    descriptor: { code: "energy" },
    price: { currency: perKWh(offer.currency), value: formatDecimal(offer.priceMicroPerKWh) },
    quantity: { available: measure(offer.availableMilliWh) },
    fulfillment_ids: [fulfillmentId],
    tags: [
      tagGroup("Trade_Terms", {
        Offer_Epoch: offer.offerEpoch,
        Slot: slotId(offer.slot),
        Until: formatInstant(offer.untilMs),
      }),
    ],
  };
}

function encodeOrder(order: BecknOrder): JsonObject {
  const state = order.state === undefined ? {} : { state: { descriptor: { code: order.state } } };
  return {
    ...(order.orderId === undefined ? {} : { id: order.orderId }),
    ...(order.status === undefined ? {} : { status: order.status }),
    provider: {
      id: order.seller,
      ...(order.sellerName === undefined ? {} : { descriptor: { name: order.sellerName } }),
    },
    items: [encodeItem(order)],
    ...(order.billingName === undefined ? {} : { billing: { name: order.billingName } }),
    fulfillments: [{ id: FULFILLMENT_ID, stops: stops(order.slot), ...state }],
    ...(order.quote === undefined ? {} : { quote: encodeQuote(order.quote, order.currency) }),
    ...(order.payment === undefined ? {} : { payments: [encodePayment(order.payment, order)] }),
    ...(order.contractId === undefined
      ? {}
      : { tags: [tagGroup("Contract", { Contract_Id: order.contractId })] }),
  };
}

function encodeItem(order: BecknOrder): JsonObject {
  return {
    id: itemId(order.offerId),
    price: { currency: perKWh(order.currency), value: formatDecimal(order.priceMicroPerKWh) },
    quantity: {
      selected: measure(order.quantityMilliWh),
      ...(order.finalMilliWh === undefined ? {} : { allocated: measure(order.finalMilliWh) }),
    },
    fulfillment_ids: [FULFILLMENT_ID],
    tags: [
      tagGroup("Trade_Terms", {
        Delivery: order.delivery,
        Offer_Epoch: order.offerEpoch,
        Slot: slotId(order.slot),
        Until: formatInstant(order.untilMs),
      }),
    ],
  };
}

function encodeQuote(quote: NonNullable<BecknOrder["quote"]>, currency: string): JsonObject {
  return {
    price: { currency, value: formatDecimal(quote.totalMicro) },
    breakup: quote.lines.map((line) => ({
      title: line.title,
      price: { currency, value: formatDecimal(line.amountMicro) },
    })),
    ttl: formatDuration(quote.validMs),
  };
}

function encodePayment(payment: NonNullable<BecknOrder["payment"]>, order: BecknOrder): JsonObject {
  return {
    collected_by: "BPP",
    type: order.delivery === "instant" ? "ON-FULFILLMENT" : "POST-FULFILLMENT",
    params: { amount: formatDecimal(payment.amountMicro), currency: order.currency },
    status: payment.paid ? "PAID" : "NOT-PAID",
  };
}

function encodeFault(fault: BecknFault): JsonObject {
  return {
    code: fault.code,
    message: fault.message,
    ...(fault.paths === undefined ? {} : { paths: fault.paths }),
  };
}

/** One item per interval; an order holds one so far. */
function itemId(offerId: string): string {
  return `${offerId}#0`;
}

function perKWh(currency: string): string {
  return `${currency}/kWh`;
}

function measure(milliWh: number): JsonObject {
  return { measure: { unit: "kWh", value: formatDecimal(milliWh) } };
}

function range(slot: Slot): JsonObject {
  return {
    start: formatInstant(slot.startS * 1000),
    end: formatInstant((slot.startS + slot.durationS) * 1000),
  };
}

function stops(slot: Slot): readonly JsonObject[] {
  return ["start", "end"].map((type) => ({ type, time: { range: range(slot) } }));
}

function tagGroup(code: string, values: Readonly<Record<string, string>>): JsonObject {
  return {
    descriptor: { code },
    list: Object.entries(values).map(([code, value]) => ({ descriptor: { code }, value })),
  };
}
