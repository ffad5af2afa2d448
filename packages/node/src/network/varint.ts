/** The unsigned LEB128 length before every frame; at most five bytes, so at most 2^35 − 1. */

const maxBytes = 5;

export function encodeUvarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** `size` bytes stand for `value`; "short" when more bytes are needed, "bad" when no more could help. */
export type UvarintReading = { readonly value: number; readonly size: number } | "short" | "bad";

export function readUvarint(at: (index: number) => number, available: number): UvarintReading {
  let value = 0;
  let factor = 1;
  for (let index = 0; index < maxBytes; index += 1) {
    if (index >= available) return "short";
    const byte = at(index);
    value += (byte & 0x7f) * factor;
    // A zero in the last place is a longer spelling of the same number.
    if (byte < 0x80) return byte === 0 && index > 0 ? "bad" : { value, size: index + 1 };
    factor *= 0x80;
  }
  return "bad";
}
