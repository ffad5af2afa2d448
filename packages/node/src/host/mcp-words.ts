/** The words of MCP's two wire revisions that the node itself has to know. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";

/** The stateless revision: each request says who speaks and which revision. */
export const MODERN_VERSION = "2026-07-28";

/** Revisions with a session, newest first. */
export const LEGACY_VERSIONS: readonly string[] = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
  "2024-10-07",
];

export const ALL_VERSIONS: readonly string[] = [MODERN_VERSION, ...LEGACY_VERSIONS];

const RESERVED = "io.modelcontextprotocol/";

/** Keys of `_meta` in the modern revision. */
export const META = {
  version: `${RESERVED}protocolVersion`,
  capabilities: `${RESERVED}clientCapabilities`,
  callerInfo: `${RESERVED}clientInfo`,
  logLevel: `${RESERVED}logLevel`,
  agentInfo: `${RESERVED}serverInfo`,
  subscription: `${RESERVED}subscriptionId`,
} as const;

/** MCP's own error numbers beyond JSON-RPC's. */
export const MCP_ERROR = {
  headerMismatch: -32_020,
  capabilityMissing: -32_021,
  versionUnsupported: -32_022,
  /** As older agents say that a resource is missing; read, never sent. */
  resourceMissingOnce: -32_002,
} as const;

export function isReservedMeta(key: string): boolean {
  return key.startsWith(RESERVED);
}

/** An object member of an object; empty where there is none. */
export function objectIn(value: JsonValue | undefined, key: string): JsonObject {
  const inner = isObject(value) ? value[key] : undefined;
  return isObject(inner) ? inner : {};
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
