/** A repeat that came while a program still thought about the first was given to it as a second message. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { becknV1, encodeBecknHeader } from "@gridmesh/protocol";
import { signerOf } from "../../../protocol/test/keys.ts";
import { createRig, sendRaw } from "../beckn-rig.ts";
import { outsideMessage } from "../outside-messages.ts";

test("a program is asked once about a message that comes twice at a time", async () => {
  await using rig = createRig();
  const home = await rig.node(1);
  const shop = await rig.node(2);
  let asked = 0;
  let answer = (): void => undefined;
  const both = new Promise<void>((resolve) => (answer = resolve));
  using _program = shop.beckn.outside.attach(shop.name, async () => {
    asked += 1;
    await both;
    return { status: 200, body: becknV1.encodeAck() };
  });
  const { authorization, body } = outsideMessage({
    signer: signerOf(71),
    action: "confirm",
    bapUri: `libp2p://${home.peerId}/${home.name}/bap`,
    bpp: { id: shop.agentId, uri: `libp2p://${shop.peerId}/${shop.name}/bpp` },
    message: { order: {} },
  });
  const headers = { authorization, "content-type": "application/json" } as const;
  const header = encodeBecknHeader({ v: 1, profile: "beckn/1", path: "/confirm", headers });
  const first = sendRaw(home, shop.peerId, { header, body });
  const second = sendRaw(home, shop.peerId, { header, body });
  while (asked === 0) await new Promise((resolve) => setImmediate(resolve));
  // The second arrives on a stream of its own, opened at the same time.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  answer();
  assert.deepEqual(
    (await Promise.all([first, second])).map(({ status }) => status),
    [200, 200],
  );
  assert.equal(asked, 1);
});
