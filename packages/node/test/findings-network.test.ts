/** The silent limits below the links, each provoked over libp2p by the setting that makes it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createNode } from "../src/create-node.ts";
import { libp2p, type Transport } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { bent, cleared, fastClock, findingOf, raised } from "./findings-rig.ts";
import { rigged, type Rigged } from "./libp2p-rig.ts";
import { eventually } from "./node-fixture.ts";

const networkName = "findings";
const topics = [`gridmesh/${networkName}/capability`, `gridmesh/${networkName}/search/energy`];

/** Peers that take part in gossip and say no hello. */
async function gossips(count: number): Promise<readonly Rigged[]> {
  const peers = await Promise.all(
    Array.from({ length: count }, () => rigged({ dht: false, network: networkName })),
  );
  for (const { transport } of peers) joinAll(transport);
  return peers;
}

function joinAll(transport: Transport): void {
  for (const topic of topics) transport.join(topic, () => Promise.resolve("accept"));
}

/** On a busy machine a handshake may take longer than it is given. */
async function dialled(transport: Transport, node: AgentNode): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await transport.dial({ addresses: node.addresses }, { timeoutMs: 10_000 });
      return;
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

async function end(peers: readonly Rigged[]): Promise<void> {
  await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
}

test("COLOCATION_SCORED: peers that share an address are scored down for it, and MESH_EMPTY follows", async () => {
  const clock = fastClock(4);
  const network = bent({ dht: false }, (settings) => ({
    ...settings,
    profile: { ...settings.profile, colocationWeight: -200 },
  }));
  await using node = await createNode({ network, networkName, clock, links: { allowForeign: true } });
  const peers = await gossips(18);
  try {
    await Promise.all(peers.map(({ transport }) => dialled(transport, node)));
    const { text, fix } = await raised(node, "COLOCATION_SCORED");
    assert.match(text, /18 peers share the address 127\.0\.0\.1 and gossip scores them down to -\d/);
    assert.match(fix, /profile lan or testnet/);
    const mesh = await raised(node, "MESH_EMPTY");
    assert.match(mesh.text, /no mesh peer on gridmesh\/findings\/\S+ \(1\d linked peers have joined it\)/);
    assert.match(mesh.fix, /COLOCATION_SCORED/);
    await end(peers.slice(4));
    await cleared(node, "COLOCATION_SCORED");
  } finally {
    await end(peers);
  }
});

