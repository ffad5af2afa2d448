/** Peers that should be linked and are not: each cause provoked over libp2p, told, and gone once it is mended. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { createNode } from "../src/create-node.ts";
import { libp2p, memory, memoryHub } from "../src/network/index.ts";
import { bent, cleared, fastClock, findingOf, freePort, raised } from "./findings-rig.ts";
import { rigged } from "./libp2p-rig.ts";
import { eventually } from "./node-fixture.ts";
import { peerIdOfSeed } from "./seeds.ts";

const networkName = "findings";
const freshSeed = () => new Uint8Array(randomBytes(32));

// Most of the time they wait: side by side it is over sooner.
describe("findings of links", { concurrency: true }, () => {
  test("no peer, then one, then two: NO_PEERS gives way to FEW_PEERS, and both clear", async () => {
    const clock = fastClock(20);
    const hub = memoryHub({ seed: 1 });
    await using node = await createNode({ network: memory({ hub }), networkName, clock });
    assert.equal(findingOf(node, "NO_PEERS"), undefined, "nobody is told while the node begins to look");
    assert.match((await raised(node, "NO_PEERS")).text, /no peer is linked/);
    const bootstrap = node.addresses;
    await using _one = await createNode({ network: memory({ hub, bootstrap }), networkName, clock });
    await cleared(node, "NO_PEERS");
    assert.match((await raised(node, "FEW_PEERS")).text, /1 peer/);
    await using _two = await createNode({ network: memory({ hub, bootstrap }), networkName, clock });
    await cleared(node, "FEW_PEERS");
  });

  test("BOOTSTRAP_UNREACHABLE tells the address, why its last dial failed and when the next is due", async () => {
    const port = await freePort();
    const seed = freshSeed();
    const address = `/ip4/127.0.0.1/tcp/${port}/p2p/${peerIdOfSeed(seed)}`;
    await using node = await createNode({ network: libp2p({ bootstrap: [address] }), networkName });
    const { text } = await raised(node, "BOOTSTRAP_UNREACHABLE");
    assert.ok(text.startsWith(`${address}: connection refused, `), text);
    assert.match(text, /(?:next try in \d+ s|dialled again now)$/);
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    await using _back = await createNode({ network: libp2p({ listen }), networkName, seed });
    await cleared(node, "BOOTSTRAP_UNREACHABLE");
    assert.equal(node.snapshot().links, 1);
  });

  test("BOOTSTRAP_UNREACHABLE tells another peer at the address apart, with the line that would be right", async () => {
    const port = await freePort();
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    const meant = freshSeed();
    const other = await createNode({ network: libp2p({ listen }), networkName });
    const bootstrap = [`${listen[0]}/p2p/${peerIdOfSeed(meant)}`];
    await using node = await createNode({ network: libp2p({ bootstrap }), networkName });
    const { text, fix } = await raised(node, "BOOTSTRAP_UNREACHABLE");
    assert.ok(text.includes(`another peer answers: ${other.id}`), text);
    assert.ok(fix.endsWith(`/p2p/${other.id}`), fix);
    await other.stop({ deadlineMs: 0 });
    await using _meant = await createNode({ network: libp2p({ listen }), networkName, seed: meant });
    await cleared(node, "BOOTSTRAP_UNREACHABLE");
  });

  test("DIALS_THROTTLED names the limit where it acts, and the cut dials where they are felt", async () => {
    const clock = fastClock(8);
    const limits = { perIp: 1 };
    await using strict = await createNode({ network: libp2p({ limits }), networkName, clock });
    const bootstrap = strict.addresses;
    const first = await createNode({ network: libp2p({ bootstrap }), networkName, clock });
    await eventually("the one link", () => strict.snapshot().links === 1);
    await using second = await createNode({ network: libp2p({ bootstrap }), networkName, clock });
    const here = await raised(strict, "DIALS_THROTTLED");
    assert.match(here.text, /\d+ turned away by links-per-ip \(limits\.perIp\)/);
    assert.match(here.fix, /limits\.inboundPerIp|peers\.trusted/);
    const there = await raised(second, "DIALS_THROTTLED");
    assert.match(there.text, /[3-9] dials to \S+ were cut before the handshake/);
    await first.stop({ deadlineMs: 0 });
    await cleared(second, "BOOTSTRAP_UNREACHABLE");
    await cleared(strict, "DIALS_THROTTLED");
    await cleared(second, "DIALS_THROTTLED");
  });

  test("a flood of dials beyond the rate of one address is DIALS_THROTTLED by that rule", async () => {
    const clock = fastClock(1);
    const one = bent({}, (settings) => ({
      ...settings,
      profile: { ...settings.profile, inboundPerIpAndSecond: 1 },
    }));
    await using strict = await createNode({ network: one, networkName, clock });
    const dialers = await Promise.all([1, 2, 3].map(() => rigged({ dht: false })));
    try {
      // As one that dials again and again without a pause.
      while (findingOf(strict, "DIALS_THROTTLED") === undefined) {
        const dials = dialers.map(async ({ transport }) => {
          await transport.hangUp(strict.id, "once more");
          await transport.dial({ addresses: strict.addresses }, { timeoutMs: 5_000 }).catch(() => undefined);
        });
        await Promise.all(dials);
      }
      const { text } = await raised(strict, "DIALS_THROTTLED");
      assert.match(text, /turned away by rate-per-ip \(limits\.inboundPerIp\)/);
    } finally {
      await Promise.all(dialers.map((dialer) => dialer[Symbol.asyncDispose]()));
    }
    clock.run(20);
    await cleared(strict, "DIALS_THROTTLED");
  });

  test("NETWORK_SPLIT names the other network, and clears once it is the same one", async () => {
    const seed = freshSeed();
    const port = await freePort();
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    await using north = await createNode({ network: libp2p(), networkName: "north" });
    const network = libp2p({ listen, bootstrap: north.addresses });
    const south = await createNode({ network, networkName: "south", seed });
    assert.match((await raised(south, "NETWORK_SPLIT")).text, /a peer belongs to another network: .*north/);
    assert.match((await raised(north, "NETWORK_SPLIT")).text, /south/);
    await south.stop({ deadlineMs: 0 });
    await using moved = await createNode({ network: libp2p({ listen }), networkName: "north", seed });
    // Left alone for ten minutes, unless its operator says otherwise.
    await north.connect(moved.addresses[0] ?? "");
    await cleared(north, "NETWORK_SPLIT");
    assert.equal(findingOf(moved, "NETWORK_SPLIT"), undefined);
  });

  test("LINK_FLAPPING counts the losses of an anchor that keeps dying, and clears when it stays", async () => {
    const clock = fastClock(40);
    const hub = memoryHub({ seed: 2 });
    const seed = freshSeed();
    const anchor = () => createNode({ network: memory({ hub }), networkName, clock, seed });
    let up = await anchor();
    const network = memory({ hub, bootstrap: up.addresses });
    await using node = await createNode({ network, networkName, clock });
    for (let death = 0; death < 4; death += 1) {
      await eventually("the link", () => node.snapshot().links === 1);
      assert.equal(findingOf(node, "LINK_FLAPPING"), undefined, `after ${death} losses`);
      await up.stop({ deadlineMs: 0 });
      await eventually("the loss", () => node.snapshot().links === 0);
      up = await anchor();
    }
    await using _stays = up;
    assert.match(
      (await raised(node, "LINK_FLAPPING")).text,
      new RegExp(`${up.id} went 4 times in 5 minutes`),
    );
    await cleared(node, "LINK_FLAPPING");
  });
});
