import assert from "node:assert/strict";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { NETWORK } from "../node-fixture.ts";

test("what is no PeerId is ADDRESS_INVALID to every verb about peers, and no peer is made of it", async () => {
  const hub = memoryHub({ seed: 91 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  for (const text of [
    "foo",
    "",
    "12D3KooW",
    "12D3KooWQYzMpDrG1dSpaKgWjnQYBtVmZPHfyHYQq8mWWB9oUyGs1",
    "ed25519:abc",
  ]) {
    for (const verb of ["connect", "disconnect", "ping", "find"] as const) {
      await assert.rejects(
        node[verb](text),
        (error) => isProtocolError(error) && error.code === "ADDRESS_INVALID",
        `${verb} ${text}`,
      );
    }
  }
  assert.deepEqual(node.peers(), []);
});
