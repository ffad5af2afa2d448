import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { canonicalBytes, seal, signBinding } from "@gridmesh/protocol";
import { createNode } from "../../src/create-node.ts";
import { createBans } from "../../src/gate/admit.ts";
import { identityFromSeed } from "../../src/identity.ts";
import { nodeLimits } from "../../src/limits.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { manualClock, seededRandom } from "../../src/testing/index.ts";
import { eventually, NETWORK, rawPeer } from "../node-fixture.ts";

const LIARS = 300;

test("whoever signs two contents with hundreds of fresh keys makes a node tell its peers of few", async () => {
  const hub = memoryHub({ seed: 61 });
  await using finder = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using witness = await rawPeer(memory({ hub }), 64);
  await witness.transport.dial({ addresses: finder.addresses }, { timeoutMs: 1_000 });
  const channel = await witness.control(finder.id);
  await channel.hello();
  let alerts = 0;
  const reading = (async () => {
    for (;;) {
      const message = await channel.next();
      if (message === undefined) return;
      if (message["type"] === "ext:security.alert") alerts += 1;
    }
  })().catch(() => undefined);
  await using liar = await rawPeer(memory({ hub }), 62);
  await liar.transport.dial({ addresses: finder.addresses }, { timeoutMs: 1_000 });
  const topic = `gridmesh/${NETWORK}/capability`;
  using _joined = liar.transport.join(topic, () => Promise.resolve("ignore"));
  const nowS = Math.floor(Date.now() / 1_000);
  const random = seededRandom(63);
  const caught = () => finder.bans.list().length;
  for (let n = 0; n < LIARS; n += 1) {
    const { signer } = identityFromSeed(random.bytes(32));
    const bound = { network: NETWORK, peerId: liar.identity.peerId, signer, name: "liar" };
    const binding = signBinding({ ...bound, notAfterS: nowS + 1_000 });
    for (const load of [0.1, 0.2]) {
      const record = { name: "liar", status: "available", seq: 5, valid_until: nowS + 180, capabilities: {} };
      const draft = { type: "capability_advertisement", recipient_id: "*", ...record, load };
      const message = seal(draft, { network: NETWORK, signer, nowS, random, binding });
      await liar.transport.publish(topic, canonicalBytes(message));
      // One at a time: what waits for long is dropped.
      await turn();
    }
  }
  await eventually("many are caught", () => caught() > 2 * nodeLimits.alertsTold, 15_000);
  await eventually("it is told of some", () => alerts > 0);
  channel.stream.reset("enough was heard");
  await reading;
  assert.ok(alerts <= nodeLimits.alertsTold, `${alerts} alerts`);
});

test("bans of keys that cost nothing push out no ban of a peer, nor one that a person made", () => {
  const bans = createBans(memoryStore(), manualClock());
  bans.ban("peer1", "MESSAGE_MALFORMED");
  const byHand = identityFromSeed(new Uint8Array(32).fill(1)).signer.agentId;
  bans.ban(byHand, "EQUIVOCATION", { by: "operator" });
  for (let n = 0; n < nodeLimits.bans; n += 1) bans.ban(`ed25519:${n}`, "EQUIVOCATION");
  assert.ok(bans.banned("peer1"));
  assert.ok(bans.banned(byHand));
  assert.ok(!bans.banned("ed25519:0"));
  assert.equal(bans.list().length, nodeLimits.bans);
});
