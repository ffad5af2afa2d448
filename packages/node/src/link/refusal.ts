/** Which errors are told to whom. */

import { type ErrorCode, isUuid, type JsonObject, type JsonValue } from "@gridmesh/protocol";

/** Refused though the signature held, and told once a second all the same: their sender has no standing yet, or too much to say. */
const RARELY_TOLD: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "RATE_LIMITED",
  "OVERLOADED",
  "PEER_BANNED",
  "HELLO_REQUIRED",
  "TYPE_UNKNOWN",
]);

/** Errors in what was said, whoever carried it. */
const OF_CONTENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "EQUIVOCATION",
  "RECORD_INVALID",
  "CHECKSUM_MISMATCH",
]);

/** Errors of form: what follows on the same stream cannot be trusted either. */
const ENDS_STREAM: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "MESSAGE_MALFORMED",
  "FRAME_TOO_LARGE",
  "ENCODING_UNSUPPORTED",
]);

/** Errors after which the two have nothing to say to each other. */
const ENDS_LINK: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "NETWORK_MISMATCH",
  "VERSION_UNSUPPORTED",
  "FEATURE_REQUIRED",
]);

export function isProven(code: ErrorCode): boolean {
  return !RARELY_TOLD.has(code);
}

export function isOfContent(code: ErrorCode): boolean {
  return OF_CONTENT.has(code);
}

export function endsStream(code: ErrorCode): boolean {
  return ENDS_STREAM.has(code);
}

export function endsLink(code: ErrorCode): boolean {
  return ENDS_LINK.has(code);
}

/** What can be read of a message that failed: its type, its id, so that its sender's wait ends, and the network a hello names. */
export function causeOf(cause: JsonValue | undefined): {
  readonly type: unknown;
  readonly id: string | null;
  readonly network: string | undefined;
  readonly extensionVersion: unknown;
} {
  const isObject = typeof cause === "object" && cause !== null && !Array.isArray(cause);
  const {
    type,
    message_id: id,
    network,
    extension_version: extensionVersion,
  } = isObject ? (cause as JsonObject) : {};
  return {
    type,
    id: typeof id === "string" && isUuid(id) ? id : null,
    network: typeof network === "string" ? network : undefined,
    extensionVersion,
  };
}
