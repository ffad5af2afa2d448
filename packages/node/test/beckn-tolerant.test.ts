/** Partners write as they do: an owner decides how closely that is read. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BecknContext,
  type BecknProfile,
  type BecknReading,
  becknWire,
  canonicalBytes,
  formatBecknUri,
  signBeckn,
  uuidV7,
} from "@gridmesh/protocol";
import type { BecknReceived } from "../src/beckn/inbound.ts";
import { createPending } from "../src/beckn/pending.ts";
import { systemRandom } from "../src/clock.ts";
import { createRig, type RigNode, sendRaw, slot, untilMs } from "./beckn-rig.ts";

const newId = () => uuidV7(Date.now(), systemRandom());
const profiles: readonly BecknProfile[] = ["beckn/1", "beckn/2"];

/** A select under ids of a partner's own making. */
function select(profile: BecknProfile, about: { buyer: RigNode; seller: RigNode; offerId: string }) {
  const { buyer, seller, offerId } = about;
  const wire = becknWire(profile) ?? assert.fail();
  const uri = (node: RigNode, side: "bap" | "bpp") =>
    formatBecknUri({ peerId: node.peerId, agent: node.name, side });
  const context: BecknContext = {
    domain: "energy",
    networkId: "gridmesh/beckn-test",
    action: "select",
    version: "",
    bapId: buyer.agentId,
    bapUri: uri(buyer, "bap"),
    bppId: seller.agentId,
    bppUri: uri(seller, "bpp"),
    transactionId: "contract-p2p-001",
    messageId: newId(),
    timestampMs: Date.now(),
    ttlMs: 10_000,
  };
  const order = {
    seller: seller.agentId,
    offerId,
    offerEpoch: seller.desk.epoch,
    slot,
    quantityMilliWh: 1_000_000,
    priceMicroPerKWh: 100_000,
    currency: "USD",
    delivery: "slot",
    untilMs,
  } as const;
  const body = wire.encode({ context, content: { kind: "order", order } });
  const authorization = signBeckn(body, buyer.signer, { nowS: Date.now() / 1_000 });
  const headers = { authorization, "content-type": "application/json" };
  return { header: canonicalBytes({ v: 1, profile, path: "/select", headers }), body };
}

for (const profile of profiles) {
  test(`a partner's own ids in ${profile} are taken where its reader is tolerant, and named where it is strict`, async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const strict = await rig.node(2);
    const tolerant = await rig.node(3, { settings: { inbound: "tolerant" } });
    const answers: string[] = [];
    for (const seller of [strict, tolerant]) {
      const { offerId } = await seller.sell(1, 0.1);
      answers.push((await sendRaw(buyer, seller.peerId, select(profile, { buyer, seller, offerId }))).code);
    }
    assert.deepEqual(answers, ["CTX_INVALID_FIELD", "ACK"]);
  });
}

test("an answer under a foreign message_id is taken by a tolerant reader where it fits exactly one request", () => {
  const received = (reading: BecknReading, change: Partial<BecknContext> = {}) =>
    ({
      reading,
      signerId: "seller",
      context: { action: "on_select", messageId: "foreign", transactionId: "t", ...change },
    }) as BecknReceived;
  const wanted = { action: "on_select", seller: "seller", transactionId: "t", digest: "d" } as const;
  const pending = createPending();
  using _one = pending.expect("m1", wanted);
  assert.equal(pending.settle(received("strict")), false);
  assert.equal(pending.settle(received("tolerant", { transactionId: "u" })), false);
  assert.equal(pending.settle(received("tolerant", { action: "on_init" })), false);
  using _two = pending.expect("m2", wanted);
  // Two are open: nobody can tell which one is meant.
  assert.equal(pending.settle(received("tolerant")), false);
  assert.equal(pending.settle(received("strict", { messageId: "m1" })), true);
  assert.equal(pending.settle(received("tolerant")), true);
  assert.equal(pending.settle(received("tolerant")), false);
  using _three = pending.expect("m3", wanted);
  const other = received("strict", { messageId: "m3", requestDigest: "of another body" });
  assert.throws(() => pending.settle(other), { code: "BECKN_CONTEXT_INVALID" });
});
