/** Keys made elsewhere, as Beckn's tools write them: a 32-byte seed, or the seed and its public key in 64 bytes. */

import { Point } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { equalBytes } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";

const SEED_BYTES = 32;

/** Raw seed and public key, 32 bytes each. @throws IDENTITY_MISMATCH: neither form, or halves that do not belong together. */
export function importedKey(bytes: Uint8Array): {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
} {
  if (bytes.length !== SEED_BYTES && bytes.length !== 2 * SEED_BYTES) {
    throw new ProtocolError("IDENTITY_MISMATCH", `a key of ${bytes.length} bytes`);
  }
  const seed = bytes.slice(0, SEED_BYTES);
  const publicKey = publicKeyOf(seed);
  if (bytes.length > SEED_BYTES && !equalBytes(publicKey, bytes.subarray(SEED_BYTES))) {
    throw new ProtocolError("IDENTITY_MISMATCH", "the public half is of another key");
  }
  return { seed, publicKey };
}

/** RFC 8032 §5.1.5. */
function publicKeyOf(seed: Uint8Array): Uint8Array {
  const scalar = sha512(seed).slice(0, SEED_BYTES);
  scalar[0] = (scalar[0] ?? 0) & 0xf8;
  scalar[31] = ((scalar[31] ?? 0) & 0x7f) | 0x40;
  let value = 0n;
  for (const byte of scalar.reverse()) value = (value << 8n) | BigInt(byte);
  return Point.BASE.multiply(value % Point.CURVE().n).toBytes();
}
