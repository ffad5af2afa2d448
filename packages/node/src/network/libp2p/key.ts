import { createPrivateKey, createPublicKey } from "node:crypto";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { PrivateKey } from "@libp2p/interface";

/** PKCS #8 header of an Ed25519 private key; the seed follows. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const KEY_BYTES = 32;

/** libp2p's form of a seed of 32 bytes. The runtime derives the public key at once; libp2p builds tables for it first. */
export function keyFromSeed(seed: Uint8Array): PrivateKey {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return privateKeyFromRaw(Buffer.concat([seed, spki.subarray(spki.length - KEY_BYTES)]));
}
