/**
 * Two nodes on one machine: one offers a thermometer, the other finds it by what it can do and reads it.
 * Run: node --conditions=gridmesh-source examples/two-nodes.ts
 */

import assert from "node:assert/strict";
import { createNode, libp2p } from "@gridmesh/node";

await using first = await createNode({
  network: libp2p({ profile: "testnet" }),
  agents: [
    {
      name: "thermometer",
      access: "network",
      definition: {
        capabilities: ["weather.temperature"],
        methods: { read: () => ({ celsius: 21.5 }) },
      },
    },
  ],
});

await using second = await createNode({
  network: libp2p({ profile: "testnet", bootstrap: first.addresses }),
});

for await (const agent of second.registry.find({ capability: "weather.temperature", timeoutMs: 5_000 })) {
  const reading = await second.call(`${agent.address}/read`);
  console.log(`${agent.address} says`, reading);
  assert.deepEqual(reading, { celsius: 21.5 });
}
