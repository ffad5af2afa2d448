import assert from "node:assert/strict";
import { test } from "node:test";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { withPrefixes } from "../../src/words.ts";
import { NETWORK, rawPeer } from "../node-fixture.ts";

const line = (value: object) => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

test("a peer that looks for a word of a million dots is refused at once", { timeout: 20_000 }, async () => {
  const hub = memoryHub({ seed: 7 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using peer = await rawPeer(memory({ hub }), 1);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const stream = await peer.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 1_000 });
  await stream.write(line({ v: 1, to: "node", proto: "plain", mode: "call" }));
  await stream.readLine({ timeoutMs: 2_000 });
  const capability = "a.".repeat(500_000);
  const method = `${node.id}:node/list_agents`;
  await stream.write(line({ jsonrpc: "2.0", id: 1, method, params: { signed: true, capability } }));
  const answer = await stream.readLine({ timeoutMs: 10_000 });
  assert.match(Buffer.from(answer ?? []).toString(), /INVALID_PARAMS/);
});

test("a word that is none has no prefixes", () => {
  assert.deepEqual(withPrefixes("a.".repeat(500_000)), []);
  assert.deepEqual(withPrefixes("energy.sell"), ["energy", "energy.sell"]);
});
