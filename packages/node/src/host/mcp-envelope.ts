/** What each request of the modern revision says of itself, and the answer to one that says it wrongly. */

import type { JsonObject, JsonValue, RpcError } from "@gridmesh/protocol";
import { isObject, isReservedMeta, MCP_ERROR, META, MODERN_VERSION, objectIn } from "./mcp-words.ts";

const INVALID_PARAMS = -32_602;

/** Why a request is none of the modern revision, or undefined. */
export function envelopeFault(
  method: string,
  params: JsonValue | undefined,
  supported: readonly string[],
): RpcError | undefined {
  const meta = objectIn(params, "_meta");
  const version = meta[META.version];
  if (version === undefined && method === "initialize") {
    const requested = isObject(params) ? params["protocolVersion"] : undefined;
    return unsupported(typeof requested === "string" ? requested : "", supported);
  }
  if (typeof version !== "string") return missing(META.version);
  if (version !== MODERN_VERSION) return unsupported(version, supported);
  return isObject(meta[META.capabilities]) ? undefined : missing(META.capabilities);
}

/** Params with the envelope of a caller that has no capabilities, where they lack one. */
export function withEnvelope(params: JsonValue | undefined): JsonObject {
  const given = isObject(params) ? params : {};
  const meta = objectIn(given, "_meta");
  if (typeof meta[META.version] === "string") return given;
  return { ...given, _meta: { ...meta, [META.version]: MODERN_VERSION, [META.capabilities]: {} } };
}

/** Params without what the modern revision says in them. */
export function withoutEnvelope(params: JsonValue): JsonValue {
  const meta = objectIn(params, "_meta");
  if (!isObject(params) || !Object.keys(meta).some(isReservedMeta)) return params;
  const kept = Object.entries(meta).filter(([key]) => !isReservedMeta(key));
  const { _meta, ...rest } = params;
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}

function unsupported(requested: string, supported: readonly string[]): RpcError {
  return {
    code: MCP_ERROR.versionUnsupported,
    message: `Unsupported protocol version: ${requested}`,
    data: { supported, requested },
  };
}

function missing(key: string): RpcError {
  return { code: INVALID_PARAMS, message: `params._meta lacks ${key}` };
}
