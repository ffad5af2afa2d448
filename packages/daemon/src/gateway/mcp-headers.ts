/** The headers that MCP of 2026-07-28 wants beside a body: each must say what the body says. */

import type { IncomingHttpHeaders } from "node:http";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import type { Refusal } from "./guard.ts";
import { isObject, type McpMessage, type McpRequest, mcpRefusal } from "./mcp-message.ts";

/** From here on each request is by itself: revisions are dates. */
export const MODERN_FROM = "2026-07-28";
const VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";
const VERSION_FORM = /^\d{4}-\d{2}-\d{2}$/;

/** Which member of params a request's Mcp-Name repeats. */
const NAMED_BY: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
  ["tasks/get", "taskId"],
  ["tasks/update", "taskId"],
  ["tasks/cancel", "taskId"],
]);

const SENTINEL = /^=\?base64\?(.*)\?=$/s;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

/** Does a message belong to the revisions without a session? Its own words decide, then the header. */
export function isModern(message: McpMessage, headers: IncomingHttpHeaders): boolean {
  if (message.kind === "answer") return false;
  if (metaOf(message.params)?.[VERSION_KEY] !== undefined) return true;
  const named = headerOf(headers, "mcp-protocol-version");
  return (
    message.method !== "initialize" && named !== undefined && VERSION_FORM.test(named) && named >= MODERN_FROM
  );
}

/** What must stand in the body of every request. @throws Refusal 400 with −32602. */
export function checkMeta({ params }: McpRequest): string {
  const meta = metaOf(params) ?? {};
  const version = meta[VERSION_KEY];
  if (typeof version !== "string") throw missing(VERSION_KEY);
  if (!isObject(meta[CAPABILITIES_KEY])) throw missing(CAPABILITIES_KEY);
  return version;
}

/** The headers every request has. @throws Refusal 400 with −32020. */
export function checkHeaders(
  { method, params }: McpRequest,
  version: string,
  headers: IncomingHttpHeaders,
): void {
  same("MCP-Protocol-Version", headerOf(headers, "mcp-protocol-version"), version);
  same("Mcp-Method", headerOf(headers, "mcp-method"), method);
  const member = NAMED_BY.get(method);
  const name = member === undefined ? undefined : params[member];
  if (typeof name === "string") same("Mcp-Name", decoded("Mcp-Name", headerOf(headers, "mcp-name")), name);
}

/** A property of a tool's arguments that a header repeats. */
export interface HeaderMark {
  /** `Mcp-Param-<name>`. */
  readonly header: string;
  readonly path: readonly string[];
  readonly type: string;
}

/** The headers a tool asks for; none where its marks are not as they must be. */
export function marksOf(inputSchema: JsonValue | undefined): readonly HeaderMark[] {
  const marks: HeaderMark[] = [];
  if (!collect(inputSchema, [], marks)) return [];
  const names = new Set(marks.map(({ header }) => header.toLowerCase()));
  return names.size === marks.length ? marks : [];
}

/** Whether any header of a tool's own is there. */
export function hasParamHeaders(headers: IncomingHttpHeaders): boolean {
  return Object.keys(headers).some((name) => name.startsWith("mcp-param-"));
}

/** The headers a tool asks for, against its arguments. @throws Refusal 400 with −32020. */
export function checkMarks(
  marks: readonly HeaderMark[],
  params: JsonObject,
  headers: IncomingHttpHeaders,
): void {
  for (const { header, path, type } of marks) {
    const value = path.reduce<JsonValue | undefined>(
      (inner, key) => (isObject(inner) ? inner[key] : undefined),
      params["arguments"],
    );
    if (value === undefined || value === null || typeof value === "object") continue;
    const given = decoded(header, headerOf(headers, header.toLowerCase()));
    const equal =
      type === "integer" && given !== undefined && DECIMAL.test(given) && typeof value === "number"
        ? Number(given) === value
        : given === String(value);
    if (!equal) throw mismatch(header, given, String(value));
  }
}

/** @returns false where a mark stands that may not. */
function collect(schema: JsonValue | undefined, path: readonly string[], marks: HeaderMark[]): boolean {
  if (!isObject(schema)) return true;
  const mark = schema["x-mcp-header"];
  const { type, properties } = schema;
  if (mark !== undefined) {
    const typed = type === "string" || type === "integer" || type === "boolean";
    if (
      path.length === 0 ||
      !typed ||
      typeof mark !== "string" ||
      !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(mark)
    ) {
      return false;
    }
    marks.push({ header: `Mcp-Param-${mark}`, path, type });
  }
  return (
    !isObject(properties) ||
    Object.entries(properties).every(([key, inner]) => collect(inner, [...path, key], marks))
  );
}

function same(header: string, given: string | undefined, wanted: string): void {
  if (given !== wanted) throw mismatch(header, given, wanted);
}

function decoded(header: string, given: string | undefined): string | undefined {
  const encoded = given === undefined ? undefined : SENTINEL.exec(given)?.[1];
  if (encoded === undefined) return given;
  const bytes = BASE64.test(encoded) ? Buffer.from(encoded, "base64") : undefined;
  const text = bytes?.toString("utf8");
  if (text === undefined || text.includes("\uFFFD")) throw mismatch(header, given, "valid base64 of UTF-8");
  return text;
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value)?.replaceAll(/^[ \t]+|[ \t]+$/g, "");
}

function metaOf(params: JsonObject): JsonObject | undefined {
  const meta = params["_meta"];
  return isObject(meta) ? meta : undefined;
}

function mismatch(header: string, given: string | undefined, wanted: string): Refusal {
  const told = given === undefined ? "is missing" : `is ${JSON.stringify(given.slice(0, 120))}`;
  return mcpRefusal(400, {
    code: -32_020,
    message: `header ${header} ${told}, the body has ${JSON.stringify(wanted.slice(0, 120))}`,
    data: { header },
  });
}

function missing(key: string): Refusal {
  return mcpRefusal(400, { code: -32_602, message: `params._meta lacks ${key}`, data: { missing: [key] } });
}
