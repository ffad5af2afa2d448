/** Core 2.0.0 LTS read into the neutral model. */

import type { JsonValue } from "../../json.ts";
import { type BecknAction, isCallback } from "../actions.ts";
import type { BecknContent } from "../content.ts";
import { readContext, shortText } from "../context.ts";
import { type BecknContext, type BecknRating, ratingCategories } from "../model.ts";
import { closedCatalog, closedIntent } from "../open.ts";
import { present } from "../present.ts";
import { readRatingValue } from "../ratings.ts";
import {
  type BecknReading,
  contextError,
  member,
  membersOf,
  readFault,
  required,
  schemaError,
} from "../reading.ts";
import { decodeCatalog } from "./decode-catalog.ts";
import { type ContractReading, contractId, decodeContract } from "./decode-contract.ts";
import { checkFilter } from "./filter.ts";
import { knownContexts, v2ContextRules } from "./names.ts";
import { readNeed } from "./need.ts";
import { parse, readPack } from "./packs.ts";
import { messageSchemas, packSchemas, type V2Contract } from "./schema.ts";

const DIGEST = /^BLAKE-512=([A-Za-z0-9+/]{86}==)$/;

/** The context alone, before anything of the message is believed. @throws BECKN_CONTEXT_INVALID, BECKN_DOMAIN_UNSUPPORTED. */
export function decodeContextV2(body: JsonValue, reading: BecknReading = "strict"): BecknContext {
  const context = readContext(body, v2ContextRules, reading);
  const members = membersOf(member(body, "context"));
  const preview = members["try"];
  if (preview !== undefined && typeof preview !== "boolean")
    throw contextError("try is neither true nor false");
  return {
    ...context,
    ...present({
      networkId: shortText(members, "networkId"),
      requestDigest: digestOf(members["requestDigest"]),
      preview,
    }),
  };
}

function digestOf(value: JsonValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  const digest = member(value, "digest");
  const [, base64] = DIGEST.exec(typeof digest === "string" ? digest : "") ?? [];
  if (base64 === undefined) throw contextError("requestDigest is no BLAKE-512");
  return base64;
}

/** The content for a context already read. @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID, INVALID_PARAMS. */
export function decodeContentV2(
  body: JsonValue,
  context: BecknContext,
  reading: BecknReading = "strict",
): BecknContent {
  if (reading === "strict") checkContexts(member(member(body, "context"), "schemaContext"));
  const at = { context, reading };
  const fault = isCallback(context.action) ? member(body, "error") : undefined;
  if (fault !== undefined) return decodeRefusal(fault, member(body, "message"), at);
  const message = required(member(body, "message"), "message");
  return (readers.get(context.action) ?? readTrade)(message, at);
}

type Reader = (message: JsonValue, at: ContractReading) => BecknContent;

const readTrade: Reader = (message, at) => decodeTrade(parse(messageSchemas.contract, message).contract, at);

/** Everything that is not a contract. */
const readers: ReadonlyMap<BecknAction, Reader> = new Map<BecknAction, Reader>([
  ["search", decodeIntent],
  ["on_search", decodeCatalogs],
  ["publish", decodeCatalogs],
  ["on_publish", decodePublished],
  [
    "rating",
    (message) => ({
      kind: "ratings",
      ratings: parse(messageSchemas.rate, message).ratingInputs.map(decodeRating),
    }),
  ],
  [
    "on_rating",
    (message) => ({ kind: "rated", ratings: parse(messageSchemas.rated, message).ratings.map(decodeRating) }),
  ],
  ["support", decodeSupport],
  ["on_support", decodeSupport],
  ["track", decodeTrack],
  ["on_track", decodeTrack],
]);

/** Packs are looked up in a table and never fetched. @throws SCHEMA_INVALID. */
function checkContexts(value: JsonValue | undefined): void {
  if (value === undefined) return;
  const unknown = Array.isArray(value)
    ? (value as readonly JsonValue[]).find((url) => typeof url !== "string" || !knownContexts.has(url))
    : value;
  if (unknown === undefined) return;
  throw schemaError(`schemaContext ${JSON.stringify(unknown).slice(0, 80)}`, "SCH_INVALID_JSONLD_CONTEXT");
}

