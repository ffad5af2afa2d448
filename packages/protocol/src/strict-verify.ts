/**
 * The one rule by which an Ed25519 signature holds, the same on every engine and runtime version:
 * lengths, S < L, y(R) and y(A) < p, neither of small order, cofactorless equation, R compared as bytes.
 */

import { Point } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { concatBytes, equalBytes, toHex } from "./bytes.ts";

/** True exactly when the signature holds under the strict rule. */
export type VerifyEngine = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const ORDER_BYTES = littleEndian(ORDER);
/** y of the points of order 1, 2, 4 and 8, sign bit cleared; other spellings of them have y ≥ p. */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

/** The checks that need no curve arithmetic; every engine stands behind them. */
export function passesGate(signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  return (
    isBelowOrder(signature.subarray(32)) && isSoundPoint(signature.subarray(0, 32)) && isSoundPoint(publicKey)
  );
}

/** The portable engine, and the oracle for others. */
export const nobleEngine: VerifyEngine = (signature, message, publicKey) => {
  if (!passesGate(signature, publicKey)) return false;
  const r = signature.subarray(0, 32);
  try {
    const a = Point.fromBytes(publicKey, false);
    const k = fromLittleEndian(sha512(concatBytes(r, publicKey, message))) % ORDER;
    const s = fromLittleEndian(signature.subarray(32));
    const expected = Point.BASE.multiply(s, false).add(a.multiply(k, false).negate());
    return equalBytes(expected.toBytes(), r);
  } catch {
    // The key is no point of the curve.
    return false;
  }
};

function isBelowOrder(scalar: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const mine = scalar[i] ?? 0;
    const bound = ORDER_BYTES[i] ?? 0;
    if (mine !== bound) return mine < bound;
  }
  return false;
}

/** y < p and not of small order; the sign bit does not count. */
function isSoundPoint(encoded: Uint8Array): boolean {
  const cleared = Uint8Array.from(encoded);
  cleared[31] = (cleared[31] ?? 0) & 0x7f;
  return isBelowFieldPrime(cleared) && !SMALL_ORDER.has(toHex(cleared));
}

/** p = 2^255 − 19: only ed…ff ff 7f and above reach it. */
function isBelowFieldPrime(y: Uint8Array): boolean {
  if (y[31] !== 0x7f) return true;
  for (let i = 30; i > 0; i--) if (y[i] !== 0xff) return true;
  return (y[0] ?? 0) < 0xed;
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`);
}

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let i = 0, rest = value; i < 32; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}
