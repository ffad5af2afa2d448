/** Finding peers and keeping links, on the memory network with a clock moved by hand. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "@gridmesh/protocol";
import { memoryPeerStore } from "../src/network/index.ts";
import { seededRandom, settle } from "./manual-clock.ts";
import { linked, type Peer, World } from "./supervisor-world.ts";

test("a bootstrap that was down at the start, or for an hour, is linked within ten seconds of its return", async () => {
  const world = new World(1);
  const a = await world.start("a", { bootstrap: ["boot"] });
  await world.clock.advance(60_000);
  assert.deepEqual(linked(a), []);
  let boot = await world.start("boot");
  await world.clock.advance(10_000);
  assert.deepEqual(linked(a), ["boot"]);

  await boot.stop();
  await settle();
  assert.deepEqual(linked(a), []);
  await world.clock.advance(3_600_000);
  boot = await world.start("boot");
  await world.clock.advance(10_000);
  assert.deepEqual(linked(a), ["boot"]);
});

test("an anchor is redialled after 1, 2, 4, 7, 7 … seconds, a fifth more or less, for ever", async () => {
  const world = new World(2);
  const a = await world.start("a", { bootstrap: ["boot"] });
  const times: number[] = [];
  let started = 0;
  for (let step = 0; step < 1_000; step += 1) {
    const now = a.supervisor.state().dials.started;
    if (now > started) times.push(world.clock.monotonicMs());
    started = now;
    await world.clock.advance(100);
  }
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  for (const [index, seconds] of [1, 2, 4, 7, 7, 7].entries()) {
    const gap = gaps[index]!;
    assert.ok(gap >= seconds * 800 - 100 && gap <= seconds * 1_200 + 100, `gap ${index}: ${gap} ms`);
  }
  const [view] = a.supervisor.state().anchors;
  assert.equal(view?.attempts[0]?.reason, "connection refused");
  assert.ok((view?.nextDialMs ?? 0) >= world.clock.nowMs());
});

for (const seed of [1, 2, 3, 4, 5]) {
  test(`eight nodes of one bootstrap mesh whatever the order of their starts (seed ${seed})`, async () => {
    const world = new World(seed);
    const random = seededRandom(seed);
    const names = ["boot", "b", "c", "d", "e", "f", "g", "h"];
    for (let index = names.length - 1; index > 0; index -= 1) {
      const other = random.below(index + 1);
      [names[index], names[other]] = [names[other]!, names[index]!];
    }
    const peers: Peer[] = [];
    for (const name of names) {
      peers.push(await world.start(name, { bootstrap: ["boot"] }));
      await world.clock.advance(random.below(3_000));
    }
    await world.clock.advance(15_000);
    for (const peer of peers) assert.equal(linked(peer).length, names.length - 1, peer.transport.peerId);
  });
}

test("twenty nodes that sight each other at once have twelve links each, without a failed or double dial", async () => {
  const world = new World(6);
  world.hub.set({ minDelayMs: 5, maxDelayMs: 50 });
  const peers: Peer[] = [];
  for (let index = 0; index < 20; index += 1) {
    peers.push(await world.start(`n${String(index).padStart(2, "0")}`, { mdns: true }));
  }
  await world.clock.advance(5_000);
  for (const peer of peers)
    assert.ok(linked(peer).length >= 12, `${peer.transport.peerId}: ${linked(peer).length}`);
  const dials = peers.map((peer) => peer.supervisor.state().dials);
  const started = dials.reduce((sum, one) => sum + one.started, 0);
  const failed = dials.reduce((sum, one) => sum + one.failed, 0);
  const links = peers.reduce((sum, peer) => sum + linked(peer).length, 0) / 2;
  assert.equal(failed, 0);
  assert.ok(started <= links * 1.05, `${started} dials for ${links} links`);
});

test("a node whose bootstrap is dead rejoins from its book within fifteen seconds", async () => {
  const world = new World(7);
  const store = memoryPeerStore();
  const others = [
    await world.start("x", { bootstrap: ["boot"] }),
    await world.start("y", { bootstrap: ["boot"] }),
  ];
  const boot = await world.start("boot");
  let a = await world.start("a", { bootstrap: ["boot"], store });
  await world.clock.advance(20_000);
  assert.deepEqual(linked(a), ["boot", "x", "y"]);
  await a.stop();
  await boot.stop();
  world.clock.jumpWall(30 * 86_400_000);
  await world.clock.advance(60_000);
  a = await world.start("a", { bootstrap: ["boot"], store });
  await world.clock.advance(15_000);
  assert.deepEqual(linked(a), ["x", "y"]);
  assert.equal(others.length, 2);
});

test("a woken machine redials within a second", async () => {
  const world = new World(8);
  const a = await world.start("a", { bootstrap: ["boot"] });
  await world.clock.advance(120_000);
  const boot = await world.start("boot");
  const before = a.supervisor.state().dials.started;
  world.clock.jumpWall(3_600_000);
  // The clocks are compared every five seconds.
  await world.clock.advance(5_300);
  assert.ok(a.supervisor.state().dials.started > before);
  assert.deepEqual(linked(a), ["boot"]);
  await boot.stop();
});

test("a neighbour is given up after three dials, a partner is not", async () => {
  const world = new World(9);
  const a = await world.start("a");
  const b = await world.start("b");
  await a.supervisor.connect(world.addressOf("b"));
  await b.stop();
  await world.clock.advance(300_000);
  assert.equal(a.supervisor.peers().length, 0);

  const again = await world.start("b");
  await a.supervisor.connect(world.addressOf("b"));
  const held = a.supervisor.partner("b", "an order");
  await again.stop();
  await world.clock.advance(3_600_000);
  const last = await world.start("b");
  await world.clock.advance(10_000);
  assert.deepEqual(linked(a), ["b"]);
  held[Symbol.dispose]();
  assert.equal(a.supervisor.peers()[0]?.peerClass, "neighbour");
  await last.stop();
});

test("disconnect stays away, from an anchor too, until connect", async () => {
  const world = new World(10);
  const a = await world.start("a", { bootstrap: ["boot"] });
  const boot = await world.start("boot");
  await world.clock.advance(10_000);
  assert.deepEqual(linked(a), ["boot"]);
  await a.supervisor.disconnect("boot");
  await world.clock.advance(600_000);
  assert.deepEqual(linked(a), []);
  await boot.supervisor.connect(world.addressOf("a"));
  await settle();
  assert.deepEqual(linked(a), []);
  await a.supervisor.connect("boot");
  await world.clock.advance(1_000);
  assert.deepEqual(linked(a), ["boot"]);
});

test("a parked peer is tried again after its time", async () => {
  const world = new World(11);
  const a = await world.start("a", { bootstrap: ["boot"] });
  await world.start("boot");
  await world.clock.advance(2_000);
  await a.supervisor.park("boot", 600_000, "of another network");
  await world.clock.advance(599_000);
  assert.deepEqual(linked(a), []);
  await world.clock.advance(10_000);
  assert.deepEqual(linked(a), ["boot"]);
});

test("an introduced peer is dialled while links are wanted", async () => {
  const world = new World(12);
  const a = await world.start("a");
  await world.start("b");
  a.supervisor.introduce({ peerId: "b", addresses: [world.addressOf("b")] });
  a.supervisor.introduce({ peerId: "a", addresses: [world.addressOf("a")] });
  await world.clock.advance(5_000);
  assert.deepEqual(linked(a), ["b"]);
});

test("an idle hour cuts no link; a peer that fell silent is cut between 60 and 90 seconds later", async () => {
  const world = new World(13);
  const a = await world.start("a", { bootstrap: ["boot"] });
  await world.start("boot");
  await world.clock.advance(10_000);
  const cuts: number[] = [];
  using _ = a.transport.on("unlink", () => cuts.push(world.clock.monotonicMs()));
  await world.clock.advance(3_600_000);
  assert.deepEqual(cuts, []);
  world.hub.mute("boot");
  const startMs = world.clock.monotonicMs();
  await world.clock.advance(120_000);
  const tookMs = (cuts[0] ?? Number.POSITIVE_INFINITY) - startMs;
  assert.ok(tookMs >= 60_000 && tookMs <= 90_000, `${tookMs} ms`);
});

test("a peer nobody knows is PEER_UNREACHABLE or not found", async () => {
  const world = new World(14);
  const a = await world.start("a");
  await assert.rejects(a.supervisor.connect("/memory/77/p2p/nobody"), (error) => {
    assert.ok(error instanceof ProtocolError);
    assert.equal(error.code, "PEER_UNREACHABLE");
    return true;
  });
});
