import assert from "node:assert/strict";
import { test } from "node:test";
import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { identityFromSeed } from "../src/identity.ts";
import type { LinkExchange } from "../src/link/exchange.ts";
import { startIntroducer } from "../src/link/introduce.ts";
import { createReach } from "../src/link/reach.ts";
import { createBans } from "../src/gate/admit.ts";
import { memory, memoryHub, type Transport } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { memoryStore } from "../src/store/memory.ts";
import { manualClock, memoryDisk, testNetwork } from "../src/testing/index.ts";
import { eventually, NETWORK } from "./node-fixture.ts";

test("a clock that is off by more than five seconds is a finding, by a minute a critical one", async () => {
  const clock = manualClock();
  const skewed = { ...clock, nowMs: () => clock.nowMs() + skewMs };
  let skewMs = 10_000;
  const starting = testNetwork(5, { clock, options: (n) => (n === 4 ? { clock: skewed } : {}) });
  await clock.advance(5_000);
  await using net = await starting;
  await clock.advance(60_000);
  const severity = (node: AgentNode | undefined) =>
    node?.findings().find((finding) => finding.code === "CLOCK_SKEWED")?.severity;
  assert.equal(severity(net.nodes[4]), "warning");
  assert.equal(severity(net.nodes[0]), undefined, "the others agree with each other");
  skewMs = 0;
  await clock.advance(60_000);
  assert.equal(severity(net.nodes[4]), undefined);
});

test("few peers are asked for others, anchors always, and others in place of those that went", async () => {
  const clock = manualClock();
  const { signer, peerId } = identityFromSeed(new Uint8Array(32).fill(8));
  const link = { address: "", inbound: false, relayed: false, openedAtMs: 0, lastByteMs: 0 };
  let linked = ["a", "b", "c", "d", "e", "f", "anchor"];
  const asked: string[] = [];
  using introducer = startIntroducer({
    network: NETWORK,
    peerId,
    signer,
    clock,
    transport: {
      links: () => linked.map((id) => ({ ...link, peerId: id })),
      addresses: () => [],
      peerRecord: () => Promise.resolve(new Uint8Array(1)),
    } as Partial<Transport> as Transport,
    exchange: {
      handle: () => ({ [Symbol.dispose]: () => undefined }),
      request(to: string) {
        asked.push(to);
        return Promise.reject(new ProtocolError(to === "a" ? "CALL_TIMEOUT" : "PEER_UNREACHABLE", to));
      },
    } as Partial<LinkExchange> as LinkExchange,
    words: () => [],
    protocols: [],
    tellsPrivate: true,
    isDraining: () => false,
    isAnchor: (id) => id === "anchor",
    onHint: () => undefined,
    onProvider: () => undefined,
  });
  const meetAll = () => Promise.allSettled(linked.map((id) => introducer.meet(id)));
  await meetAll();
  assert.deepEqual(asked.splice(0), ["a", "b", "c", "d", "anchor"], "while they have yet to answer");
  await meetAll();
  assert.deepEqual(asked.splice(0), ["e", "f"], "in place of those that failed, which have their rest");
  linked = ["g"];
  await clock.advance(10_000);
  await meetAll();
  assert.deepEqual(asked, ["g"]);
});

test("two networks of other names never talk, and each says so", async () => {
  const hub = memoryHub({ seed: 6 });
  await using one = await createNode({ network: memory({ hub }), networkName: "north" });
  await using two = await createNode({
    network: memory({ hub, bootstrap: one.addresses }),
    networkName: "south",
  });
  const split = (node: AgentNode) => node.findings().some(({ code }) => code === "NETWORK_SPLIT");
  await eventually("the finding", () => split(two));
  await eventually("no link", () => one.snapshot().links === 0 && two.snapshot().links === 0);
});

test("a failed dial is remembered for five seconds, and two who want a peer dial it once", async () => {
  const clock = manualClock();
  const peerId = identityFromSeed(new Uint8Array(32).fill(3)).peerId;
  let dials = 0;
  const reach = createReach({
    transport: { links: () => [] } as Partial<Transport> as Transport,
    clock,
    bans: createBans(memoryStore(), clock),
    async connect() {
      dials += 1;
      await clock.sleep(100);
      throw new ProtocolError("DHT_FAILED", "no table");
    },
  });
  const codes = Promise.all(
    [reach(peerId, {}), reach(peerId, {})].map((trying) =>
      trying.catch((error: unknown) => isProtocolError(error) && error.code),
    ),
  );
  await clock.advance(100);
  assert.deepEqual(await codes, ["PEER_NOT_FOUND", "PEER_NOT_FOUND"]);
  await assert.rejects(reach(peerId, {}));
  assert.equal(dials, 1);
  await clock.advance(5_001);
  const again = reach(peerId, {}).catch(() => undefined);
  await clock.advance(100);
  await again;
  assert.equal(dials, 2);
});

test("a disk that fails ends the node with DISK_FAILED", async () => {
  const hub = memoryHub({ seed: 9 });
  const journal = memoryDisk();
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK, journal });
  journal.faults.beforeWrite = () => {
    throw new Error("EIO");
  };
  const signer = identityFromSeed(new Uint8Array(32).fill(4)).signer;
  const opening = node.desk.open({ signer, name: "a", moneyMicro: 1, energyMilliWh: 1, capacityMilliWh: 1 });
  await assert.rejects(opening, (error: unknown) => isProtocolError(error) && error.code === "DISK_FAILED");
  await assert.rejects(
    node.ended,
    (error: unknown) => isProtocolError(error) && error.code === "DISK_FAILED",
  );
  await eventually("the node stops", () => node.state === "stopped");
});
