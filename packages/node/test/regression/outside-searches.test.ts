/** A search of a program outside was published before anybody here had read it: the mesh held its faults against this node. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { signerOf } from "../../../protocol/test/keys.ts";
import type { OutsideMessage } from "../../src/beckn/types.ts";
import { createRig, type RigNode } from "../beckn-rig.ts";
import { outsideMessage } from "../outside-messages.ts";

const stranger = signerOf(71);

function search(
  node: RigNode,
  changes: { readonly uri?: string; readonly message?: object } = {},
): OutsideMessage {
  const { uri: bapUri = `libp2p://${node.peerId}/${node.name}/bap`, ...message } = changes;
  return outsideMessage({ signer: stranger, action: "search", bapUri, ...message });
}

test("a search that the mesh would hold against its relay is refused before it is published", async () => {
  await using rig = createRig();
  const node = await rig.node(1);
  let published = 0;
  const publish = node.transport.publish.bind(node.transport);
  node.transport.publish = (topic, data) => {
    published += 1;
    return publish(topic, data);
  };
  const said = (changes: Parameters<typeof search>[1]) => node.beckn.outside.send(search(node, changes));
  await assert.rejects(said({ message: { intent: { item: 7 } } }), { code: "SCHEMA_INVALID" });
  await assert.rejects(said({ message: { intent: "all" } }), { code: "SCHEMA_INVALID" });
  await assert.rejects(said({ uri: "https://shop.example/bap" }), { code: "BECKN_CONTEXT_INVALID" });
  assert.equal(published, 0);
  const good = search(node);
  // Ten more times: nobody but its signer may use up what its signer may ask.
  for (let time = 0; time <= 10; time++) assert.equal((await node.beckn.outside.send(good)).status, 200);
  assert.equal(published, 1);
});