// Most of the time they wait: side by side it is over sooner.
describe("findings of gossip, DHT and streams", { concurrency: true }, () => {
  test("MESH_EMPTY: a linked peer has joined none of our topics, until it does", async () => {
    const clock = fastClock(4);
    await using node = await createNode({
      network: libp2p({ dht: false }),
      networkName,
      clock,
      links: { allowForeign: true },
    });
    await using peer = await rigged({ dht: false, network: networkName });
    await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 5_000 });
    const { text } = await raised(node, "MESH_EMPTY");
    assert.match(text, /capability \(no linked peer has joined it\)/);
    joinAll(peer.transport);
    await cleared(node, "MESH_EMPTY");
  });

  test("DHT_EMPTY: everybody is a client, until one serves", async () => {
    const clock = fastClock(4);
    const client = (bootstrap: readonly string[] = []) => libp2p({ dhtMode: "client", bootstrap });
    await using one = await createNode({ network: client(), networkName, clock });
    await using two = await createNode({ network: client(one.addresses), networkName, clock });
    for (const node of [one, two]) {
      const { text, fix } = await raised(node, "DHT_EMPTY");
      assert.match(text, /this node is only a client of it \(discovery\.dhtMode\)/);
      assert.match(fix, /discovery\.dhtMode = "server"/);
    }
    await using _server = await createNode({
      network: libp2p({ bootstrap: one.addresses }),
      networkName,
      clock,
    });
    await cleared(one, "DHT_EMPTY");
  });

  test("DHT_EMPTY: a server among clients is told that they are clients", async () => {
    const clock = fastClock(4);
    await using server = await createNode({ network: libp2p(), networkName, clock });
    const network = libp2p({ dhtMode: "client", bootstrap: server.addresses });
    await using _client = await createNode({ network, networkName, clock });
    assert.match((await raised(server, "DHT_EMPTY")).text, /every linked peer is only a client/);
  });

  test("DHT_EMPTY: a profile that learns public addresses only, among private ones, names the profile", async () => {
    const clock = fastClock(4);
    const open = (bootstrap: readonly string[] = []) => {
      return libp2p({ profile: "public", listen: ["/ip4/127.0.0.1/tcp/0"], dhtMode: "server", bootstrap });
    };
    await using one = await createNode({ network: open(), networkName, clock });
    await using two = await createNode({ network: open(one.addresses), networkName, clock });
    await eventually("the link", () => two.snapshot().links === 1);
    const { text, fix } = await raised(two, "DHT_EMPTY");
    assert.match(text, /only public addresses enter it.*; this node has no address to tell in it/);
    assert.match(fix, /profile lan or testnet/);
    // Nothing public is listened on either: the next thing an operator of such a node must hear.
    assert.match((await raised(two, "ADDRESS_PRIVATE_ONLY")).text, /profile public, but no address/);
  });

  test("STREAMS_RESET names protocol, peer and cause when a peer opens too many streams at once", async () => {
    const clock = fastClock(1);
    const network = libp2p({ dht: false });
    await using node = await createNode({ network, networkName, clock, links: { allowForeign: true } });
    await using flood = await rigged({ dht: false, network: networkName });
    const { transport } = flood;
    const generous = { maxFrameBytes: 1_024, maxInboundPerPeer: 512, relayed: false };
    transport.handle("/gridmesh/rpc/1", generous, () => undefined);
    await transport.dial({ addresses: node.addresses }, { timeoutMs: 5_000 });
    const opened = Array.from({ length: 60 }, () => {
      return transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 5_000 }).catch(() => undefined);
    });
    const { text } = await raised(node, "STREAMS_RESET");
    assert.match(text, /\d+ of \/gridmesh\/rpc\/1, the last of \S+: too many at once/);
    assert.ok(text.includes(transport.peerId), text);
    for (const stream of await Promise.all(opened)) stream?.reset("enough");
    clock.run(60);
    await cleared(node, "STREAMS_RESET");
  });

  test("STREAMS_RESET names the bytes that wait unread beyond a peer's share", async () => {
    const clock = fastClock(1);
    const streams = { unreadBytesPerPeer: 4_096, unreadBytes: 8_192 };
    const network = libp2p({ dht: false });
    await using node = await createNode({
      network,
      networkName,
      clock,
      streams,
      links: { allowForeign: true },
    });
    await using rude = await rigged({ dht: false, network: networkName });
    await rude.transport.dial({ addresses: node.addresses }, { timeoutMs: 5_000 });
    const stream = await rude.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 5_000 });
    // A line without an end: nothing of it can be read before more comes.
    const sent = stream
      .write(new Uint8Array(64 * 1_024).fill(32), { timeoutMs: 5_000 })
      .catch(() => undefined);
    assert.match(
      (await raised(node, "STREAMS_RESET")).text,
      /of \/gridmesh\/rpc\/1, .*: too many bytes unread/,
    );
    await sent;
    clock.run(60);
    await cleared(node, "STREAMS_RESET");
  });

  test("nothing is found between two nodes whose settings fit", async () => {
    const clock = fastClock(8);
    await using one = await createNode({ network: libp2p(), networkName, clock });
    await using two = await createNode({ network: libp2p({ bootstrap: one.addresses }), networkName, clock });
    await eventually("the link", () => one.snapshot().links === 1 && two.snapshot().links === 1);
    // Thirty seconds of theirs: everything that waits before it speaks has had its time.
    const untilMs = clock.monotonicMs() + 32_000;
    await eventually("half a minute", () => clock.monotonicMs() > untilMs, 10_000);
    for (const node of [one, two])
      assert.deepEqual(
        node.findings().map(({ code }) => code),
        ["FEW_PEERS"],
      );
    assert.equal(findingOf(one, "FEW_PEERS")?.severity, "info");
  });
});
