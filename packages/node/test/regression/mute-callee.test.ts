import assert from "node:assert/strict";
import { test } from "node:test";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { createForwarder } from "../../src/route/forward.ts";
import { createPacer } from "../../src/gate/pace.ts";
import { systemClock } from "../../src/clock.ts";
import { eventually, NETWORK, rawPeer } from "../node-fixture.ts";

test("a peer that refuses the opening line costs no stream", async () => {
  const hub = memoryHub({ seed: 3 });
  await using caller = await rawPeer(memory({ hub }), 1);
  await using callee = await rawPeer(memory({ hub }), 2, (stream) => {
    if (stream.protocol !== "/gridmesh/rpc/1") return;
    void stream.write(new TextEncoder().encode('{"ok":false}\n')).catch(() => undefined);
  });
  await caller.transport.dial({ addresses: callee.transport.addresses() }, { timeoutMs: 1_000 });
  const clock = systemClock();
  const forwarder = createForwarder({
    transport: caller.transport,
    clock,
    pacer: createPacer(clock),
    reach: () => Promise.resolve(),
  });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const call = { method: `${callee.identity.peerId}:node/get_info`, params: {} };
    await assert.rejects(forwarder.call(callee.identity.peerId, call, { timeoutMs: 2_000 }));
  }
  await eventually("no stream is left", () => caller.transport.snapshot().streamsOpen === 0, 1_000);
  forwarder.close();
});

test("what a peer is told of a node counts only the agents it may see", async () => {
  const hub = memoryHub({ seed: 4 });
  const definition = { capabilities: ["secret"] };
  await using node = await createNode({
    network: memory({ hub }),
    networkName: NETWORK,
    agents: [
      { name: "open", definition },
      { name: "hidden", definition, access: "private" },
    ],
  });
  await using other = await createNode({
    network: memory({ hub, bootstrap: node.addresses }),
    networkName: NETWORK,
  });
  const counted = async (at: typeof node, address: string) =>
    ((await at.call(address)) as { readonly agents: number }).agents;
  assert.equal(await counted(other, `${node.id}:node/get_info`), 1);
  assert.equal(await counted(node, "node/get_info"), 2);
});
