/** Core 1.1 read into the neutral model: names, types, and the few rules that make a trade of it. */

import type * as z from "zod";
import type { JsonValue } from "../../json.ts";
import { type BecknAction, isCallback } from "../actions.ts";
import type { BecknContent } from "../content.ts";
import { readContext } from "../context.ts";
import type { BecknContext, BecknRating } from "../model.ts";
import {
  type BecknOpenCatalog,
  type BecknOpenIntent,
  type BecknOpenOffer,
  closedCatalog,
  closedIntent,
} from "../open.ts";
import { present } from "../present.ts";
import { readRatingValue } from "../ratings.ts";
import { type BecknReading, bodyInstant, member, readFault, required, schemaError } from "../reading.ts";
import { decodeOrder, timeOf } from "./decode-order.ts";
import { v1ContextRules, v1Tags } from "./names.ts";
import {
  currencyPerKWh,
  decimalOf,
  itemsByOffer,
  offerIdOf,
  quantityOf,
  sourceOf,
  tagValue,
} from "./read.ts";
import { messageSchemas, type V1Intent, type V1Item, type V1Provider } from "./schema.ts";

/** The context alone, before anything of the message is believed. @throws BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED. */
export function decodeContextV1(body: JsonValue, reading: BecknReading = "strict"): BecknContext {
  return readContext(body, v1ContextRules, reading);
}

/** The content for a context already read. @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID, INVALID_PARAMS. */
export function decodeContentV1(
  body: JsonValue,
  context: BecknContext,
  reading: BecknReading = "strict",
): BecknContent {
  const fault = isCallback(context.action) ? member(body, "error") : undefined;
  if (fault !== undefined) return { kind: "fault", fault: readFault(fault) };
  const message = required(member(body, "message"), "message");
  return (readers.get(context.action) ?? readOrder)(message, reading);
}

type Reader = (message: JsonValue, reading: BecknReading) => BecknContent;

const readOrder: Reader = (message, reading) =>
  decodeOrder(parse(messageSchemas.order, message).order, reading);

/** Everything that is not simply an order. */
const readers: ReadonlyMap<BecknAction, Reader> = new Map<BecknAction, Reader>([
  ["search", (message, reading) => decodeIntent(parse(messageSchemas.search, message).intent ?? {}, reading)],
  [
    "on_search",
    (message, reading) => decodeCatalogs(parse(messageSchemas.on_search, message).catalog.providers, reading),
  ],
  ["update", decodeUpdate],
  ["status", (message) => ({ kind: "orderId", orderId: parse(messageSchemas.orderId, message).order_id })],
  ["cancel", decodeCancel],
  ["track", decodeTrack],
  ["on_track", decodeTracking],
  [
    "rating",
    (message) => ({
      kind: "ratings",
      ratings: parse(messageSchemas.rating, message).ratings.map(decodeRating),
    }),
  ],
  ["on_rating", decodeRated],
  ["support", decodeSupport],
  ["on_support", decodeSupport],
]);

function decodeCancel(message: JsonValue): BecknContent {
  const { order_id, cancellation_reason_id, descriptor } = parse(messageSchemas.cancel, message);
  const reason = descriptor?.short_desc ?? descriptor?.name;
  return { kind: "cancel", orderId: order_id, ...present({ reasonId: cancellation_reason_id, reason }) };
}

function decodeTrack(message: JsonValue): BecknContent {
  const { order_id, callback_url } = parse(messageSchemas.track, message);
  return { kind: "track", orderId: order_id, ...present({ callbackUrl: callback_url }) };
}

function decodeTracking(message: JsonValue): BecknContent {
  const { id, url, status } = parse(messageSchemas.on_track, message).tracking;
  return { kind: "tracking", orderId: id, url, active: status === "active" };
}

function decodeRated(message: JsonValue): BecknContent {
  const formUrl = parse(messageSchemas.on_rating, message).feedback_form?.form?.url;
  return { kind: "rated", ratings: [], ...present({ formUrl }) };
}

