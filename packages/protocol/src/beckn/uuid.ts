/** Version 7 UUIDs (RFC 9562): a millisecond clock and ten bytes of chance in, text out. */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export function uuidv7(nowMs: number, chance: Uint8Array): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, "0").slice(-12);
  const bytes = [...chance.subarray(0, 10)];
  bytes[0] = 0x70 | ((bytes[0] ?? 0) & 0x0f);
  bytes[2] = 0x80 | ((bytes[2] ?? 0) & 0x3f);
  const rest = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${time.slice(0, 8)}-${time.slice(8)}-${rest.slice(0, 4)}-${rest.slice(4, 8)}-${rest.slice(8)}`;
}

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
