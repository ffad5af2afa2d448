/** Core 1.1 read into the neutral model: names, types, and the few rules that make a trade of it. */

import type * as z from "zod";
import { ProtocolError } from "../../errors.ts";
import type { JsonValue } from "../../json.ts";
import { parseSlotId } from "../../quantity.ts";
import { type BecknAction, becknActions, MAX_SEARCH_TTL_MS } from "../actions.ts";
import { parseDecimal } from "../decimal.ts";
import type {
  BecknCatalog,
  BecknContent,
  BecknContext,
  BecknFault,
  BecknIntent,
  BecknOffer,
} from "../model.ts";
import { parseDuration, parseInstant } from "../time.ts";
import { decodeOrder } from "./decode-order.ts";
import {
  contextSchema,
  faultSchema,
  messageSchemas,
  type V1Context,
  type V1Fulfillment,
  type V1Intent,
  type V1Item,
  type V1Provider,
} from "./schema.ts";
import {
  checkWindow,
  currencyPerKWh,
  offerIdOf,
  quantityOf,
  required,
  schemaError,
  tagValue,
} from "./read.ts";

const VERSIONS: ReadonlySet<string> = new Set(["1.1.0", "1.1.1"]);

/** The context alone, before anything of the message is believed. @throws BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED. */
export function decodeContextV1(body: JsonValue): BecknContext {
  const parsed = contextSchema.safeParse(member(body, "context"));
  if (!parsed.success) throw contextError(firstIssue(parsed.error));
  const context = parsed.data;
  const action = checkedAction(context);
  const ttlMs = parseDuration(context.ttl);
  if (action === "search" && ttlMs > MAX_SEARCH_TTL_MS) {
    throw contextError("a search lives 10 minutes at most");
  }
  return {
    domain: context.domain,
    action,
    version: context.version,
    bapId: context.bap_id,
    bapUri: context.bap_uri,
    bppId: context.bpp_id,
    bppUri: context.bpp_uri,
    transactionId: context.transaction_id,
    messageId: context.message_id,
    timestampMs: parseInstant(context.timestamp),
    ttlMs,
  };
}

/** The action, once version and parties are such that it can be spoken of. */
function checkedAction(context: V1Context): BecknAction {
  if (!VERSIONS.has(context.version)) {
    throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `version ${context.version}`, {
      data: { beckn: "CTX_VERSION_UNSUPPORTED" },
    });
  }
  const action = becknActions.get(context.action)?.action;
  if (!action) throw contextError(`action "${context.action}"`);
  if (action !== "search" && (context.bpp_id === undefined || context.bpp_uri === undefined)) {
    throw contextError("bpp_id and bpp_uri are required after search");
  }
  return action;
}

/** The content for a context already read. @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID. */
export function decodeContentV1(body: JsonValue, context: BecknContext): BecknContent {
  const fault = context.action.startsWith("on_") ? member(body, "error") : undefined;
  if (fault !== undefined) return { kind: "fault", fault: decodeFault(fault) };
  const message = member(body, "message");
  if (message === undefined) {
    throw new ProtocolError("SCHEMA_INVALID", "message is missing", {
      data: { beckn: "SCH_REQUIRED_FIELD_MISSING" },
    });
  }
  switch (context.action) {
    case "search":
      return { kind: "intent", intent: decodeIntent(parse(messageSchemas.search, message).intent ?? {}) };
    case "on_search":
      return {
        kind: "catalog",
        catalog: decodeCatalog(parse(messageSchemas.on_search, message).catalog.providers),
      };
    case "status":
      return { kind: "orderId", orderId: parse(messageSchemas.status, message).order_id };
    default:
      return { kind: "order", order: decodeOrder(parse(messageSchemas.order, message).order) };
  }
}

/** An ACK or NACK body of version 1; undefined for ACK. @throws SCHEMA_INVALID. */
export function decodeAckV1(body: JsonValue): BecknFault | undefined {
  const status = member(member(member(body, "message"), "ack"), "status");
  if (status === "ACK") return undefined;
  if (status !== "NACK") throw schemaError("message.ack.status is neither ACK nor NACK");
  const error = member(body, "error");
  return error === undefined ? { code: "", message: "refused without a reason" } : decodeFault(error);
}

function decodeFault(value: JsonValue): BecknFault {
  const fault = parse(faultSchema, value);
  return {
    code: fault.code,
    message: fault.message ?? "",
    ...(fault.paths === undefined ? {} : { paths: fault.paths }),
  };
}

/** An empty intent asks everybody for everything. */
function decodeIntent(intent: V1Intent): BecknIntent | undefined {
  const { item, fulfillment } = intent;
  if (!item && !fulfillment) return undefined;
  const slot = parseSlotId(required(tagValue(intent.tags, "Slot"), "intent.tags Slot"));
  checkWindow(fulfillment, slot);
  return {
    slot,
    needMilliWh: quantityOf(item?.quantity?.selected, "intent.item.quantity.selected"),
    maxPriceMicroPerKWh: parseDecimal(
      required(item?.price?.maximum_value, "intent.item.price.maximum_value"),
    ),
    currency: currencyPerKWh(item?.price?.currency),
  };
}

function decodeCatalog(providers: readonly V1Provider[]): BecknCatalog {
  const [provider, ...others] = providers;
  if (!provider || others.length > 0) throw schemaError("one provider per catalog");
  return {
    seller: provider.id,
    sellerName: required(provider.descriptor?.name, "provider.descriptor.name"),
    offers: (provider.items ?? []).map((item) => decodeOffer(item, provider.fulfillments ?? [])),
  };
}

function decodeOffer(item: V1Item, fulfillments: readonly V1Fulfillment[]): BecknOffer {
  const slot = parseSlotId(required(tagValue(item.tags, "Slot"), "item.tags Slot"));
  checkWindow(
    fulfillments.find((fulfillment) => fulfillment.id === item.fulfillment_ids?.[0]),
    slot,
  );
  return {
    offerId: offerIdOf(item),
    offerEpoch: required(tagValue(item.tags, "Offer_Epoch"), "item.tags Offer_Epoch"),
    slot,
    availableMilliWh: quantityOf(item.quantity?.available, "item.quantity.available"),
    priceMicroPerKWh: parseDecimal(required(item.price?.value, "item.price.value")),
    currency: currencyPerKWh(item.price?.currency),
    untilMs: parseInstant(required(tagValue(item.tags, "Until"), "item.tags Until")),
  };
}

function parse<T>(schema: z.ZodType<T>, value: JsonValue): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw schemaError(firstIssue(parsed.error));
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "refused"}`;
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
    return undefined;
  return (value as { readonly [key: string]: JsonValue })[key];
}

function contextError(why: string): ProtocolError {
  return new ProtocolError("BECKN_CONTEXT_INVALID", why, { data: { beckn: "CTX_INVALID_FIELD" } });
}
