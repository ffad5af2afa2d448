/** The neutral model as core 1.1 writes it: snake_case, exact decimals in strings. */

import { canonicalBytes } from "../../canonical.ts";
import { ProtocolError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import type { BecknContent, BecknMessage } from "../content.ts";
import type { BecknContext, BecknFault, BecknRating, BecknSupport } from "../model.ts";
import {
  type BecknOpenCatalog,
  type BecknOpenIntent,
  type BecknOpenOffer,
  openCatalog,
  openIntent,
  openOrder,
} from "../open.ts";
import { present } from "../present.ts";
import { formatDuration, formatInstant } from "../time.ts";
import {
  encodeOrder,
  itemId,
  measure,
  nth,
  pricePerKWh,
  slotTag,
  sourceGroup,
  stops,
  tagMembers,
} from "./encode-order.ts";
import { V1_VERSION, v1Actions, v1Tags } from "./names.ts";

/** No place finer than "somewhere" is made public. */
const LOCATION = { country: { code: "ZZZ" }, city: { code: "*" } };

/** The body's bytes, ready to be signed. @throws AMOUNT_INVALID, SLOT_INVALID, BECKN_DOMAIN_UNSUPPORTED (publish). */
export function encodeV1(message: BecknMessage): Uint8Array {
  return canonicalBytes({ context: encodeContext(message.context), ...encodeContent(message) });
}

function encodeContent({ content, context }: BecknMessage): JsonObject {
  if (content.kind !== "fault") return { message: encodeMessage(content) };
  // Only on_rating must hold a message even where it refuses.
  const message = context.action === "on_rating" ? { message: {} } : {};
  return { error: encodeFault(content.fault), ...message };
}

function encodeMessage(content: Exclude<BecknContent, { kind: "fault" }>): JsonObject {
  switch (content.kind) {
    case "intent":
      return { intent: content.intent ? encodeIntent(openIntent(content.intent)) : {} };
    case "openIntent":
      return { intent: encodeIntent(content.intent) };
    case "catalog":
      return { catalog: encodeCatalogs([openCatalog(content.catalog)]) };
    case "openCatalog":
      return { catalog: encodeCatalogs(content.catalogs) };
    case "order":
      return { order: encodeOrder(openOrder(content.order)) };
    case "openOrder":
      return { ...updateTarget(content.order.targets), order: encodeOrder(content.order) };
    case "update":
      return { ...updateTarget(content.targets), order: encodeOrder(openOrder(content.order)) };
    default:
      return encodeAbout(content);
  }
}

/** What is said about an order after it was made. */
function encodeAbout(content: BecknContent): JsonObject {
  switch (content.kind) {
    case "orderId":
      return { order_id: content.orderId };
    case "cancel":
      return {
        order_id: content.orderId,
        ...present({ cancellation_reason_id: content.reasonId }),
        ...(content.reason === undefined ? {} : { descriptor: { short_desc: content.reason } }),
      };
    case "track":
      return { order_id: content.orderId, ...present({ callback_url: content.callbackUrl }) };
    case "tracking": {
      const { orderId, url, active } = content;
      return { tracking: { id: orderId, url, status: active ? "active" : "inactive" } };
    }
    case "ratings":
      return { ratings: content.ratings.map(encodeRating) };
    case "rated":
      return content.formUrl === undefined
        ? {}
        : { feedback_form: { form: { url: content.formUrl }, required: false } };
    case "support":
      return { support: encodeSupport(content.support) };
    default:
      throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `core 1.1 has no ${content.kind}`, {
        data: { beckn: "NET_NOT_IMPLEMENTED" },
      });
  }
}

/** ACK and NACK of version 1. */
export function encodeAckV1(fault?: BecknFault): Uint8Array {
  const message = { ack: { status: fault ? "NACK" : "ACK" } };
  return canonicalBytes(fault ? { error: encodeFault(fault), message } : { message });
}

