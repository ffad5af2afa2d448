/** UUIDs of messages: version 7 is emitted, any version is accepted. */

import { toHex } from "./bytes.ts";

/** A source of chance; the node hands in its own. */
export interface RandomBytes {
  bytes(length: number): Uint8Array;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** A UUID of version 7: 48 bits of Unix milliseconds, then chance. */
export function uuidV7(nowMs: number, random: RandomBytes): string {
  const bytes = random.bytes(10);
  const time = Math.floor(nowMs).toString(16).padStart(12, "0");
  const chance = toHex(bytes);
  const variant = (0x8 | ((bytes[2] ?? 0) & 0x3)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${chance.slice(0, 3)}-${variant}${chance.slice(5, 8)}-${chance.slice(8, 20)}`;
}

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
