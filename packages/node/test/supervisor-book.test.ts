/** How a node finds back after a long time, and which addresses it tries. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inDialOrder, isLearnable } from "../src/network/addresses.ts";
import { knownPeers, memoryPeerStore } from "../src/network/index.ts";
import { ManualClock } from "./manual-clock.ts";
import { linked, type Peer, World } from "./supervisor-world.ts";

const DAY_MS = 86_400_000;

test("a node away for 30 days, its bootstraps dead and half of all addresses changed, is back within 15 s", async () => {
  const world = new World(31);
  world.hub.set({ minDelayMs: 10, maxDelayMs: 100 });
  const names = Array.from({ length: 20 }, (_, index) => `p${String(index).padStart(2, "0")}`);
  const boots = [await world.start("boot1"), await world.start("boot2")];
  const bootstrap = ["boot1", "boot2"];
  const others: Peer[] = [];
  for (const name of names) others.push(await world.start(name, { bootstrap }));
  const store = memoryPeerStore();
  const away = { bootstrap, store, targetLinks: 30, minLinks: 30 };
  let a = await world.start("a", away);
  await world.clock.advance(120_000);
  assert.ok(linked(a).length >= 12, `${linked(a).length}`);
  const known = (await store.load()).length;
  await a.stop();

  for (const boot of boots) await boot.stop();
  for (const name of names.filter((_, index) => index % 2 === 0)) world.hub.move(name);
  world.clock.jumpWall(30 * DAY_MS);
  a = await world.start("a", away);
  await world.clock.advance(15_000);
  assert.ok(known >= 12, `${known} in the book`);
  assert.ok(linked(a).length >= 4, `${linked(a).length} links`);
});

test("eight nodes that lost power together find each other without any bootstrap, each pair by one dial", async () => {
  const world = new World(32);
  world.hub.set({ minDelayMs: 5, maxDelayMs: 50 });
  const names = ["boot", "b", "c", "d", "e", "f", "g", "h"];
  const stores = new Map(names.map((name) => [name, memoryPeerStore()]));
  const startAll = async () => {
    const peers: Peer[] = [];
    for (const name of names) {
      const store = stores.get(name);
      assert.ok(store !== undefined);
      peers.push(await world.start(name, { bootstrap: ["boot"], store }));
    }
    return peers;
  };
  const before = await startAll();
  await world.clock.advance(60_000);
  for (const peer of before) assert.equal(linked(peer).length, 7);
  for (const peer of before) await peer.stop();
  names.shift();
  const after = await startAll();
  await world.clock.advance(15_000);
  for (const peer of after) assert.equal(linked(peer).length, 6, peer.transport.peerId);
  const dials = after.map((peer) => peer.supervisor.state().dials);
  const linkedPairs = (7 * 6) / 2;
  const toBoot = dials.reduce((sum, { failed }) => sum + failed, 0);
  assert.equal(dials.reduce((sum, { started }) => sum + started, 0) - toBoot, linkedPairs);
});

for (const [what, asleepMs, awakeMs] of [
  ["ten minutes", 0, 600_000],
  ["thirty days, all but an hour of them asleep,", 30 * DAY_MS, 3_600_000],
] as const) {
  test(`a bootstrap that was away for ${what} is linked within ten seconds of its return`, async () => {
    const world = new World(33);
    const a = await world.start("a", { bootstrap: ["boot"] });
    let boot = await world.start("boot");
    await world.clock.advance(10_000);
    assert.deepEqual(linked(a), ["boot"]);
    await boot.stop();
    world.clock.jumpWall(asleepMs);
    await world.clock.advance(awakeMs);
    boot = await world.start("boot");
    await world.clock.advance(10_000);
    assert.deepEqual(linked(a), ["boot"]);
  });
}

test("a node that kept others does without its bootstrap: thirty days later it still has its links", async () => {
  const world = new World(34);
  const boot = await world.start("boot");
  const peers: Peer[] = [];
  for (const name of ["b", "c", "d", "e"]) peers.push(await world.start(name, { bootstrap: ["boot"] }));
  await world.clock.advance(20_000);
  await boot.stop();
  await world.clock.advance(60_000);
  world.clock.jumpWall(30 * DAY_MS);
  await world.clock.advance(60_000);
  for (const peer of peers) assert.equal(linked(peer).length, 3);
  await world.start("boot");
  await world.clock.advance(10_000);
  for (const peer of peers) assert.equal(linked(peer).length, 4);
});

test("addresses are tried from the last good one over LAN and public to relayed; one that failed goes last", () => {
  const relayed = "/ip4/198.51.100.1/tcp/4801/p2p/relay/p2p-circuit/p2p/x";
  const [open, open6] = ["/ip4/203.0.113.9/tcp/4801", "/ip6/2001:db8::9/tcp/4801"];
  const [lan, old] = ["/ip4/192.168.1.9/tcp/4801", "/dns4/old.example/tcp/4801"];
  const all = [relayed, open, open6, lan, old];
  const order = (misses: Readonly<Record<string, number>>) =>
    inDialOrder(all, {
      lastSuccessMs: (address) => (address === old ? 1_000 : 0),
      misses: (address) => misses[address] ?? 0,
    });
  assert.deepEqual(order({}), [old, lan, open, open6, relayed]);
  assert.deepEqual(order({ [old]: 1, [lan]: 2 }), [open, open6, relayed, old, lan]);
});

test("what strangers tell leads neither into a LAN nor to a name without a certificate", () => {
  for (const address of [
    "/ip4/10.0.0.1/tcp/4801",
    "/ip4/127.0.0.1/tcp/4801",
    "/ip4/169.254.169.254/tcp/80",
    "/ip4/100.64.0.1/tcp/4801",
    "/ip6/::1/tcp/4801",
    "/ip6/fd00::1/tcp/4801",
    "/ip6/::ffff:10.0.0.1/tcp/4801",
    "/dns4/inside.example/tcp/4801",
    "/unix/tmp/socket",
  ]) {
    assert.equal(isLearnable(address), false, address);
  }
  for (const address of [
    "/ip4/8.8.8.8/tcp/4801",
    "/ip6/2606:4700::1/tcp/4801",
    "/dns4/peer.example/tcp/443/wss/p2p/x",
  ]) {
    assert.equal(isLearnable(address), true, address);
  }
});

test("in a public network an introduced private address is not dialled, a sighted one of the own LAN is", async () => {
  const world = new World(35);
  const a = await world.start("a", { learnsPrivate: false });
  a.supervisor.introduce({ peerId: "b", addresses: ["/ip4/192.168.1.7/tcp/4801/p2p/b"] });
  await world.clock.advance(10_000);
  assert.equal(a.supervisor.state().dials.started, 0);
  assert.deepEqual(a.supervisor.peers(), []);
  a.supervisor.introduce({
    peerId: "c",
    addresses: ["/ip4/192.168.1.7/tcp/4801/p2p/c", "/ip4/8.8.8.8/tcp/4801/p2p/c"],
  });
  await world.clock.advance(10_000);
  const [c] = a.supervisor.peers();
  assert.deepEqual(c?.addresses, ["/ip4/8.8.8.8/tcp/4801/p2p/c"]);
});

test("an address that once held is not pushed out of the book by hearsay", () => {
  const clock = new ManualClock();
  const book = knownPeers({ store: memoryPeerStore(), clock });
  book.seen({ peerId: "x", addresses: ["/ip4/8.8.8.8/tcp/1"] }, "inbound");
  book.reached("x", "/ip4/8.8.8.8/tcp/1");
  book.seen(
    { peerId: "x", addresses: Array.from({ length: 20 }, (_, at) => `/ip4/9.9.9.${at}/tcp/1`) },
    "dht",
  );
  const [hint] = book.best(1, () => false);
  assert.equal(hint?.addresses[0], "/ip4/8.8.8.8/tcp/1");
  assert.equal(hint?.addresses.length, 8);
});

test("the book holds a thousand peers for ninety days, LAN peers without a bound per network", () => {
  const clock = new ManualClock();
  const book = knownPeers({ store: memoryPeerStore(), clock });
  for (let index = 0; index < 1_500; index += 1) {
    const address = `/ip4/9.${index >> 8}.${index & 255}.1/tcp/1`;
    book.seen({ peerId: `far${index}`, addresses: [address] }, "introduction");
  }
  assert.equal(book.rows().length, 1_000);
  clock.jumpWall(91 * DAY_MS);
  assert.equal(book.rows().length, 0);
  for (let index = 0; index < 50; index += 1) {
    book.seen({ peerId: `near${index}`, addresses: [`/ip4/192.168.1.${index}/tcp/1`] }, "mdns");
    book.seen({ peerId: `six${index}`, addresses: [`/ip6/2606:4700:1::${index}/tcp/1`] }, "dht");
  }
  const kept = book.rows().map(({ peerId }) => peerId);
  assert.equal(kept.filter((peerId) => peerId.startsWith("near")).length, 50);
  assert.equal(kept.filter((peerId) => peerId.startsWith("six")).length, 4);
});
