/** Literals that freeze what others can see: names, signed bytes, signatures. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  canonicalBytes,
  contentId,
  didKeyFromKey,
  nobleEngine,
  openEnvelope,
  peerIdFromKey,
  seal,
  signedBytes,
} from "@gridmesh/protocol";
import { constantRandom, signerOf } from "./keys.ts";

const A = "ed25519:FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF";
const P = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";

const heartbeat = {
  type: "heartbeat",
  message_id: "01890a5d-ac96-774b-bcce-b302099a8057",
  recipient_id: P,
  status: "healthy",
  active_tasks: 3,
  available_capacity: 0.6,
  uptime_seconds: 86_400,
};

test("the key of seed 00…1f has these three names", () => {
  const signer = signerOf(0);
  assert.equal(signer.agentId, A);
  assert.equal(peerIdFromKey(signer.publicKey), P);
  assert.equal(didKeyFromKey(signer.publicKey), "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd");
});

test("the heartbeat of that key has these signed bytes and this signature", () => {
  const message = seal(heartbeat, {
    network: "testnet-vectors",
    signer: signerOf(0),
    nowS: 1_640_995_200,
    random: constantRandom(7),
  });
  const bytes = signedBytes("heartbeat", "testnet-vectors", message);
  assert.equal(bytes.length, 422);
  assert.equal(
    createHash("sha256").update(bytes).digest("hex"),
    "8a20f2623b18dbeb7b7546f64c85756ad883fcd116566f17b179b2bb7c3f4fae",
  );
  assert.equal(
    message.signature,
    "kWYe/CjIUUWKyfioAgKMA4EybDIwwy9kNttsBTzklQeRY3HTPogmFPhokzubd8KwH874vhZtCnJoIEzQXTGECw==",
  );
  const opened = openEnvelope(canonicalBytes(message), {
    network: "testnet-vectors",
    engine: nobleEngine,
    nowS: 1_640_995_200,
    isMine: (id) => id === P,
    peerId: P,
  });
  assert.equal(opened.signerId, A);
  assert.equal(opened.body["available_capacity"], 0.6);
});

test("bytes have these content addresses", () => {
  const pins: readonly [bytes: number, cid: string][] = [
    [0, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"],
    [1_048_575, "bafkreigkp3imjkhgps64iyoezmgsq3jpvo6z6dcbu72cwzs7olv2vcxmky"],
    [1_048_576, "bafkreibq4fevl27rgurgnxbp7adh42aqiyd6ouflxhj3gzmcxcxzbh6lla"],
  ];
  for (const [bytes, cid] of pins) assert.equal(contentId(new Uint8Array(bytes)), cid);
});
