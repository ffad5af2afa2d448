/** The neutral model as core 2.0.0 LTS writes it: camelCase, contracts, exact decimals as JSON numbers. */

import { canonicalBytes } from "../../canonical.ts";
import type { JsonObject, JsonValue } from "../../json.ts";
import type { BecknContent, BecknMessage } from "../content.ts";
import type {
  BecknContext,
  BecknFault,
  BecknOrder,
  BecknPublishResult,
  BecknRating,
  BecknSupport,
} from "../model.ts";
import { type BecknOpenCatalog, type BecknOpenOffer, openCatalog, openIntent, openOrder } from "../open.ts";
import { present } from "../present.ts";
import { RATING_BEST, RATING_WORST } from "../ratings.ts";
import { formatDuration, formatInstant } from "../time.ts";
import { encodeContract, encodeOrderName, encodeResource, offerTerms } from "./encode-contract.ts";
import { attributes, packs, packsOfCatalog, packsOfTrade, V2_VERSION, v2Actions } from "./names.ts";
import { needText } from "./need.ts";
import { encodeSeries } from "./series.ts";

/** Where revision 2 wants an address and there is none. */
const NOWHERE = "urn:gridmesh:none";

/** The body's bytes, ready to be signed. @throws AMOUNT_INVALID, SLOT_INVALID. */
export function encodeV2({ context, content }: BecknMessage): Uint8Array {
  return canonicalBytes({
    context: encodeContext(context, content),
    message: encodeMessage(content, context),
    ...(content.kind === "fault" ? { error: encodeFaultV2(content.fault) } : {}),
  });
}

function encodeContext(context: BecknContext, content: BecknContent): JsonObject {
  const { requestDigest } = context;
  return {
    version: V2_VERSION,
    domain: context.domain,
    action: v2Actions.nameOf(context.action) ?? context.action,
    bapId: context.bapId,
    ...(context.bapUri === "" ? {} : { bapUri: context.bapUri }),
    ...present({ bppId: context.bppId, bppUri: context.bppUri, networkId: context.networkId }),
    transactionId: context.transactionId,
    messageId: context.messageId,
    timestamp: formatInstant(context.timestampMs),
    ttl: formatDuration(context.ttlMs),
    ...(requestDigest === undefined ? {} : { requestDigest: { digest: `BLAKE-512=${requestDigest}` } }),
    ...present({ try: context.preview }),
    ...schemaContext(content),
  };
}

function schemaContext(content: BecknContent): JsonObject {
  switch (content.kind) {
    case "catalog":
    case "openCatalog":
    case "publish":
      return { schemaContext: packsOfCatalog };
    case "order":
    case "openOrder":
    case "update":
      return { schemaContext: packsOfTrade };
    default:
      return {};
  }
}

function encodeMessage(content: BecknContent, context: BecknContext): JsonObject {
  switch (content.kind) {
    case "intent":
      return { intent: content.intent ? { textSearch: needText(openIntent(content.intent)) } : {} };
    case "openIntent":
      return { intent: { textSearch: needText(content.intent) } };
    case "catalog":
      return { catalogs: [encodeCatalog(openCatalog(content.catalog), context)] };
    case "openCatalog":
      return { catalogs: content.catalogs.map((catalog) => encodeCatalog(catalog, context)) };
    case "publish":
      return { catalogs: content.catalogs.map((catalog) => encodeCatalog(openCatalog(catalog), context)) };
    case "order":
    case "update":
      return { contract: encodeContract(openOrder(content.order), context) };
    case "openOrder":
      return { contract: encodeContract(content.order, context) };
    case "fault":
      return encodeRefused(content.order, context);
    default:
      return encodeAbout(content, context);
  }
}

/** What is said about an order after it was made, and about catalogs. */
function encodeAbout(content: AboutContent, context: BecknContext): JsonObject {
  switch (content.kind) {
    case "orderId":
      return { contract: encodeOrderName(content, context) };
    case "cancel":
      return { contract: encodeCancel(content, context) };
    case "track":
    case "tracking":
      return { tracking: encodeTracking(content, context) };
    case "ratings":
      return { ratingInputs: content.ratings.map(encodeRating) };
    case "rated":
      return { ratings: content.ratings.map(encodeRating) };
    case "support":
      return { support: encodeSupport(content.support) };
    default:
      return { results: content.results.map(encodeResult) };
  }
}

