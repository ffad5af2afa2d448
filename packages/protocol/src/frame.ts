/** Frames of message streams: `uvarint n ‖ flags (1) ‖ body (n − 1)`; the stream writes and reads the length. */

import { concatBytes } from "./bytes.ts";
import { ProtocolError } from "./errors.ts";

/** Bits of a frame's first byte; bits 1–2 are the encoding, JSON being 0. */
export const frameFlags = { none: 0, gzip: 1, cbor: 2, protobuf: 4, binary: 16 } as const;

export interface Frame {
  readonly flags: number;
  readonly body: Uint8Array;
}

/** A length is below 2^32 and takes at most this many bytes. */
export const MAX_UVARINT_BYTES = 5;

/** The content of a frame: flags, then body, without the length before it. */
export function encodeFrame(flags: number, body: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(flags), body);
}

/**
 * Splits a frame's content.
 * @param allowed - flags this protocol and this connection agreed on; plain JSON is always allowed
 * @throws ENCODING_UNSUPPORTED (a flag that is not allowed), MESSAGE_MALFORMED (empty).
 */
export function decodeFrame(content: Uint8Array, allowed: number = frameFlags.none): Frame {
  const flags = content[0];
  if (flags === undefined) throw new ProtocolError("MESSAGE_MALFORMED", "an empty frame");
  if ((flags & ~allowed) !== 0) {
    throw new ProtocolError("ENCODING_UNSUPPORTED", `flags ${flags.toString(2).padStart(8, "0")}`);
  }
  return { flags, body: content.subarray(1) };
}

/** An unsigned LEB128 number below 2^32. */
export function encodeUvarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.of(...bytes, rest);
}

/**
 * Reads a length at the start of the bytes; undefined when more bytes are needed.
 * @throws MESSAGE_MALFORMED when it is not minimal or 2^32 and above.
 */
export function decodeUvarint(
  bytes: Uint8Array,
): { readonly value: number; readonly size: number } | undefined {
  let value = 0;
  for (let i = 0; i < MAX_UVARINT_BYTES; i++) {
    const byte = bytes[i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      if ((byte === 0 && i > 0) || value >= 2 ** 32)
        throw new ProtocolError("MESSAGE_MALFORMED", "bad length");
      return { value, size: i + 1 };
    }
  }
  throw new ProtocolError("MESSAGE_MALFORMED", "a length of more than 5 bytes");
}
