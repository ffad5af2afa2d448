/** The order of select … status, with the arithmetic that must hold in it. */

import { ProtocolError } from "../../errors.ts";
import { amountMicro, parseSlotId } from "../../quantity.ts";
import { parseDecimal } from "../decimal.ts";
import type { BecknDelivery, BecknOrder, BecknQuote } from "../model.ts";
import { parseDuration, parseInstant } from "../time.ts";
import {
  checkWindow,
  currencyPerKWh,
  offerIdOf,
  quantityOf,
  required,
  schemaError,
  tagValue,
} from "./read.ts";
import type { V1Order } from "./schema.ts";

/** @throws SCHEMA_INVALID, AMOUNT_INVALID (quote ≠ quantity × price), SLOT_INVALID. */
export function decodeOrder(order: V1Order): BecknOrder {
  const item = required(order.items[0], "order.items");
  const fulfillment = required(order.fulfillments[0], "order.fulfillments");
  const slot = parseSlotId(required(tagValue(item.tags, "Slot"), "item.tags Slot"));
  checkWindow(fulfillment, slot);
  const currency = currencyPerKWh(item.price?.currency);
  const quantityMilliWh = quantityOf(item.quantity?.selected, "item.quantity.selected");
  const priceMicroPerKWh = parseDecimal(required(item.price?.value, "item.price.value"));
  const quote = order.quote && decodeQuote(order.quote, currency);
  const payment = decodePayment(order.payments, currency);
  if (quote) checkQuote(quote, amountMicro(quantityMilliWh, priceMicroPerKWh));
  return {
    seller: order.provider.id,
    offerId: offerIdOf(item),
    offerEpoch: required(tagValue(item.tags, "Offer_Epoch"), "item.tags Offer_Epoch"),
    slot,
    quantityMilliWh,
    priceMicroPerKWh,
    currency,
    delivery: deliveryOf(tagValue(item.tags, "Delivery")),
    untilMs: parseInstant(required(tagValue(item.tags, "Until"), "item.tags Until")),
    ...present({
      sellerName: order.provider.descriptor?.name,
      quote,
      billingName: order.billing?.name,
      payment,
      orderId: order.id,
      contractId: tagValue(order.tags, "Contract_Id"),
      status: order.status,
      state: fulfillment.state?.descriptor?.code,
      finalMilliWh: finalOf(item.quantity?.allocated),
    }),
  };
}

function decodeQuote(quote: NonNullable<V1Order["quote"]>, currency: string): BecknQuote {
  const amount = (cost: { readonly value: string; readonly currency: string }) => {
    if (cost.currency !== currency) throw schemaError(`quote in ${cost.currency}, price in ${currency}`);
    return parseDecimal(cost.value);
  };
  return {
    totalMicro: amount(quote.price),
    lines: quote.breakup.map((line) => ({ title: line.title, amountMicro: amount(line.price) })),
    validMs: parseDuration(quote.ttl),
  };
}

function decodePayment(payments: V1Order["payments"], currency: string): BecknOrder["payment"] {
  const [payment] = payments ?? [];
  if (!payment) return undefined;
  if (payment.params.currency !== currency) throw schemaError(`payment in ${payment.params.currency}`);
  return { amountMicro: parseDecimal(payment.params.amount), paid: payment.status === "PAID" };
}

/** The energy line is quantity × price, the total is the sum of the lines. */
function checkQuote(quote: BecknQuote, energyMicro: number): void {
  const sum = quote.lines.reduce((total, line) => total + line.amountMicro, 0);
  const energy = quote.lines.filter((line) => line.title === "ENERGY");
  if (energy.length !== 1 || energy[0]?.amountMicro !== energyMicro || sum !== quote.totalMicro) {
    throw new ProtocolError("AMOUNT_INVALID", "the quote is not quantity × price and its parts");
  }
}

function deliveryOf(text: string | undefined): BecknDelivery {
  if (text === "slot" || text === "instant") return text;
  throw schemaError("item.tags Delivery is neither slot nor instant");
}

/** Nothing delivered is a delivery too, so this one may be 0. */
function finalOf(
  quantity: { readonly measure: { readonly value: string; readonly unit: string } } | undefined,
) {
  if (quantity === undefined) return undefined;
  return /^0+(?:\.0+)?$/.test(quantity.measure.value) ? 0 : quantityOf(quantity, "item.quantity.allocated");
}

function present<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
