import assert from "node:assert/strict";
import { test } from "node:test";
import { isProtocolError, type JsonObject } from "@gridmesh/protocol";
import { makeCard } from "../src/host/card.ts";
import { signCard } from "../src/host/card-signature.ts";
import { createNode, memory, memoryHub } from "../src/index.ts";
import type { BoundedStream } from "../src/network/index.ts";
import { sampleCard } from "./a2a-agents.ts";
import { agentKey, nodeIdentity } from "./a2a-rig.ts";
import { NETWORK, rawPeer } from "./node-fixture.ts";

/** A peer that speaks the wire by hand and shows whatever card it likes. */
async function cardOf(card: (peerId: string) => Promise<JsonObject>): Promise<JsonObject> {
  const hub = memoryHub({ seed: 5 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  let shown: JsonObject = {};
  const answer = async (stream: BoundedStream) => {
    if (stream.protocol !== "/gridmesh/rpc/1") return;
    await stream.readLine();
    await stream.write('{"ok":true,"era":"modern","versions":[],"maxInFlight":32}\n');
    const asked = await stream.readLine();
    const { id } = JSON.parse(Buffer.from(asked ?? []).toString()) as JsonObject;
    await stream.write(`${JSON.stringify({ jsonrpc: "2.0", id, result: shown })}\n`);
  };
  await using peer = await rawPeer(memory({ hub }), 9, (stream) => void answer(stream));
  const { peerId } = peer.identity;
  shown = await card(peerId);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 5_000 });
  return await node.cards.read(`${peerId}:sample`, { timeoutMs: 10_000 });
}

const placed = (nodeId: string, agent = "sample") => makeCard(sampleCard, { nodeId, agent });
const { signer } = agentKey;
const signed = (card: JsonObject) => signCard(card, signer, signer.agentId);
const invalid = (error: unknown) => isProtocolError(error) && error.code === "SIGNATURE_INVALID";

test("a card that a peer shows is taken when its key signed it for that very place", async () => {
  const card = await cardOf((nodeId) => signed(placed(nodeId)));
  assert.equal(card["name"], "Sample");
});

test("an altered card, one without a signature and one of another place are refused", async () => {
  await assert.rejects(
    cardOf(async (nodeId) => ({ ...(await signed(placed(nodeId))), name: "Better" })),
    invalid,
  );
  await assert.rejects(
    cardOf((nodeId) => Promise.resolve(placed(nodeId))),
    invalid,
  );
  await assert.rejects(
    cardOf((nodeId) => signed(placed(nodeId, "other"))),
    invalid,
  );
  await assert.rejects(
    cardOf(() => signed(placed(nodeIdentity.peerId))),
    invalid,
  );
});

test("fields that A2A does not know, which no signature covers, are not passed on", async () => {
  const card = await cardOf(async (nodeId) => ({ ...(await signed(placed(nodeId))), trusted: true }));
  assert.equal(card["trusted"], undefined);
});
