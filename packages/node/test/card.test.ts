import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { AgentCard, generateAgentCardSignature, verifyAgentCardSignature } from "@a2a-js/sdk";
import { isProtocolError, type JsonObject, keyFromAgentId, keyFromPeerId } from "@gridmesh/protocol";
import { nodeEngine } from "../src/gate/engine.ts";
import { makeCard } from "../src/host/card.ts";
import { signCard, verifyCard } from "../src/host/card-signature.ts";
import { sampleCard } from "./a2a-agents.ts";
import { agentKey, nodeIdentity } from "./a2a-rig.ts";

const engine = nodeEngine();
const place = { nodeId: nodeIdentity.peerId, agent: "sample" };
const { agentId } = agentKey.signer;
const card = makeCard(sampleCard, place);
const invalid = (error: unknown) => isProtocolError(error) && error.code === "SIGNATURE_INVALID";

/** As somebody without this node's code finds the key: it is inside its name. */
const sdkVerify = verifyAgentCardSignature((kid) => {
  const raw = kid.startsWith("ed25519:") ? keyFromAgentId(kid) : keyFromPeerId(kid);
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  return Promise.resolve(createPublicKey({ key: spki, format: "der", type: "spki" }));
});

test("a signed card verifies here and with A2A's SDK", async () => {
  const signed = await signCard(card, agentKey.signer, agentId);
  assert.equal(await verifyCard(signed, { engine, place, kid: agentId }), agentId);
  await sdkVerify(AgentCard.fromJSON(signed));
});

test("the signature is the one A2A's SDK makes with the same key", async () => {
  const signed = await signCard(card, agentKey.signer, agentId);
  const d = Buffer.from(agentKey.seed).toString("base64url");
  const x = Buffer.from(agentKey.signer.publicKey).toString("base64url");
  const sign = generateAgentCardSignature(
    { kty: "OKP", crv: "Ed25519", d, x },
    { alg: "EdDSA", typ: "JOSE", kid: agentId },
  );
  const { signatures } = await sign(AgentCard.fromJSON(card));
  const [own] = signed["signatures"] as JsonObject[];
  assert.equal(own?.["signature"], signatures[0]?.signature);
  assert.equal(own?.["protected"], signatures[0]?.protected);
});

test("an altered card, another's key, another place and no signature are refused", async () => {
  const signed = await signCard(card, agentKey.signer, agentId);
  const check = { engine, place, kid: agentId };
  await assert.rejects(verifyCard({ ...signed, description: "Better" }, check), invalid);
  await assert.rejects(verifyCard({ ...signed, skills: [] }, check), invalid);
  await assert.rejects(verifyCard(card, check), invalid);
  await assert.rejects(verifyCard(signed, { ...check, place: { ...place, agent: "other" } }), invalid);
  const forged = await signCard(card, nodeIdentity.signer, agentId);
  await assert.rejects(verifyCard(forged, check), invalid);
  const stranger = await signCard(card, nodeIdentity.signer, nodeIdentity.signer.agentId);
  await assert.rejects(verifyCard(stranger, check), invalid);
  const none = { ...signed, signatures: [{ protected: btoa('{"alg":"none"}'), signature: "" }] };
  await assert.rejects(verifyCard(none, check), invalid);
});

test("a card shows A2A's fields: its address first, its skills, no push", () => {
  const [first, second] = card["supportedInterfaces"] as JsonObject[];
  assert.equal(first?.["url"], `gridmesh://${nodeIdentity.peerId}/sample`);
  assert.deepEqual([first?.["protocolVersion"], second?.["protocolVersion"]], ["1.0", "0.3"]);
  assert.equal(first?.["protocolBinding"], "urn:gridmesh:a2a:rpc:1");
  const { capabilities, skills, version } = AgentCard.fromJSON(card);
  assert.equal(capabilities?.streaming, true);
  assert.equal(capabilities?.pushNotifications, false);
  assert.equal(skills.length, 7);
  assert.equal(version, "2.1.0");
});

test("a node may sign a card in its own name", async () => {
  const signed = await signCard(card, nodeIdentity.signer, nodeIdentity.peerId);
  assert.equal(await verifyCard(signed, { engine, kid: nodeIdentity.peerId }), nodeIdentity.peerId);
  await sdkVerify(AgentCard.fromJSON(signed));
});
