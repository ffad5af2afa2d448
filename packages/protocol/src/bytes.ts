/** Byte spellings: hex, padded base64, base58btc, and equality. */

import { base58btc } from "multiformats/bases/base58";
import { base64pad } from "multiformats/bases/base64";

const utf8 = new TextEncoder();

export function encodeUtf8(text: string): Uint8Array {
  return utf8.encode(text);
}

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return base64pad.baseEncode(bytes);
}

/** The bytes of padded base64 in its one spelling; undefined for anything else. */
export function fromBase64(text: string, length: number): Uint8Array | undefined {
  if (text.length !== Math.ceil(length / 3) * 4) return undefined;
  try {
    const bytes = base64pad.baseDecode(text);
    return bytes.length === length && base64pad.baseEncode(bytes) === text ? bytes : undefined;
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
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