type AboutContent = Exclude<
  BecknContent,
  {
    kind:
      | "intent"
      | "openIntent"
      | "catalog"
      | "openCatalog"
      | "publish"
      | "order"
      | "update"
      | "openOrder"
      | "fault";
  }
>;
type Of<Kind> = Extract<BecknContent, { kind: Kind }>;

function encodeCancel(content: Of<"cancel">, context: BecknContext): JsonObject {
  const descriptor = present({ code: content.reasonId, shortDesc: content.reason });
  const said = Object.keys(descriptor).length > 0;
  return { ...encodeOrderName(content, context), ...(said ? { descriptor } : {}) };
}

function encodeTracking(content: Of<"track"> | Of<"tracking">, context: BecknContext): JsonObject {
  if (content.kind === "track") {
    const url = content.callbackUrl ?? (context.bapUri || NOWHERE);
    return { contract: encodeOrderName(content, context), url, status: "INACTIVE" };
  }
  const { orderId, url, active } = content;
  return { contract: encodeOrderName({ orderId }, context), url, status: active ? "ACTIVE" : "INACTIVE" };
}

function encodeResult({ catalogId, status, faults }: BecknPublishResult): JsonObject {
  return { catalogId, status, ...present({ errors: faults?.map(encodeFaultV2) }) };
}

/** A refusal still holds what its action must hold. */
function encodeRefused(order: BecknOrder | undefined, context: BecknContext): JsonObject {
  switch (context.action) {
    case "on_search":
      return { catalogs: [] };
    case "on_publish":
      return { results: [] };
    case "on_rating":
      return { ratings: [] };
    case "on_support":
      return { support: {} };
    case "on_track":
      return { tracking: { url: context.bppUri ?? NOWHERE, status: "INACTIVE" } };
    default:
      return { contract: encodeRefusedContract(order, context) };
  }
}

/** A confirm that is refused makes a cancelled contract under the id it would have had. */
function encodeRefusedContract(order: BecknOrder | undefined, context: BecknContext): JsonObject {
  const confirm = context.action === "on_confirm";
  const contract = order
    ? encodeContract(openOrder(order), context)
    : encodeOrderName({ orderId: context.messageId }, context);
  const status = confirm ? { status: { code: "CANCELLED" } } : {};
  return { ...contract, ...status, ...(confirm ? { id: order?.orderId ?? context.messageId } : {}) };
}

function encodeCatalog(catalog: BecknOpenCatalog, context: BecknContext): JsonObject {
  const { seller, sellerName, catalogId = seller, offers } = catalog;
  const descriptor = present({ name: sellerName });
  const resources = new Map(
    offers.map(({ offerId, resourceId = offerId, source }): [string, JsonObject] => [
      resourceId,
      encodeResource(resourceId, source),
    ]),
  );
  return {
    id: catalogId,
    ...present({ bppId: context.bppId, bppUri: context.bppUri }),
    descriptor,
    provider: { id: seller, descriptor },
    resources: [...resources.values()],
    offers: offers.map((offer) => encodeOffer(offer, seller)),
  };
}

function encodeOffer(offer: BecknOpenOffer, seller: string): JsonObject {
  const { offerId, resourceId = offerId, window, currency, intervals } = offer;
  const table = encodeSeries({ window, currency, intervals }, "availableMilliWh");
  return {
    id: offerId,
    resourceIds: [resourceId],
    ...offerTerms({ ...offer, seller }),
    offerAttributes: attributes(packs.offer, table),
  };
}

function encodeRating(rating: BecknRating): JsonObject {
  return {
    target: { id: rating.id, descriptor: { code: rating.category } },
    range: { value: rating.value, best: RATING_BEST, worst: RATING_WORST },
  };
}

function encodeSupport({ orderId, ...channel }: BecknSupport): JsonObject {
  const ways = present(channel);
  return {
    ...present({ orderId }),
    ...(Object.keys(ways).length === 0 ? {} : { channels: [attributes(packs.channel, ways)] }),
  };
}

/** `error` of revision 2. */
export function encodeFaultV2(fault: BecknFault): { readonly [key: string]: JsonValue } {
  return { errorCode: fault.code, errorMessage: fault.message, ...present({ paths: fault.paths }) };
}
