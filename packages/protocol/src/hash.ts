/** The one hash of commitments, chains and trees. */

import { sha256 as digest } from "@noble/hashes/sha2.js";

/** SHA-256, 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return digest(bytes);
}
