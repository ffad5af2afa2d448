/** Whom a node turns away, for how long, and what no peer can make it forget. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ErrorCode, isProtocolError } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { isNear, netOf } from "../src/gate/addresses.ts";
import { createBans } from "../src/gate/admit.ts";
import { identityFromSeed } from "../src/identity.ts";
import { nodeLimits } from "../src/limits.ts";
import { libp2p, memory, memoryHub, type NetworkChoice } from "../src/network/index.ts";
import { memoryStore } from "../src/store/memory.ts";
import { openStateStore } from "../src/store/sqlite.ts";
import { manualClock } from "../src/testing/index.ts";
import { eventually, NETWORK, rawPeer } from "./node-fixture.ts";

const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;
const HOUR_MS = 3_600_000;

async function tempHome() {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-bans-"));
  return { home, [Symbol.asyncDispose]: () => rm(home, { recursive: true }) };
}

for (const [over, choose] of [
  [
    "memory",
    () => {
      const hub = memoryHub({ seed: 3 });
      return () => memory({ hub });
    },
  ],
  ["libp2p", () => () => libp2p()],
] as const satisfies readonly (readonly [string, () => () => NetworkChoice])[]) {
  test(`over ${over} a ban by hand cuts the link, holds over a restart, and ends when it is lifted`, async () => {
    await using temp = await tempHome();
    const { home } = temp;
    const network = choose();
    await using peer = await rawPeer(network(), 31);
    const { peerId } = peer.identity;
    const linked = async (addresses: readonly string[]) => {
      await peer.transport.dial({ addresses }, { timeoutMs: 2_000 }).catch(() => undefined);
      return peer.transport.links().length > 0;
    };
    {
      await using node = await createNode({ network: network(), networkName: NETWORK, home });
      assert.ok(await linked(node.addresses));
      node.bans.ban(peerId, HOUR_MS);
      await eventually("the link goes", () => node.snapshot().links === 0);
      const [ban] = node.bans.list();
      assert.deepEqual(
        [ban?.subject, ban?.kind, ban?.code, ban?.by, ban?.strikes],
        [peerId, "peer", "UNAUTHORIZED", "operator", 1],
      );
      await assert.rejects(node.call(`${peerId}:any/method`), code("PEER_BANNED"));
    }
    await using again = await createNode({ network: network(), networkName: NETWORK, home });
    assert.equal(again.bans.list()[0]?.subject, peerId);
    await linked(again.addresses);
    await eventually("it is turned away", () => again.snapshot().links === 0);
    assert.equal(again.bans.lift(peerId), true);
    assert.equal(again.bans.lift(peerId), false);
    await eventually(
      "it comes back",
      () => again.snapshot().links === 1 || (void linked(again.addresses), false),
    );
  });
}

test("a ban ends by itself, and a peer it was for is linked again", async () => {
  const clock = manualClock();
  const bans = createBans(memoryStore(), clock);
  bans.ban("somebody", "MESSAGE_MALFORMED");
  await clock.advance(nodeLimits.banMs - 1);
  assert.ok(bans.banned("somebody"));
  assert.equal(bans.list().length, 1);
  await clock.advance(1);
  assert.ok(!bans.banned("somebody"));
  assert.deepEqual(bans.list(), []);
});

test("offence points outlive the process, and fade by half in ten minutes", async () => {
  await using temp = await tempHome();
  const clock = manualClock();
  const before = openStateStore(temp.home);
  const bans = createBans(before, clock);
  for (let n = 0; n < 4; n += 1) bans.offence("somebody", "SIGNATURE_INVALID");
  await clock.advance(1_000);
  bans.close();
  before.close();
  const after = openStateStore(temp.home);
  const again = createBans(after, clock);
  assert.ok(Math.abs(again.points("somebody") - 40) < 0.1);
  await clock.advance(600_000);
  assert.ok(Math.abs(again.points("somebody") - 20) < 0.1);
  assert.equal(again.offence("somebody", "SIGNATURE_INVALID"), false);
  assert.equal(again.offence("somebody", "EQUIVOCATION"), true);
  assert.equal(again.points("somebody"), 0, "the ban has taken them");
  again.close();
  after.close();
});

test("of ten thousand and one bans the oldest is dropped, also from the store", () => {
  const clock = manualClock();
  const kept = memoryStore();
  const bans = createBans(kept, clock);
  for (let n = 0; n <= nodeLimits.bans; n += 1) bans.ban(`peer${n}`, "MESSAGE_MALFORMED");
  assert.equal(bans.list().length, nodeLimits.bans);
  assert.equal(kept.bans().length, nodeLimits.bans);
  assert.ok(!bans.banned("peer0"));
  assert.ok(bans.banned("peer1") && bans.banned(`peer${nodeLimits.bans}`));
});

test("a flood bans its address for an hour at most, eight of one net the net, and never who is near or chosen", async () => {
  const clock = manualClock();
  const bans = createBans(memoryStore(), clock, { isChosen: (ip) => ip === "203.0.113.7" });
  const flood = (ip: string, times: number = nodeLimits.floodRefusals) => {
    for (let n = 0; n < times; n += 1) bans.flood(ip);
  };
  flood("198.51.100.1", nodeLimits.floodRefusals - 1);
  assert.ok(!bans.bannedIp("198.51.100.1"));
  await clock.advance(nodeLimits.floodWindowMs);
  flood("198.51.100.1", nodeLimits.floodRefusals - 1);
  assert.ok(!bans.bannedIp("198.51.100.1"), "over two windows");
  flood("198.51.100.1", 1);
  assert.ok(bans.bannedIp("198.51.100.1"));
  assert.ok(!bans.bannedIp("198.51.100.2"));
  for (let n = 0; n < 6; n += 1) {
    const leftMs = bans.left("198.51.100.1").data.retry_after_ms;
    assert.ok(leftMs <= HOUR_MS, `${leftMs} ms`);
    clock.shiftWall(leftMs + 1);
    flood("198.51.100.1");
  }
  assert.equal(bans.left("198.51.100.1").data.retry_after_ms, HOUR_MS);
  for (let n = 2; n < 9; n += 1) flood(`198.51.100.${n}`);
  assert.ok(bans.bannedIp("198.51.100.200"), "the net");
  for (const ip of [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.1.9",
    "172.20.0.1",
    "100.64.0.1",
    "169.254.1.1",
    "::1",
    "fd00::1",
    "fe80::1",
    "::ffff:127.0.0.1",
    "203.0.113.7",
  ]) {
    flood(ip, 1_000);
    assert.ok(!bans.bannedIp(ip), ip);
  }
  assert.throws(() => bans.ban("127.0.0.0/24", "RATE_LIMITED"), code("INVALID_PARAMS"));
  assert.ok(!isNear("2001:db8::1") && !isNear("8.8.8.8"));
  assert.equal(netOf("2001:db8:1:2:3::4"), netOf("2001:0db8:0001:0002::9"));
});

test("a loopback peer that floods is banned by its name, and others of its address go on", () => {
  const bans = createBans(memoryStore(), manualClock());
  for (let n = 0; n < 10; n += 1) bans.offence("flooder", "MESSAGE_MALFORMED");
  assert.ok(bans.banned("flooder"));
  assert.ok(!bans.bannedIp("127.0.0.1"));
});

test("an operator bans names of others alone, for some time", async () => {
  const hub = memoryHub({ seed: 4 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  const agentId = identityFromSeed(new Uint8Array(32).fill(9)).signer.agentId;
  node.bans.ban(agentId);
  assert.equal(node.bans.list()[0]?.kind, "agent");
  for (const wrong of ["", "/ip4/1.2.3.4", "8.8.8.8", "8.8.8.0/24", node.id]) {
    assert.throws(() => node.bans.ban(wrong), code("INVALID_PARAMS"), wrong);
  }
  assert.throws(() => node.bans.ban(agentId, 0), code("INVALID_PARAMS"));
});
