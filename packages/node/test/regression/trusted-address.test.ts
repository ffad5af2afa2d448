import assert from "node:assert/strict";
import { test } from "node:test";
import { rigged } from "../libp2p-rig.ts";

test("a trusted range may be one address, as it may be in the gater", async () => {
  await using node = await rigged({ trusted: ["127.0.0.1", "::1", "10.0.0.0/8"] });
  await using other = await rigged();
  await other.transport.dial({ addresses: node.transport.addresses() }, { timeoutMs: 5_000 });
  assert.equal(other.transport.links().length, 1);
});
