/** What the supervisor does when its machine slept, stood still, or came to another network. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { linked, type Peer, World } from "./supervisor-world.ts";

const HOUR_MS = 3_600_000;

/** Advances until the check holds and returns how long that took. */
async function msUntil(world: World, limitMs: number, check: () => boolean): Promise<number> {
  const startMs = world.clock.monotonicMs();
  while (!check()) {
    const tookMs = world.clock.monotonicMs() - startMs;
    assert.ok(tookMs < limitMs, `not within ${limitMs} ms`);
    await world.clock.advance(50);
  }
  return world.clock.monotonicMs() - startMs;
}

test("a new address of the machine ends every wait: the anchor is linked within a second", async () => {
  const world = new World(21);
  let addresses = ["eth0 192.0.2.1"];
  const a = await world.start("a", { bootstrap: ["boot"], interfaces: () => addresses });
  await world.clock.advance(100_000);
  await world.start("boot");
  // Right after a failed dial the next is up to 8.4 s away.
  const { started } = a.supervisor.state().dials;
  await msUntil(world, 10_000, () => a.supervisor.state().dials.started > started || linked(a).length > 0);
  if (linked(a).length === 0) {
    addresses = ["wlan0 198.51.100.7"];
    assert.ok((await msUntil(world, 5_000, () => linked(a).length > 0)) < 1_000);
  }

  const b = await world.start("b", { bootstrap: ["gone"], interfaces: () => addresses });
  await world.clock.advance(60_000);
  const before = b.supervisor.state().dials.started;
  await msUntil(world, 10_000, () => b.supervisor.state().dials.started > before);
  await world.start("gone");
  addresses = [];
  assert.ok((await msUntil(world, 5_000, () => linked(b).includes("gone"))) < 1_000);
});

test("a machine that woke with dead links has found out and redialled within eight seconds of noticing", async () => {
  const world = new World(22);
  const a = await world.start("a", { bootstrap: ["boot", "other"] });
  await world.start("boot");
  await world.start("other");
  await world.clock.advance(20_000);
  assert.deepEqual(linked(a), ["boot", "other"]);
  // The other side hung up while we slept; its goodbye is lost.
  world.hub.mute("boot");
  const cuts: string[] = [];
  using _ = a.transport.on("unlink", ({ peerId = "", reason = "" }) => cuts.push(`${peerId} ${reason}`));
  world.clock.jumpWall(HOUR_MS);
  await world.clock.advance(5_000);
  await msUntil(world, 8_000, () => cuts.length > 0);
  assert.deepEqual(cuts, ["boot silent"]);
  world.hub.unmute("boot");
  await msUntil(world, 2_000, () => linked(a).includes("boot"));
});

test("two that wake together dial each other once", async () => {
  const world = new World(23);
  world.hub.set({ minDelayMs: 5, maxDelayMs: 20 });
  const a = await world.start("a");
  const b = await world.start("b");
  const connected = a.supervisor.connect(world.addressOf("b"));
  await world.clock.advance(11_000);
  await connected;
  const dials = () => a.supervisor.state().dials.started + b.supervisor.state().dials.started;
  const before = dials();
  world.hub.partition([["a"], ["b"]]);
  await world.clock.advance(100);
  world.hub.heal();
  world.clock.jumpWall(HOUR_MS);
  await msUntil(world, 6_000, () => linked(a).length > 0);
  await world.clock.advance(5_000);
  assert.equal(dials() - before, 1);
});

test("stalls of five seconds cut nothing, whenever they come, and neither does an idle hour", async () => {
  const world = new World(24);
  const a = await world.start("a", { bootstrap: ["boot"] });
  await world.start("boot");
  world.hub.set({ minDelayMs: 20, maxDelayMs: 200 });
  await world.clock.advance(10_000);
  let cuts = 0;
  using _ = a.transport.on("unlink", () => {
    cuts += 1;
  });
  for (let round = 0; round < 100; round += 1) {
    await world.clock.advance(1_000 + ((round * 977) % 30_000));
    world.clock.stall(5_000);
  }
  await world.clock.advance(HOUR_MS);
  assert.equal(cuts, 0);
});

test("a loop that stood still for minutes while pings were under way cuts no living peer", async () => {
  const world = new World(25);
  const a = await world.start("a", { bootstrap: ["boot"] });
  await world.start("boot");
  await world.clock.advance(10_000);
  let cuts = 0;
  using _ = a.transport.on("unlink", () => {
    cuts += 1;
  });
  for (let round = 0; round < 10; round += 1) {
    // The answers are on their way while we stand still.
    world.hub.set({ minDelayMs: 9_000, maxDelayMs: 9_000 });
    await world.clock.advance(24_000);
    world.clock.stall(180_000);
    world.hub.set({ minDelayMs: 0, maxDelayMs: 0 });
    await world.clock.advance(20_000);
  }
  assert.equal(cuts, 0);
});

for (const [what, byMs] of [
  ["back", -HOUR_MS],
  ["forth", 20_000],
] as const) {
  test(`a wall clock set ${what} hides no dead peer and kills no living one`, async () => {
    const world = new World(26);
    const a = await world.start("a", { bootstrap: ["boot", "other"] });
    await world.start("boot");
    await world.start("other");
    await world.clock.advance(10_000);
    world.hub.mute("boot");
    world.clock.jumpWall(byMs);
    const tookMs = await msUntil(world, 100_000, () => !linked(a).includes("boot"));
    assert.ok(tookMs >= 60_000 && tookMs <= 90_000, `${tookMs} ms`);
    assert.deepEqual(linked(a), ["other"]);
  });
}

test("a peer that fell silent among four busy ones is left by all between 60 and 90 seconds later", async () => {
  const world = new World(27);
  const peers: Peer[] = [];
  for (let index = 0; index < 5; index += 1) {
    peers.push(await world.start(`n${index}`, { bootstrap: ["n0"] }));
  }
  await world.clock.advance(20_000);
  for (const peer of peers) assert.equal(linked(peer).length, 4);
  world.hub.mute("n3");
  const others = peers.filter((peer) => peer.transport.peerId !== "n3");
  const gone = () => others.filter((peer) => !linked(peer).includes("n3")).length;
  assert.ok((await msUntil(world, 100_000, () => gone() > 0)) >= 59_900);
  const restMs = await msUntil(world, 30_000, () => gone() === others.length);
  assert.ok(restMs <= 30_000);
});
