/** What a peer of the mesh answered went out over HTTP as it came: a status that ends nothing, a header that is none. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { becknV1, encodeBecknHeader } from "@gridmesh/protocol";
import { signerOf } from "../../../protocol/test/keys.ts";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";
import { memory } from "../../src/network/index.ts";
import { createRig } from "../beckn-rig.ts";
import { outsideMessage } from "../outside-messages.ts";
import { peerIdOfSeed } from "../seeds.ts";

const seed = new Uint8Array(32).fill(73);
const farPeer = peerIdOfSeed(seed);
const wait = { timeoutMs: 2_000 };

test("a peer's reply that HTTP cannot carry as it is counts as none", async () => {
  await using rig = createRig();
  const node = await rig.node(1);
  let headers: { readonly signature?: string } = {};
  let status = 200;
  const far = await memory({ hub: rig.hub }).create({
    seed,
    peerId: farPeer,
    network: "beckn-test",
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog(),
  });
  await far.start();
  far.handle(
    "/gridmesh/beckn/1",
    { maxFrameBytes: 65_536, maxInboundPerPeer: 4, relayed: false },
    (stream) => {
      void (async () => {
        await stream.readFrame(wait);
        await stream.readFrame(wait);
        const header = { v: 1, status, headers: { "content-type": "application/json", ...headers } } as const;
        await stream.writeFrame(encodeBecknHeader(header), wait);
        await stream.writeFrame(becknV1.encodeAck(), wait);
        await stream.close(wait);
      })();
    },
  );
  await node.transport.dial({ peerId: farPeer, addresses: [] }, wait);
  const asked = () =>
    node.beckn.outside.send(
      outsideMessage({
        signer: signerOf(71),
        action: "select",
        bapUri: `libp2p://${node.peerId}/${node.name}/bap`,
        bpp: { id: signerOf(72).agentId, uri: `libp2p://${farPeer}/shop/bpp` },
      }),
    );
  for (status of [100, 101, 204, 304]) {
    await assert.rejects(asked(), { code: "UPSTREAM_FAILED" }, `status ${status}`);
  }
  status = 200;
  for (const signature of ["a\r\nSet-Cookie: b=c", "é", "\u0000", "no signature at all"]) {
    headers = { signature };
    await assert.rejects(asked(), { code: "UPSTREAM_FAILED" }, JSON.stringify(signature));
  }
  headers = {};
  assert.equal((await asked()).status, 200);
  await far.stop({ deadlineMs: 500 });
});