function encodeContext(context: BecknContext): JsonObject {
  const action = v1Actions.nameOf(context.action);
  if (action === undefined) {
    throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `core 1.1 has no ${context.action}`, {
      data: { beckn: "NET_NOT_IMPLEMENTED" },
    });
  }
  return {
    domain: context.domain,
    location: LOCATION,
    action,
    version: V1_VERSION,
    bap_id: context.bapId,
    ...(context.bapUri === "" ? {} : { bap_uri: context.bapUri }),
    ...present({ bpp_id: context.bppId, bpp_uri: context.bppUri }),
    transaction_id: context.transactionId,
    message_id: context.messageId,
    timestamp: formatInstant(context.timestampMs),
    ttl: formatDuration(context.ttlMs),
  };
}

function encodeIntent(intent: BecknOpenIntent): JsonObject {
  const { currency, maxPriceMicroPerKWh, needMilliWh, window, source, words } = intent;
  const selected = measure(needMilliWh);
  return {
    item: {
      descriptor: { code: "energy", ...(words === undefined ? {} : { name: words }) },
      ...pricePerKWh(currency, { maximum_value: maxPriceMicroPerKWh }),
      ...(selected === undefined ? {} : { quantity: { selected } }),
      ...(source === undefined ? {} : { tags: sourceGroup(source) }),
    },
    ...(window === undefined ? {} : { fulfillment: { stops: stops(window).slice(1) } }),
    ...tagMembers(v1Tags.terms, { [v1Tags.slot]: slotTag(intent, 0) }),
  };
}

function encodeCatalogs(catalogs: readonly BecknOpenCatalog[]): JsonObject {
  const [first] = catalogs;
  return {
    ...(first?.sellerName === undefined ? {} : { descriptor: { name: first.sellerName } }),
    providers: catalogs.map(encodeProvider),
  };
}

/** A fulfillment per window: offers of the same time share it. */
function encodeProvider(catalog: BecknOpenCatalog): JsonObject {
  const { seller, sellerName, offers } = catalog;
  const ids = new Map<string, string>();
  const fulfillments: JsonObject[] = [];
  const idAt = ({ window }: BecknOpenOffer, index: number): string | undefined => {
    if (window === undefined) return undefined;
    const at = nth(window, index);
    const key = `${at.startMs} ${at.durationMs}`;
    const known = ids.get(key);
    if (known !== undefined) return known;
    const id = String(ids.size + 1);
    ids.set(key, id);
    fulfillments.push({ id, stops: stops(at) });
    return id;
  };
  const items = offers.flatMap((offer) =>
    // One that names neither price nor quantity is an item all the same.
    (offer.intervals.length === 0 ? [{}] : offer.intervals).map((_, index) =>
      encodeOffer(offer, index, idAt(offer, index)),
    ),
  );
  return {
    id: seller,
    ...(sellerName === undefined ? {} : { descriptor: { name: sellerName } }),
    fulfillments,
    items,
  };
}

function encodeOffer(offer: BecknOpenOffer, index: number, fulfillment: string | undefined): JsonObject {
  const { offerId, currency, offerEpoch, untilMs, source, intervals } = offer;
  const { priceMicroPerKWh, availableMilliWh } = intervals[index] ?? {};
  const available = measure(availableMilliWh);
  return {
    id: itemId(offerId, index, Math.max(1, intervals.length)),
    descriptor: { code: "energy" },
    ...pricePerKWh(currency, { value: priceMicroPerKWh }),
    ...(available === undefined ? {} : { quantity: { available } }),
    ...(fulfillment === undefined ? {} : { fulfillment_ids: [fulfillment] }),
    ...tagMembers(
      v1Tags.terms,
      {
        [v1Tags.offerEpoch]: offerEpoch,
        [v1Tags.slot]: slotTag(offer, index),
        [v1Tags.until]: untilMs === undefined ? undefined : formatInstant(untilMs),
      },
      sourceGroup(source),
    ),
  };
}

/** Version 1 must name what differs; with us that can only be the item's quantity. */
function updateTarget(targets: readonly string[] | undefined): JsonObject {
  if (targets === undefined) return {};
  return { update_target: targets.length === 0 ? "item" : targets.join(",") };
}

function encodeRating(rating: BecknRating): JsonObject {
  return { rating_category: rating.category, id: rating.id, value: String(rating.value) };
}

function encodeSupport({ orderId, phone, email, url }: BecknSupport): JsonObject {
  return present({ ref_id: orderId, phone, email, url });
}

function encodeFault(fault: BecknFault): JsonObject {
  return { code: fault.code, message: fault.message, ...present({ paths: fault.paths }) };
}
