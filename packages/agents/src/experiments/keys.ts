/** Keys that are the same in every run: they guard nothing. */

import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signNative,
  verify as verifyNative,
} from "node:crypto";
import { agentIdFromKey, passesGate, type Signer, type VerifyEngine } from "@gridmesh/protocol";

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const RAW_BYTES = 32;
/** The signer of the seed bytes first, first + 1, … */
export function signerOf(first: number): Signer {
  const seed = Uint8Array.from({ length: RAW_BYTES }, (_, index) => (first + index) & 0xff);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(spki.subarray(-RAW_BYTES));
  return {
    agentId: agentIdFromKey(publicKey),
    publicKey,
    sign: (bytes) => new Uint8Array(signNative(null, bytes, key)),
  };
}

const keys = new Map<string, KeyObject>();
export const engine: VerifyEngine = (signature, message, publicKey) => {
  if (!passesGate(signature, publicKey)) return false;
  const name = Buffer.from(publicKey).toString("hex");
  const key =
    keys.get(name) ??
    createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" });
  keys.set(name, key);
  return verifyNative(null, message, key, signature);
};
