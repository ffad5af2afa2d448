/** What a node makes of peers that fall silent, and of clocks that differ. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { identityFromSeed } from "../src/identity.ts";
import { watchHealth } from "../src/link/health.ts";
import { PeerSession } from "../src/link/session.ts";
import { memory, memoryHub } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { manualClock, testNetwork } from "../src/testing/index.ts";
import { heartbeat, NETWORK, rawPeer } from "./node-fixture.ts";

test("a greeted peer that says nothing is suspect after 45 seconds and dead after 75, and a word revives it", async () => {
  const clock = manualClock(Date.now());
  const hub = memoryHub({ seed: 21 });
  const beginning = createNode({ network: memory({ hub }), networkName: NETWORK, clock });
  await clock.advance(1_000);
  await using node = await beginning;
  await using peer = await rawPeer(memory({ hub }), 22);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const channel = await peer.control(node.id);
  await channel.hello();
  const health = () => node.peers().find(({ peerId }) => peerId === peer.identity.peerId)?.health;
  assert.equal(health(), "healthy");
  await clock.advance(40_000);
  assert.equal(health(), "healthy");
  await clock.advance(10_000);
  assert.equal(health(), "suspect");
  await clock.advance(20_000);
  assert.equal(health(), "suspect", "70 seconds");
  await clock.advance(10_000);
  assert.equal(health(), "dead", "80 seconds");
  await channel.send(channel.seal(heartbeat, { nowS: Math.floor(clock.nowMs() / 1_000) }));
  await clock.advance(5_000);
  assert.equal(health(), "healthy");
});

test("when our own loop stood still nobody is to blame for the silence", async () => {
  const clock = manualClock();
  let stoodMs = 0;
  const standing = { ...clock, monotonicMs: () => clock.monotonicMs() + stoodMs };
  const session = new PeerSession("somebody");
  session.agree({ selected_version: "1.1", features: [] });
  session.heardMs = 0;
  using health = watchHealth({ clock: standing, sessions: () => [session] });
  await clock.advance(35_000);
  stoodMs = 60_000;
  await clock.advance(5_000);
  assert.equal(health.of("somebody"), "healthy");
  await clock.advance(35_000);
  assert.equal(health.of("somebody"), "dead", "75 seconds in which the peer could have spoken");
});

test("a clock that is a minute off is noticed even so, and stops new trades", async () => {
  const clock = manualClock();
  let skewMs = 0;
  const skewed = { ...clock, nowMs: () => clock.nowMs() + skewMs };
  const starting = testNetwork(5, { clock, options: (n) => (n === 4 ? { clock: skewed } : {}) });
  await clock.advance(5_000);
  await using net = await starting;
  const last = net.nodes[4];
  assert.ok(last !== undefined);
  const severity = (node: AgentNode | undefined) =>
    node?.findings().find((finding) => finding.code === "CLOCK_SKEWED")?.severity;
  await clock.advance(40_000);
  assert.equal(severity(last), undefined);
  const { signer } = identityFromSeed(new Uint8Array(32).fill(4));
  const book = { name: "a", moneyMicro: 1_000_000, energyMilliWh: 5_000, capacityMilliWh: 10_000 };
  const opening = last.desk.open({ signer, ...book });
  await clock.advance(100);
  await opening;
  const slot = {
    startS: Math.floor(clock.nowMs() / 1_000 / 3_600) * 3_600 + 7_200,
    durationS: 3_600,
    area: "a",
  };
  const offer = () => {
    const { agentId } = signer;
    const untilMs = clock.nowMs() + 3_600_000;
    return last.desk.offer({
      agentId,
      slot,
      quantityMilliWh: 1_000,
      priceMicroPerKWh: 1,
      currency: "EUR",
      untilMs,
    });
  };
  const offered = offer();
  await clock.advance(100);
  await offered;
  for (const [skewS, expected] of [
    [10, "warning"],
    [61, "critical"],
    [-61, "critical"],
  ] as const) {
    skewMs = skewS * 1_000;
    await clock.advance(60_000);
    assert.equal(severity(last), expected, `${skewS} s`);
    assert.equal(severity(net.nodes[0]), undefined, "the others agree with each other");
    if (expected === "warning") continue;
    await assert.rejects(
      offer(),
      (error: unknown) => isProtocolError(error) && error.code === "MARKET_HALTED",
    );
  }
  skewMs = 0;
  await clock.advance(60_000);
  assert.equal(severity(last), undefined);
});
