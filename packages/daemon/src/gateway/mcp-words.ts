/** What strangers say, made fit to be shown: it is data, whoever reads it. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { isObject } from "./mcp-message.ts";

const DESCRIPTION_CHARS = 2_000;
const INSTRUCTIONS_CHARS = 8_000;
const NAME_CHARS = 128;
/** Depth of a schema that is shown; a network `$ref` in it is never fetched. */
const SCHEMA_DEPTH = 16;

/** Where a shown thing came from, beside it. */
const ORIGIN = "gridmesh/origin";

/**
 * Control characters but line ends and tabs, direction marks and overrides, what is invisible, and the planes in which
 * text can be hidden from people and still be read by a model.
 */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]|[\u{E0100}-\u{E01EF}]/gu;

/** Text without what cannot be seen; no longer than it may be. */
export function shown(text: unknown, most = DESCRIPTION_CHARS): string {
  if (typeof text !== "string") return "";
  // Cut first: nobody pays for the rest.
  const seen = text
    .slice(0, most * 2)
    .toWellFormed()
    .replaceAll(UNSEEN, "");
  return seen.length <= most ? seen : `${seen.slice(0, most - 1).toWellFormed()}…`;
}

/** An agent's instructions, told as its own words. */
export function shownInstructions(text: unknown): string {
  return shown(text, INSTRUCTIONS_CHARS);
}

/** A tool of an agent's, as the meta-agent tells of it; undefined for what is none. */
export function shownTool(
  tool: JsonValue,
  origin: string,
): (JsonObject & { readonly name: string }) | undefined {
  if (!isObject(tool) || typeof tool["name"] !== "string" || tool["name"] === "") return undefined;
  const { title, description, inputSchema } = tool;
  return {
    name: shown(tool["name"], NAME_CHARS),
    ...(title === undefined ? {} : { title: shown(title, NAME_CHARS) }),
    description: shown(description),
    inputSchema: shownSchema(inputSchema ?? {}, 0),
    _meta: { [ORIGIN]: origin },
  };
}

/** A schema with its texts made fit; what it means stays. */
function shownSchema(schema: JsonValue, depth: number): JsonValue {
  if (typeof schema === "string") return shown(schema);
  if (typeof schema !== "object" || schema === null) return schema;
  if (depth >= SCHEMA_DEPTH) return {};
  if (Array.isArray(schema)) return schema.map((item: JsonValue) => shownSchema(item, depth + 1));
  const members = Object.entries(schema as JsonObject).filter(([key]) => key !== "x-mcp-header");
  return Object.fromEntries(
    members.map(([key, value]) => [shown(key, NAME_CHARS), shownSchema(value, depth + 1)]),
  );
}

/** A result of a call, tagged with whose it is; its texts lose what cannot be seen, its data stays as it is. */
export function shownResult(result: JsonValue, origin: string): JsonObject {
  const given = isObject(result) ? result : {};
  const { content, _meta } = given;
  const parts = Array.isArray(content) ? (content as readonly JsonValue[]) : [];
  return {
    ...given,
    ...(content === undefined ? {} : { content: parts.map((part) => shownPart(part)) }),
    _meta: { ...(isObject(_meta) ? _meta : {}), [ORIGIN]: origin },
  };
}

function shownPart(part: JsonValue): JsonValue {
  if (!isObject(part) || typeof part["text"] !== "string") return part;
  return { ...part, text: part["text"].toWellFormed().replaceAll(UNSEEN, "") };
}
