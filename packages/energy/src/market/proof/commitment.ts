/** Orders that are fixed before they are shown. */

import {
  canonicalBytes,
  concatBytes,
  encodeUtf8,
  fromBase64,
  ProtocolError,
  sha256,
  toBase64,
  toHex,
} from "@gridmesh/protocol";
import type { MarketOrder } from "../rules.ts";

const SALT_BYTES = 32;
const DOMAIN = encodeUtf8("gridmesh/order-commit/1\n");

/** The commitment of an order and a salt of 32 bytes, hex; it becomes the orderId. @throws SCHEMA_INVALID. */
export function commitOrder(order: MarketOrder, salt: Uint8Array): string {
  if (salt.length !== SALT_BYTES) throw new ProtocolError("SCHEMA_INVALID", `a salt of ${salt.length} bytes`);
  return toHex(sha256(concatBytes(DOMAIN, canonicalBytes(order), salt)));
}

/** The order with the salt in base64, as it is revealed. */
export function revealOf(
  order: MarketOrder,
  salt: Uint8Array,
): { orderId: string; order: MarketOrder; salt: string } {
  return { orderId: commitOrder(order, salt), order, salt: toBase64(salt) };
}

/** Whether a revealed order is what was committed under its id. */
export function isRevealOf(reveal: {
  readonly orderId: string;
  readonly order: MarketOrder;
  readonly salt: string;
}): boolean {
  const salt = fromBase64(reveal.salt, SALT_BYTES);
  return salt !== undefined && commitOrder(reveal.order, salt) === reveal.orderId;
}
