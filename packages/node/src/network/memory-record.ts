import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { canonicalBytes, keyFromPeerId, parseCanonical, ProtocolError } from "@gridmesh/protocol";
import type { SignedHint } from "./transport.ts";

const DOMAIN = Buffer.from("gridmesh memory peer record\n");
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
const SIGNATURE_BYTES = 64;

/** The seam's peer record without libp2p: signature ‖ canonical JSON. */
export function sealMemoryRecord(seed: Uint8Array, hint: SignedHint): Uint8Array {
  const { peerId, addresses, seq } = hint;
  const body = canonicalBytes({ peerId, addresses: [...addresses], seq });
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  return Buffer.concat([sign(null, Buffer.concat([DOMAIN, body]), key), body]);
}

/** @throws RECORD_INVALID. */
export function openMemoryRecord(record: Uint8Array): SignedHint {
  try {
    const body = record.subarray(SIGNATURE_BYTES);
    const hint = parseCanonical(body) as unknown as SignedHint;
    const raw = keyFromPeerId(hint.peerId);
    const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
    const signature = record.subarray(0, SIGNATURE_BYTES);
    if (verify(null, Buffer.concat([DOMAIN, body]), key, signature)) return hint;
  } catch (error) {
    throw new ProtocolError("RECORD_INVALID", "not a signed peer record", { cause: error });
  }
  throw new ProtocolError("RECORD_INVALID", "the record's signature does not hold");
}
