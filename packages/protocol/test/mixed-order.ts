/** Signatures whose points carry torsion: what tells the cofactorless equation from the others. */

import { createHash } from "node:crypto";
import { Point } from "@noble/ed25519";

export interface SignatureCase {
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  readonly publicKey: Uint8Array;
  /** Under the strict rule. */
  readonly holds: boolean;
}

/** On which of the points the torsion sits. */
export type Torsion = "key" | "nonce" | "both";

/** The order of the base point. */
export const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const EIGHTH_ORDER = Point.fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", true);

/** One case per seed: an honest equation, with multiples of a point of order 8 added. */
export function mixedOrderCase(seed: number, torsion: Torsion): SignatureCase {
  const a = scalarFrom(`key ${seed}`);
  const r = scalarFrom(`nonce ${seed}`);
  const onKey = torsion === "nonce" ? 0 : 1;
  const onNonce = torsion === "key" ? 0 : 1 + (seed % 7);
  const publicKey = withTorsion(a, onKey);
  const nonce = withTorsion(r, onNonce);
  const message = new TextEncoder().encode(`message ${seed}`);
  const k =
    littleEndian(createHash("sha512").update(nonce).update(publicKey).update(message).digest()) % ORDER;
  const signature = new Uint8Array(64);
  signature.set(nonce);
  signature.set(toLittleEndian((r + k * a) % ORDER), 32);
  // S·B − k·A = R holds exactly when the torsion parts cancel: −k·onKey ≡ onNonce (mod 8).
  const holds = (k * BigInt(onKey) + BigInt(onNonce)) % 8n === 0n;
  return { signature, message, publicKey, holds };
}

/** A valid signature with L added to S: same equation, refused by the bound on S. */
export function withOrderAdded(signature: Uint8Array): Uint8Array | undefined {
  const s = littleEndian(signature.subarray(32)) + ORDER;
  if (s >= 2n ** 256n) return undefined;
  const changed = signature.slice();
  changed.set(toLittleEndian(s), 32);
  return changed;
}

function withTorsion(scalar: bigint, eighths: number): Uint8Array {
  let point = Point.BASE.multiply(scalar, false);
  for (let i = 0; i < eighths; i++) point = point.add(EIGHTH_ORDER);
  return point.toBytes();
}

function scalarFrom(text: string): bigint {
  return (littleEndian(createHash("sha512").update(text).digest()) % (ORDER - 1n)) + 1n;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function toLittleEndian(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse());
}
