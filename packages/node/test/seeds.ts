import { createPrivateKey, createPublicKey } from "node:crypto";
import { peerIdFromKey } from "@gridmesh/protocol";

const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

export function peerIdOfSeed(seed: Uint8Array): string {
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, seed]),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return peerIdFromKey(new Uint8Array(spki.subarray(-32)));
}
