/** What keeps others from a node, or a node from its network, each provoked and mended. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { circuitRelayServer } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";
import { createNode } from "../src/create-node.ts";
import { libp2p, type Libp2pOptions } from "../src/network/index.ts";
import { bent, cleared, fastClock, findingOf, freePort, raised } from "./findings-rig.ts";
import { echoAgent, eventually } from "./node-fixture.ts";
import { peerIdOfSeed } from "./seeds.ts";

const networkName = "findings";
const loopback = { listen: ["/ip4/127.0.0.1/tcp/0"] } as const;

/** Asks for a place at a relay as soon as nobody has confirmed an address. */
function guestOf(options: Libp2pOptions) {
  const reach = { relay: "use", holePunch: false } as const;
  return bent({ ...loopback, ...options, reach }, (settings) => ({
    ...settings,
    reach: { ...settings.reach, relayAfterMs: 100 },
  }));
}

// Most of the time they wait: side by side it is over sooner.
describe("findings of reach", { concurrency: true }, () => {
  test("NOT_REACHABLE: nobody can dial the node and no anchor serves, until one does", async () => {
    const clock = fastClock(8);
    const seed = new Uint8Array(randomBytes(32));
    const port = await freePort();
    const serving = `/ip4/127.0.0.1/tcp/${port}/p2p/${peerIdOfSeed(seed)}`;
    await using plain = await createNode({ network: libp2p(loopback), networkName, clock });
    const network = guestOf({ bootstrap: [...plain.addresses, serving] });
    await using node = await createNode({ network, networkName, clock });
    const { text, fix } = await raised(node, "NOT_REACHABLE");
    assert.match(text, /could not dial this node, and no relay stands in/);
    assert.match(fix, /bootstrap node that serves as a relay/);
    const relay = libp2p({ listen: [`/ip4/127.0.0.1/tcp/${port}`], reach: { relay: "serve" } });
    await using _relay = await createNode({ network: relay, networkName, clock, seed });
    await cleared(node, "NOT_REACHABLE");
    assert.equal(node.snapshot().reach?.relays, 1);
  });

  test("ADDRESS_PRIVATE_ONLY: profile public on a private address, and not with a public one announced", async () => {
    const clock = fastClock(8);
    const open = { profile: "public", ...loopback, dht: false } as const;
    await using hidden = await createNode({ network: libp2p(open), networkName, clock });
    const { text, fix } = await raised(hidden, "ADDRESS_PRIVATE_ONLY");
    assert.match(text, /profile public, but no address of this node is a public one/);
    assert.match(fix, /announce/);
    const network = libp2p({ ...open, announce: ["/ip4/93.184.216.34/tcp/4801"] });
    await using shown = await createNode({ network, networkName, clock });
    const untilMs = clock.monotonicMs() + 15_000;
    await eventually("fifteen seconds", () => clock.monotonicMs() > untilMs);
    assert.equal(findingOf(shown, "ADDRESS_PRIVATE_ONLY"), undefined);
  });

  test("RELAY_LIMITED: a relay of another maker ends a link by its bytes", async () => {
    const relay = await createLibp2p({
      addresses: { listen: [...loopback.listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        relay: circuitRelayServer({ reservations: { defaultDataLimit: BigInt(32 * 1_024) } }),
      },
    });
    try {
      const bootstrap = relay.getMultiaddrs().map((address) => address.toString());
      const links = { allowForeign: true };
      const agents = [echoAgent("far")];
      const clock = fastClock(1);
      await using guest = await createNode({
        network: guestOf({ bootstrap }),
        networkName,
        links,
        agents,
        clock,
      });
      const circuit = () => guest.addresses.find((address) => address.includes("/p2p-circuit"));
      await eventually("a place at the relay", () => circuit() !== undefined, 10_000);
      await using node = await createNode({ network: guestOf({}), networkName, links, clock });
      await node.connect(circuit() ?? "");
      const big = { name: "echo", arguments: { text: "x".repeat(100_000) } };
      await assert.rejects(node.call(`${guest.id}:far/tools/call`, big, { timeoutMs: 10_000 }));
      const { text, fix } = await raised(node, "RELAY_LIMITED");
      clock.run(60);
      assert.match(text, /\d+ relayed links were ended by their relay's limits/);
      assert.match(fix, /reach\.relay = "serve"/);
      await cleared(node, "RELAY_LIMITED");
    } finally {
      await relay.stop();
    }
  });

  const child = fileURLToPath(new URL("./children/multicast-doctor.ts", import.meta.url));
  const unshared = spawnSync("unshare", ["-rn", "ip", "link", "set", "lo", "up"]);
  const skip = unshared.status === 0 ? false : "no namespace of one's own, or no ip command, on this machine";

  test("MDNS_SILENT: no multicast route in the kernel, until it has one", { skip }, () => {
    const words = ["-rn", process.execPath, "--conditions=gridmesh-source", child];
    const ended = spawnSync("unshare", words, { encoding: "utf8", timeout: 60_000 });
    assert.equal(ended.status, 0, ended.stderr);
    const [told = "", gone = ""] = ended.stdout.trim().split("\n");
    const { text, fix } = JSON.parse(told) as { text: string; fix: string };
    assert.match(text, /no route for multicast \(224\.0\.0\.0\/4\)/);
    assert.match(fix, /^ip route add 224\.0\.0\.0\/4 dev /);
    assert.deepEqual(JSON.parse(gone), { cleared: true });
  });
});
