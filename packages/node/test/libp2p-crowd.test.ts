/** What one address may take of a node that serves the public: idle sockets and many names leave room for others. */

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { rigged, type Rigged, type RigOptions } from "./libp2p-rig.ts";
import { until, wait } from "./transport-fixture.ts";

const ATTACKER = "127.0.0.2";
const victimOptions: RigOptions = {
  profile: "public",
  listen: ["/ip4/127.0.0.1/tcp/0"],
  announce: ["/ip4/127.0.0.1/tcp/1"],
  dht: false,
};

function portOf({ parts }: Rigged): number {
  const [address] = parts.node.services.inside.transportManager.getAddrs();
  return Number(/\/tcp\/(\d+)/u.exec(String(address))?.[1]);
}

/** Opens sockets from the attacker's address that never say a word. */
async function idleSockets(port: number, count: number): Promise<readonly Socket[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ port, host: "127.0.0.1", localAddress: ATTACKER });
      socket.on("error", () => {});
      await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
      return socket;
    }),
  );
}

async function honestDials(port: number, victim: Rigged): Promise<number> {
  let reached = 0;
  for (let index = 0; index < 4; index += 1) {
    await using honest = await rigged({ dht: false });
    const address = `/ip4/127.0.0.1/tcp/${port}/p2p/${victim.transport.peerId}`;
    await honest.transport.dial({ addresses: [address] }, wait).then(
      () => (reached += 1),
      () => undefined,
    );
  }
  return reached;
}

test("sockets to the WebSocket port that ask for nothing are few, and closed", async () => {
  await using victim = await rigged({ ...victimOptions, listen: ["/ip4/127.0.0.1/tcp/0/ws"] });
  const port = portOf(victim);
  const sockets = await idleSockets(port, 12);
  try {
    const refused = () => victim.transport.snapshot().refused["pending-per-ip"];
    await until(() => refused() === 4, "four refusals");
    await using honest = await rigged({ dht: false });
    const address = `/ip4/127.0.0.1/tcp/${port}/ws/p2p/${victim.transport.peerId}`;
    await honest.transport.dial({ addresses: [address] }, wait);
    await until(() => sockets.every(({ destroyed }) => destroyed), "all closed", 10_000);
    assert.equal(honest.transport.links().length, 1);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test("a WebSocket link that is aborted at one end is gone at the other", async () => {
  await using a = await rigged({ dht: false });
  await using b = await rigged({ dht: false, listen: ["/ip4/127.0.0.1/tcp/0/ws"] });
  for (const from of [a, b]) {
    await a.transport.dial({ addresses: b.transport.addresses() }, wait);
    await until(() => b.transport.links().length === 1, "the link");
    for (const connection of from.parts.links.connections()) connection.abort(new Error("enough"));
    await until(() => a.transport.links().length + b.transport.links().length === 0, "no link at either end");
  }
});

for (const [title, count, bend] of [
  ["ten idle sockets", 10, undefined],
  [
    "two hundred idle sockets, and no limit per address,",
    200,
    ({ profile, ...settings }) => ({
      ...settings,
      profile: { ...profile, maxPendingPerIp: 0, inboundPerIpAndSecond: 10_000, maxLinksPerIp: 1_000 },
    }),
  ],
] satisfies readonly (readonly [string, number, RigOptions["bend"]])[]) {
  test(`${title} of one address leave four of four dials of another`, async () => {
    await using victim = await rigged({ ...victimOptions, ...(bend === undefined ? {} : { bend }) });
    const port = portOf(victim);
    const sockets = await idleSockets(port, count);
    try {
      assert.equal(await honestDials(port, victim), 4);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
}

test("forty names of one address hold sixteen links, and another address is served", async () => {
  await using victim = await rigged({ ...victimOptions, limits: { inboundPerIp: 1_000 } });
  const port = portOf(victim);
  const target = multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${victim.transport.peerId}`);
  const crowd = await Promise.all(
    Array.from({ length: 40 }, () =>
      createLibp2p({
        transports: [tcp({ dialOpts: { localAddress: ATTACKER } as object })],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        connectionMonitor: { enabled: false },
      }),
    ),
  );
  try {
    // Eight at a time, as many as may be pending.
    for (let index = 0; index < crowd.length; index += 8) {
      await Promise.allSettled(crowd.slice(index, index + 8).map(async (node) => await node.dial(target)));
    }
    const held = () => victim.transport.links().filter(({ address }) => address.includes(ATTACKER)).length;
    await until(() => (victim.transport.snapshot().refused["links-per-ip"] ?? 0) > 0, "a refusal");
    assert.equal(held(), 16);
    assert.equal(await honestDials(port, victim), 4);
    assert.equal(held(), 16);
  } finally {
    await Promise.all(crowd.map(async (node) => await node.stop()));
  }
});
