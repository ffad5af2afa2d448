/** The strict signature rule on node:crypto, with the keys of recent signers kept parsed. */

import { createPublicKey, hash, type KeyObject, verify } from "node:crypto";
import { limits, passesGate, type VerifyEngine } from "@gridmesh/protocol";

/** DER of a SubjectPublicKeyInfo up to the 32 raw bytes of an Ed25519 key. */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** The gate of the strict rule, then node:crypto; keeps the last 4,096 signers' keys. */
export function nodeEngine(): VerifyEngine {
  const keys = new Map<string, KeyObject>();

  const keyOf = (raw: Uint8Array): KeyObject => {
    const name = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString("latin1");
    const known = keys.get(name);
    const key =
      known ?? createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
    // A map keeps insertion order: the first entry is the one used longest ago.
    if (known) keys.delete(name);
    else if (keys.size >= limits.verifyKeysCached) evictOldest(keys);
    keys.set(name, key);
    return key;
  };

  return (signature, message, publicKey) => {
    if (!passesGate(signature, publicKey)) return false;
    try {
      return verify(null, message, keyOf(publicKey), signature);
    } catch {
      // The key is no point of the curve.
      return false;
    }
  };
}

/** `becknDigest` on node:crypto: base64 of BLAKE2b-512. */
export function becknDigestOf(body: Uint8Array): string {
  return hash("blake2b512", body, "base64");
}

function evictOldest(keys: Map<string, KeyObject>): void {
  const oldest = keys.keys().next();
  if (!oldest.done) keys.delete(oldest.value);
}