function decodeTrade(contract: V2Contract, at: ContractReading): BecknContent {
  const { action } = at.context;
  if (action === "status" || action === "cancel") {
    const about = nameOf(contract, at);
    if (action === "status") return { kind: "orderId", ...about };
    const { code, shortDesc, name } = contract.descriptor ?? {};
    return { kind: "cancel", ...about, ...present({ reasonId: code, reason: shortDesc ?? name }) };
  }
  const { open, order } = decodeContract(contract, at);
  if (!order) return { kind: "openOrder", order: open };
  return action === "update" ? { kind: "update", targets: [], order } : { kind: "order", order };
}

function nameOf(contract: V2Contract, at: ContractReading) {
  const orderId = contractId(contract, at.reading);
  return { orderId, ...present({ order: decodeContract(contract, at).order }) };
}

/** What was refused is worth keeping, but nothing depends on it. */
function decodeRefusal(fault: JsonValue, message: JsonValue | undefined, at: ContractReading): BecknContent {
  const contract = messageSchemas.contract.safeParse(message ?? null).data?.contract;
  const order = contract && decodeContract(contract, at).order;
  return { kind: "fault", fault: readFault(fault), ...present({ order }) };
}

/** An intent without words or filter asks everybody for everything. */
function decodeIntent(message: JsonValue, { reading }: ContractReading): BecknContent {
  const { intent, textSearch, text_search } = parse(messageSchemas.discover, message);
  if (intent.filters) checkFilter(intent.filters);
  const words = intent.textSearch ?? textSearch ?? text_search;
  if (words === undefined || words === "") return { kind: "intent", intent: undefined };
  const open = readNeed(words, reading);
  const closed = closedIntent(open);
  return closed ? { kind: "intent", intent: closed } : { kind: "openIntent", intent: open };
}

function decodeCatalogs(message: JsonValue, at: ContractReading): BecknContent {
  const { catalogs } = parse(messageSchemas.catalogs, message);
  const open = catalogs.map((catalog) => decodeCatalog(catalog, at.reading));
  const closed = open.map(closedCatalog).filter((catalog) => catalog !== undefined);
  if (closed.length < open.length) return { kind: "openCatalog", catalogs: open };
  if (at.context.action === "publish") return { kind: "publish", catalogs: closed };
  const [only, ...others] = closed;
  return only && others.length === 0
    ? { kind: "catalog", catalog: only }
    : { kind: "openCatalog", catalogs: open };
}

function decodePublished(message: JsonValue): BecknContent {
  const { results } = parse(messageSchemas.published, message);
  return {
    kind: "published",
    results: results.map(({ catalogId, status, errors }) => ({
      catalogId,
      status,
      ...present({ faults: errors?.map((error) => readFault(error as JsonValue)) }),
    })),
  };
}

function decodeTrack(message: JsonValue, at: ContractReading): BecknContent {
  const { contract, url, status } = parse(messageSchemas.track, message).tracking;
  const about = nameOf(required(contract, "tracking.contract"), at);
  if (at.context.action === "on_track") {
    return { kind: "tracking", orderId: about.orderId, url, active: status === "ACTIVE" };
  }
  // Without a wish of its own a request repeats the address that it must have anyhow.
  return { kind: "track", ...about, ...(url === at.context.bapUri ? {} : { callbackUrl: url }) };
}

function decodeRating(rating: {
  readonly target: {
    readonly id: string;
    readonly descriptor?: { readonly code?: string | undefined } | undefined;
  };
  readonly range: { readonly value: number };
}): BecknRating {
  const said = rating.target.descriptor?.code ?? "Order";
  const category = ratingCategories.find((one) => one === said);
  if (!category) throw schemaError(`rating of a "${said.slice(0, 40)}"`);
  return {
    category,
    id: rating.target.id,
    value: readRatingValue(rating.range.value),
  };
}

function decodeSupport(message: JsonValue): BecknContent {
  const { orderId, channels = [] } = parse(messageSchemas.support, message).support;
  const [first] = channels;
  const channel = readPack(packSchemas.channel, first, "SupportChannel") ?? {};
  return { kind: "support", support: present({ orderId, ...channel }) };
}
