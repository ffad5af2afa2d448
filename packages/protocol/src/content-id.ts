/** Content addresses: names of bytes that nobody can give to other bytes. */

import { sha256 } from "@noble/hashes/sha2.js";
import { base32 } from "multiformats/bases/base32";
import { concatBytes } from "./bytes.ts";

/** CIDv1, raw bytes, sha2-256 of 32 bytes. */
const RAW_SHA256 = Uint8Array.of(0x01, 0x55, 0x12, 0x20);

/** The CIDv1 of bytes kept as they are (at most 1 MiB in one block), in base32: `bafkrei…`. */
export function contentId(bytes: Uint8Array): string {
  return base32.encode(concatBytes(RAW_SHA256, sha256(bytes)));
}