function decodeUpdate(message: JsonValue, reading: BecknReading): BecknContent {
  const { update_target, order } = parse(messageSchemas.update, message);
  const targets = update_target.split(",").map((target) => target.trim());
  const decoded = decodeOrder(order, reading);
  if (decoded.kind === "openOrder") return { kind: "openOrder", order: { ...decoded.order, targets } };
  return { kind: "update", targets, order: decoded.order };
}

function decodeRating(rating: { rating_category: BecknRating["category"]; id: string; value: string }) {
  return { category: rating.rating_category, id: rating.id, value: readRatingValue(rating.value) };
}

function decodeSupport(message: JsonValue): BecknContent {
  const { ref_id, phone, email, url } = parse(messageSchemas.support, message).support ?? {};
  return { kind: "support", support: present({ orderId: ref_id, phone, email, url }) };
}

/** An empty intent asks everybody for everything. */
function decodeIntent(intent: V1Intent, reading: BecknReading): BecknContent {
  const { item, fulfillment } = intent;
  if (!item && !fulfillment) return { kind: "intent", intent: undefined };
  const { descriptor, price, quantity } = item ?? {};
  const selected = quantityOf(quantity?.selected, { where: "intent.item.quantity.selected", reading });
  const open: BecknOpenIntent = present({
    ...timeOf([{ ...present({ tags: intent.tags }) }], fulfillment ? [fulfillment] : [], reading),
    needMilliWh: selected,
    maxPriceMicroPerKWh: decimalOf(price?.maximum_value),
    currency: currencyPerKWh(price?.currency, reading),
    source: sourceOf(item?.tags, reading),
    words: descriptor?.name,
  });
  const closed = closedIntent(open);
  return closed ? { kind: "intent", intent: closed } : { kind: "openIntent", intent: open };
}

function decodeCatalogs(providers: readonly V1Provider[], reading: BecknReading): BecknContent {
  const open = providers.map((provider) => decodeProvider(provider, reading));
  const [only, ...others] = open.map(closedCatalog);
  return only && others.length === 0
    ? { kind: "catalog", catalog: only }
    : { kind: "openCatalog", catalogs: open };
}

function decodeProvider(provider: V1Provider, reading: BecknReading): BecknOpenCatalog {
  const offers = itemsByOffer(provider.items ?? []);
  return {
    seller: provider.id,
    ...present({ sellerName: provider.descriptor?.name }),
    offers: offers.map((items) => decodeOffer(items, provider, reading)),
  };
}

function decodeOffer(items: readonly V1Item[], provider: V1Provider, reading: BecknReading): BecknOpenOffer {
  const [first] = items;
  const until = tagValue(first?.tags, v1Tags.until);
  const currencies = new Set(items.map((item) => currencyPerKWh(item.price?.currency, reading)));
  const [currency, ...others] = currencies;
  if (others.length > 0) throw schemaError("one offer in several currencies");
  return {
    offerId: required(offerIdOf(items), "item.id"),
    ...timeOf(items, provider.fulfillments ?? [], reading),
    intervals: items.map((item) =>
      present({
        availableMilliWh: quantityOf(item.quantity?.available, { where: "item.quantity.available", reading }),
        priceMicroPerKWh: decimalOf(item.price?.value),
      }),
    ),
    ...present({
      offerEpoch: tagValue(first?.tags, v1Tags.offerEpoch),
      currency,
      untilMs: until === undefined ? undefined : bodyInstant(until, reading),
      source: sourceOf(first?.tags, reading),
    }),
  };
}

function parse<T>(schema: z.ZodType<T>, value: JsonValue): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const why = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "refused"}`;
  const absent = issue?.code === "invalid_type" && issue.message.endsWith("received undefined");
  throw schemaError(why, absent ? "SCH_REQUIRED_FIELD_MISSING" : undefined);
}
