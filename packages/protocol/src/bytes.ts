/** Byte spellings: hex, padded base64, base58btc, and equality. */

import { base58btc } from "multiformats/bases/base58";
import { concat } from "uint8arrays/concat";
import { equals } from "uint8arrays/equals";
import { fromString } from "uint8arrays/from-string";
import { toString } from "uint8arrays/to-string";

export function encodeUtf8(text: string): Uint8Array {
  return fromString(text, "utf8");
}

export function toHex(bytes: Uint8Array): string {
  return toString(bytes, "hex");
}

/** base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return toString(bytes, "base64pad");
}

/** The bytes of padded base64 in its one spelling, of this length if one is given; undefined for anything else. */
export function fromBase64(text: string, length?: number): Uint8Array | undefined {
  if (length !== undefined && text.length !== Math.ceil(length / 3) * 4) return undefined;
  try {
    const bytes = fromString(text, "base64pad");
    return (length ?? bytes.length) === bytes.length && toBase64(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** base58btc without a multibase prefix. */
export function base58encode(bytes: Uint8Array): string {
  return base58btc.baseEncode(bytes);
}

/** The bytes of base58btc text; undefined when it is none. Cost grows with the square of the length: bound it first. */
export function base58decode(text: string): Uint8Array | undefined {
  try {
    return base58btc.baseDecode(text);
  } catch {
    return undefined;
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return equals(a, b);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return concat([...parts]);
}
