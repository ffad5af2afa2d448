/** The queue of dials, partners and the worth of links. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "@gridmesh/protocol";
import type { Transport } from "../src/network/transport.ts";
import { settle } from "./manual-clock.ts";
import { linked, type Peer, World } from "./supervisor-world.ts";

/** A transport that notes how many dials are under way, and to whom. */
function counted(underWay: { readonly now: string[]; most: number }): (bare: Transport) => Transport {
  return (bare) =>
    new Proxy(bare, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== "dial") return typeof value === "function" ? value.bind(target) : value;
        const dial: Transport["dial"] = async (to, wait) => {
          const key = to.peerId ?? to.addresses[0] ?? "";
          assert.ok(!underWay.now.includes(key), `${key} is dialled already`);
          underWay.now.push(key);
          underWay.most = Math.max(underWay.most, underWay.now.length);
          try {
            return await target.dial(to, wait);
          } finally {
            underWay.now.splice(underWay.now.indexOf(key), 1);
          }
        };
        return dial;
      },
    });
}

test("eight dials are under way at most and one per peer; a call's dial goes before all others", async () => {
  const world = new World(41);
  world.hub.set({ minDelayMs: 1_000, maxDelayMs: 1_000 });
  const underWay = { now: [] as string[], most: 0 };
  const others = Array.from({ length: 30 }, (_, index) => `p${index}`);
  for (const name of [...others, "wanted"]) await world.start(name);
  const a = await world.start("a", { bootstrap: others, wrap: counted(underWay) });
  await settle();
  assert.equal(underWay.now.length, 8);
  const joined = a.supervisor.reach("p0");
  const first = a.supervisor.connect(world.addressOf("wanted"));
  const again = a.supervisor.connect(world.addressOf("p29"));
  await world.clock.advance(2_100);
  const links = await Promise.all([joined, first, again]);
  assert.deepEqual(
    links.map(({ peerId }) => peerId),
    ["p0", "wanted", "p29"],
  );
  await world.clock.advance(10_000);
  assert.equal(linked(a).length, 31);
  assert.equal(underWay.most, 8);
});

test("a dial that a call waits for tells every address's reason, and its time is bounded", async () => {
  const world = new World(42);
  const a = await world.start("a");
  world.hub.set({ minDelayMs: 60_000, maxDelayMs: 60_000 });
  await world.start("b");
  const failed = assert.rejects(a.supervisor.connect(world.addressOf("b")), (error) => {
    assert.ok(error instanceof ProtocolError);
    assert.equal(error.code, "PEER_UNREACHABLE");
    return true;
  });
  await world.clock.advance(5_000);
  await failed;
});

test("neighbours beyond the limit are parted from, anchors and partners never", async () => {
  const world = new World(43);
  const a = await world.start("a", { bootstrap: ["anchor"], maxLinks: 5 });
  await world.start("anchor");
  const partner = await world.start("partner");
  await partner.supervisor.connect(world.addressOf("a"));
  using _ = a.supervisor.partner("partner", "an order");
  await world.clock.advance(10_000);
  const parted: string[] = [];
  using __ = a.transport.on("unlink", ({ peerId = "", reason = "" }) => parted.push(`${peerId} ${reason}`));
  const others: Peer[] = [];
  for (let index = 0; index < 6; index += 1) {
    const other = await world.start(`n${index}`);
    others.push(other);
    await other.supervisor.connect(world.addressOf("a"));
    await world.clock.advance(100);
  }
  assert.equal(linked(a).length, 4);
  assert.ok(linked(a).includes("anchor") && linked(a).includes("partner"));
  assert.deepEqual(parted.slice(0, 1), ["n2 pruned"]);
  const tags = new Map(a.supervisor.peers().map(({ peerId, tag }) => [peerId, tag]));
  assert.equal(tags.get("anchor"), 100);
  assert.equal(tags.get("partner"), 80);
  for (const [peerId, tag] of tags) {
    if (peerId !== "anchor" && peerId !== "partner") assert.ok(tag <= 40, `${peerId} ${tag}`);
  }
});

test("a thousand strangers' hints leave room for whoever links", async () => {
  const world = new World(44);
  const a = await world.start("a", { minLinks: 0, targetLinks: 1 });
  const first = await world.start("first");
  await first.supervisor.connect(world.addressOf("a"));
  for (let index = 0; index < 3_000; index += 1) {
    a.supervisor.introduce({ peerId: `s${index}`, addresses: [`/memory/9${index}/p2p/s${index}`] });
  }
  assert.ok(a.supervisor.peers().length <= 1_000);
  const late = await world.start("late");
  await late.supervisor.connect(world.addressOf("a"));
  const states = new Map(a.supervisor.peers().map(({ peerId, state }) => [peerId, state]));
  assert.equal(states.get("late"), "linked");
  assert.equal(states.get("first"), "linked");
});
