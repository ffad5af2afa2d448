/** Keys and chance that are the same in every run. */

import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { agentIdFromKey, type RandomBytes, type Signer } from "@gridmesh/protocol";

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** A signer from the seed bytes first, first + 1, … (32 of them). */
export function signerOf(first: number): Signer {
  const seed = Uint8Array.from({ length: 32 }, (_, index) => (first + index) & 0xff);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const publicKey = new Uint8Array(
    createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32),
  );
  return {
    agentId: agentIdFromKey(publicKey),
    publicKey,
    sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
  };
}

/** Counts upwards, so that no two draws are equal. */
export function countingRandom(): RandomBytes {
  let drawn = 0;
  return {
    bytes(length) {
      drawn += 1;
      const bytes = new Uint8Array(length);
      new DataView(bytes.buffer).setUint32(length - 4, drawn);
      return bytes;
    },
  };
}

/** The same byte over and over. */
export function constantRandom(byte: number): RandomBytes {
  return { bytes: (length) => new Uint8Array(length).fill(byte) };
}
