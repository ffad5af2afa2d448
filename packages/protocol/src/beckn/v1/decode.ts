/** Core 1.1 read into the neutral model: names, types, and the few rules that make a trade of it. */

import type * as z from "zod";
import type { JsonValue } from "../../json.ts";
import { isCallback } from "../actions.ts";
import type { BecknContent } from "../content.ts";
import { readContext } from "../context.ts";
import type { BecknContext, BecknRating, BecknSupport } from "../model.ts";
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
  switch (context.action) {
    case "search":
      return decodeIntent(parse(messageSchemas.search, message).intent ?? {}, reading);
    case "on_search":
      return decodeCatalogs(parse(messageSchemas.on_search, message).catalog.providers, reading);
    case "update":
      return decodeUpdate(message, reading);
    case "status":
    case "cancel":
    case "track":
    case "on_track":
    case "rating":
    case "on_rating":
    case "support":
    case "on_support":
      return decodeAbout(message, context.action);
    default:
      return decodeOrder(parse(messageSchemas.order, message).order, reading);
  }
}

/** What is said about an order after it was made. */
function decodeAbout(message: JsonValue, action: BecknContext["action"]): BecknContent {
  switch (action) {
    case "status":
      return { kind: "orderId", orderId: parse(messageSchemas.orderId, message).order_id };
    case "cancel": {
      const { order_id, cancellation_reason_id, descriptor } = parse(messageSchemas.cancel, message);
      const reason = descriptor?.short_desc ?? descriptor?.name;
      return { kind: "cancel", orderId: order_id, ...present({ reasonId: cancellation_reason_id, reason }) };
    }
    case "track": {
      const { order_id, callback_url } = parse(messageSchemas.track, message);
      return { kind: "track", orderId: order_id, ...present({ callbackUrl: callback_url }) };
    }
    case "on_track": {
      const { id, url, status } = parse(messageSchemas.on_track, message).tracking;
      return { kind: "tracking", orderId: id, url, active: status === "active" };
    }
    case "rating":
      return { kind: "ratings", ratings: parse(messageSchemas.rating, message).ratings.map(decodeRating) };
    case "on_rating": {
      const formUrl = parse(messageSchemas.on_rating, message).feedback_form?.form?.url;
      return { kind: "rated", ratings: [], ...present({ formUrl }) };
    }
    default:
      return { kind: "support", support: decodeSupport(message) };
  }
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

function decodeSupport(message: JsonValue): BecknSupport {
  const { ref_id, phone, email, url } = parse(messageSchemas.support, message).support ?? {};
  return present({ orderId: ref_id, phone, email, url });
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
