/** The common header: the fields every message has, checked before anything is believed. */

import { fromBase64 } from "./bytes.ts";
import { canonicalBytes } from "./canonical.ts";
import { ProtocolError } from "./errors.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { limits } from "./limits.ts";
import { isUuid } from "./uuid.ts";
import { isVersion, parseVersion, PROTOCOL_MAJOR } from "./version.ts";

export interface Header {
  readonly type: string;
  readonly version: string;
  readonly messageId: string;
  readonly recipientId: string;
  /** Unix seconds. */
  readonly timestamp: number;
  /** base64 of 32 bytes. */
  readonly nonce: string;
  readonly signature: Uint8Array;
  readonly binding: JsonValue | undefined;
}

/** Header fields beside the one that names the signer. */
export const headerFields: ReadonlySet<string> = new Set([
  "type",
  "version",
  "message_id",
  "recipient_id",
  "timestamp",
  "nonce",
  "signature",
  "binding",
  "trace",
  "extra",
  "in_reply_to",
]);

const TYPE = /^(?:[a-z][a-z0-9_]{0,63}|ext:[a-z0-9_.-]{1,64})$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const NONCE_BYTES = 32;
const SIGNATURE_BYTES = 64;
const MAX_ID_CHARS = 128;

/** @throws MESSAGE_MALFORMED, VERSION_UNSUPPORTED (another major), NONCE_INVALID, SIGNATURE_INVALID (no 64 bytes). */
export function readHeader(value: JsonValue): { readonly header: Header; readonly message: JsonObject } {
  if (!isJsonObject(value)) throw malformed("not an object");
  const message = value;
  const type = text(message, "type", (it) => TYPE.test(it));
  const version = text(message, "version", isVersion);
  if (parseVersion(version)[0] !== PROTOCOL_MAJOR) {
    throw new ProtocolError("VERSION_UNSUPPORTED", `version ${version}`);
  }
  const messageId = text(message, "message_id", isUuid);
  const recipientId = text(message, "recipient_id", (it) => it.length <= MAX_ID_CHARS);
  const timestamp = message["timestamp"];
  if (!Number.isSafeInteger(timestamp)) throw malformed("timestamp");
  const nonce = message["nonce"];
  if (typeof nonce !== "string" || fromBase64(nonce, NONCE_BYTES) === undefined) {
    throw new ProtocolError("NONCE_INVALID", "the nonce is not 32 bytes in base64");
  }
  const signature = fromBase64(
    text(message, "signature", () => true),
    SIGNATURE_BYTES,
  );
  if (!signature) throw new ProtocolError("SIGNATURE_INVALID", "the signature is not 64 bytes in base64");
  checkOptional(message);
  return {
    header: {
      type,
      version,
      messageId,
      recipientId,
      timestamp: timestamp as number,
      nonce,
      signature,
      binding: message["binding"],
    },
    message,
  };
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkOptional(message: JsonObject): void {
  if (Object.hasOwn(message, "trace")) text(message, "trace", (it) => TRACEPARENT.test(it));
  if (Object.hasOwn(message, "in_reply_to")) text(message, "in_reply_to", isUuid);
  const extra = message["extra"];
  if (extra === undefined) return;
  if (!isJsonObject(extra) || canonicalBytes(extra).length > limits.extraBytes) throw malformed("extra");
}

function text(message: JsonObject, field: string, fits: (value: string) => boolean): string {
  const value = message[field];
  if (typeof value !== "string" || !fits(value)) throw malformed(field);
  return value;
}

function malformed(what: string): ProtocolError {
  return new ProtocolError("MESSAGE_MALFORMED", `header: ${what}`);
}
