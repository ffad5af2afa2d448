import assert from "node:assert/strict";
import { test } from "node:test";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { rigged } from "../libp2p-rig.ts";
import { NETWORK, rawPeer } from "../node-fixture.ts";
import { linked, World } from "../supervisor-world.ts";

test("a node that allows eight links is open to strangers", async () => {
  await using node = await rigged({ limits: { connections: 8 } });
  await using stranger = await rigged();
  await stranger.transport.dial({ addresses: node.transport.addresses() }, { timeoutMs: 5_000 });
  assert.equal((await stranger.transport.ping(node.transport.peerId, { timeoutMs: 5_000 })) >= 0, true);
  assert.deepEqual(node.parts.gater.refused, {});
});

test("a node that allows more links than its profile keeps them", async () => {
  const hub = memoryHub({ seed: 81 });
  await using undo = new AsyncDisposableStack();
  const node = undo.use(
    await createNode({ network: { ...memory({ hub }), maxLinks: 600 }, networkName: NETWORK }),
  );
  for (let n = 0; n < 520; n += 1) {
    const peer = undo.use(await rawPeer(memory({ hub }), 1_000 + n));
    await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  }
  assert.equal(node.snapshot().links, 520);
});

test("a node with few places fills them once, and does not dial for more than it keeps", async () => {
  const world = new World(82);
  const others = [];
  for (let n = 0; n < 12; n += 1)
    others.push(await world.start(`p${n}`, { mdns: true, minLinks: 0, targetLinks: 1 }));
  const node = await world.start("small", { mdns: true, maxLinks: 8 });
  await world.clock.advance(10 * 60_000);
  assert.equal(linked(node).length, 6);
  assert.equal(node.supervisor.state().dials.started <= 6, true);
  for (const peer of [node, ...others]) await peer.stop();
});
