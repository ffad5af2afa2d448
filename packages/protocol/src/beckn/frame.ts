/** One frame for stream and gossip: `uvarint h ‖ header (JCS) ‖ uvarint b ‖ body (verbatim)`. */

import * as z from "zod";
import { concatBytes } from "../bytes.ts";
import { canonicalBytes, parseCanonical } from "../canonical.ts";
import { ProtocolError } from "../errors.ts";
import { limits } from "../limits.ts";

export const MAX_BECKN_HEADER_BYTES = 4 * 1024;
export const MAX_BECKN_BODY_BYTES = limits.becknFrameBytes;

const text = z.string().max(2_048);

const requestHeader = z.strictObject({
  v: z.literal(1),
  profile: z.enum(["beckn/1", "beckn/2"]),
  path: z.string().regex(/^\/[a-z_/]{1,48}$/),
  headers: z.strictObject({
    authorization: text,
    "content-type": z.literal("application/json"),
    "x-gateway-authorization": text.optional(),
    "x-origin-authorization": text.optional(),
    traceparent: z.string().max(64).optional(),
  }),
});

const replyHeader = z.strictObject({
  v: z.literal(1),
  status: z.int().min(100).max(599),
  headers: z.strictObject({
    signature: text.optional(),
    "content-type": z.literal("application/json"),
    "www-authenticate": z.string().max(256).optional(),
  }),
});

export type BecknRequestHeader = z.infer<typeof requestHeader>;
export type BecknReplyHeader = z.infer<typeof replyHeader>;

/** The header's canonical bytes. @throws FRAME_TOO_LARGE over 4 KiB. */
export function encodeBecknHeader(header: BecknRequestHeader | BecknReplyHeader): Uint8Array {
  const bytes = canonicalBytes(header);
  if (bytes.length > MAX_BECKN_HEADER_BYTES)
    throw new ProtocolError("FRAME_TOO_LARGE", "Beckn header over 4 KiB");
  return bytes;
}

/** @throws FRAME_TOO_LARGE, MESSAGE_MALFORMED (no canonical JSON or an unknown member). */
export function decodeRequestHeader(bytes: Uint8Array): BecknRequestHeader {
  return decodeHeader(bytes, requestHeader);
}

/** @throws as decodeRequestHeader. */
export function decodeReplyHeader(bytes: Uint8Array): BecknReplyHeader {
  return decodeHeader(bytes, replyHeader);
}

/** A whole frame in one buffer, as gossip carries it. */
export function encodeBecknFrame(header: BecknRequestHeader, body: Uint8Array): Uint8Array {
  const head = encodeBecknHeader(header);
  return concatBytes(encodeVarint(head.length), head, encodeVarint(body.length), body);
}

/** The reverse; nothing may follow the body. @throws FRAME_TOO_LARGE, MESSAGE_MALFORMED. */
export function decodeBecknFrame(frame: Uint8Array): { header: BecknRequestHeader; body: Uint8Array } {
  const head = readPart(frame, 0, MAX_BECKN_HEADER_BYTES);
  const body = readPart(frame, head.end, MAX_BECKN_BODY_BYTES);
  if (body.end !== frame.length) throw malformed("bytes after the body");
  return { header: decodeRequestHeader(head.bytes), body: body.bytes };
}

function decodeHeader<T>(bytes: Uint8Array, schema: z.ZodType<T>): T {
  if (bytes.length > MAX_BECKN_HEADER_BYTES)
    throw new ProtocolError("FRAME_TOO_LARGE", "Beckn header over 4 KiB");
  const parsed = schema.safeParse(parseCanonical(bytes));
  if (!parsed.success) throw malformed(`header: ${parsed.error.issues[0]?.message ?? "refused"}`);
  return parsed.data;
}

function readPart(frame: Uint8Array, start: number, limit: number): { bytes: Uint8Array; end: number } {
  let length = 0;
  let offset = start;
  for (let shift = 0; ; shift += 7) {
    const byte = frame[offset++];
    if (byte === undefined || shift > 21) throw malformed("no length");
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if (byte === 0 && shift > 0) throw malformed("a length longer than needed");
      break;
    }
  }
  if (length > limit) throw new ProtocolError("FRAME_TOO_LARGE", `${length} bytes, at most ${limit}`);
  const end = offset + length;
  if (end > frame.length) throw malformed("cut short");
  return { bytes: frame.subarray(offset, end), end };
}

function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function malformed(why: string): ProtocolError {
  return new ProtocolError("MESSAGE_MALFORMED", `Beckn frame: ${why}`, {
    data: { beckn: "SCH_INVALID_JSON" },
  });
}
