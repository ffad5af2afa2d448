import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, encodeFrame, type JsonObject, parseCanonical, seal } from "@gridmesh/protocol";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import type { BoundedStream } from "../../src/network/index.ts";
import { manualClock, seededRandom } from "../../src/testing/index.ts";
import { NETWORK, type RawPeer, rawPeer } from "../node-fixture.ts";

const busy = {
  type: "error_response",
  error_code: "OVERLOADED",
  error_number: -31_215,
  error_message: "busy",
  retry_possible: true,
  suggested_action: "retry_later",
};

test("a peer that was too busy for a hello is greeted again after a minute, not after ten", async () => {
  const clock = manualClock();
  const hub = memoryHub({ seed: 19 });
  let hellos = 0;
  let peer: RawPeer | undefined;
  const refuse = async (stream: BoundedStream): Promise<void> => {
    const frame = await stream.readFrame();
    if (frame === undefined || peer === undefined) return;
    const hello = parseCanonical(frame.subarray(1)) as JsonObject;
    hellos += 1;
    const draft = {
      ...busy,
      recipient_id: hello["agent_id"] as string,
      original_message_id: hello["message_id"],
    };
    const { signer } = peer.identity;
    const nowS = Math.floor(clock.nowMs() / 1_000);
    const answer = seal(draft, { network: NETWORK, signer, nowS, random: seededRandom(hellos) });
    await stream.writeFrame(encodeFrame(0, canonicalBytes(answer)));
  };
  const starting = rawPeer(memory({ hub }), 20, (stream) => {
    if (stream.protocol === "/gridmesh/control/1") void refuse(stream).catch(() => undefined);
  });
  peer = await starting;
  await using raw = peer;
  const beginning = createNode({
    network: memory({ hub, bootstrap: raw.transport.addresses() }),
    networkName: NETWORK,
    clock,
  });
  await clock.advance(1_000);
  await using _node = await beginning;
  for (let n = 0; n < 100 && hellos === 0; n += 1) await clock.advance(20);
  assert.equal(hellos, 1);
  for (let n = 0; n < 120 && hellos === 1; n += 1) await clock.advance(1_000);
  assert.equal(hellos, 2);
  await clock.advance(1_000);
});
