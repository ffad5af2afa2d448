import assert from "node:assert/strict";
import { test } from "node:test";
import { rigged } from "../libp2p-rig.ts";

test("who could not dial is told why in words, address by address", async () => {
  await using node = await rigged();
  const gone = await rigged();
  const [address = ""] = gone.transport.addresses();
  await gone[Symbol.asyncDispose]();
  const addresses = [address, "/ip4/127.0.0.1/tcp/nothing"];
  const dialled = node.transport.dial({ peerId: gone.transport.peerId, addresses }, { timeoutMs: 5_000 });
  await assert.rejects(
    dialled,
    /tcp\/\d+\S*: connection refused; \/ip4\/127\.0\.0\.1\/tcp\/nothing: not a multiaddr/u,
  );
});
