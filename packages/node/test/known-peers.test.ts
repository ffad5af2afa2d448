import assert from "node:assert/strict";
import { test } from "node:test";
import { knownPeers, memoryPeerStore } from "../src/network/known-peers.ts";
import { ManualClock } from "./manual-clock.ts";

const DAY_MS = 86_400_000;
const nobody = () => false;

function book(clock = new ManualClock()) {
  const store = memoryPeerStore();
  return { clock, store, peers: knownPeers({ store, clock }) };
}

test("the book ranks by time linked, halved every fourteen days", async () => {
  const { clock, peers } = book();
  for (const [peerId, hours] of [
    ["short", 1],
    ["long", 30],
  ] as const) {
    peers.seen({ peerId, addresses: [`/ip4/127.0.0.1/tcp/1/p2p/${peerId}`] }, "dht");
    peers.linkedFor(peerId, hours * 3_600_000);
  }
  assert.deepEqual(
    peers.best(9, nobody).map(({ peerId }) => peerId),
    ["long", "short"],
  );
  clock.jumpWall(70 * DAY_MS);
  peers.linkedFor("short", 1);
  assert.deepEqual(
    peers.best(9, nobody).map(({ peerId }) => peerId),
    ["short", "long"],
  );
  clock.jumpWall(21 * DAY_MS);
  assert.deepEqual(
    peers.best(9, nobody).map(({ peerId }) => peerId),
    ["short"],
  );
});

test("the address that last held comes first, and eight are kept", () => {
  const { peers } = book();
  const addresses = Array.from({ length: 8 }, (_, index) => `/ip4/10.0.0.${index}/tcp/1/p2p/a`);
  peers.seen({ peerId: "a", addresses }, "mdns");
  peers.reached("a", "/ip4/10.0.0.5/tcp/1/p2p/a");
  peers.seen({ peerId: "a", addresses: ["/ip4/10.0.0.9/tcp/1/p2p/a"] }, "dht");
  const [hint] = peers.best(1, nobody);
  assert.equal(hint?.addresses.length, 8);
  assert.deepEqual(hint?.addresses.slice(0, 2), ["/ip4/10.0.0.5/tcp/1/p2p/a", "/ip4/10.0.0.9/tcp/1/p2p/a"]);
});

test("four peers of a /24 are kept, loopback is not counted, and a saved book comes back", async () => {
  const { clock, store, peers } = book();
  for (let index = 0; index < 9; index += 1) {
    peers.seen({ peerId: `far${index}`, addresses: [`/ip4/192.0.2.${index}/tcp/1`] }, "introduction");
    peers.seen({ peerId: `near${index}`, addresses: [`/ip4/127.0.0.1/tcp/${index + 1}`] }, "introduction");
  }
  await peers.save();
  const again = knownPeers({ store, clock });
  await again.load();
  const kept = again.rows().map(({ peerId }) => peerId);
  assert.equal(kept.filter((peerId) => peerId.startsWith("far")).length, 4);
  assert.equal(kept.filter((peerId) => peerId.startsWith("near")).length, 9);
});
