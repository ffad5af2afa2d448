/** What is said about an order once it is made: in both revisions, by its buyer alone, and the same however often. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BecknProfile, isProtocolError, orderKey, verifyBundle } from "@gridmesh/protocol";
import { withUpdates } from "../src/beckn/index.ts";
import type { BecknSettings } from "../src/beckn/types.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { createRig, type RigNode } from "./beckn-rig.ts";

const profiles: readonly BecknProfile[] = ["beckn/1", "beckn/2"];

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "taken";
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    const beckn = error.data?.["beckn"] as { code?: string; message?: string } | undefined;
    const named = /[A-Z]{3}_[A-Z_]+/.exec(`${beckn?.code ?? ""} ${beckn?.message ?? ""}`)?.[0];
    return `${error.code} ${named ?? ""}`.trim();
  }
}

/** Two nodes with one order of 2 kWh between them. */
async function ordered(settings: BecknSettings, delivery: "slot" | "instant" = "slot") {
  const rig = createRig(1, settings);
  const buyer = await rig.node(1);
  const seller = await rig.node(2);
  await seller.sell(5, 0.1);
  const { steps, transactionId } = await buyer.buy({ kWh: 2, delivery });
  const [{ orderId, outcome } = { orderId: "", outcome: "failed" }] = steps;
  assert.equal(outcome, "confirmed");
  return { rig, buyer, seller, orderId, transactionId };
}

const stateOf = (node: RigNode) => node.desk.orders()[0]?.state;

function suite(profile: BecknProfile): void {
  const settings: BecknSettings = { profiles: [profile] };

  test("an order is called off before its delivery, once, and money and energy are free", async () => {
    const { rig, buyer, seller, orderId, transactionId } = await ordered(settings);
    await using _rig = rig;
    const { orders } = buyer.beckn;
    const answer = await orders.cancel(buyer.name, orderId, { reason: "the sun is out" });
    assert.equal(answer.status, "CANCELLED");
    assert.deepEqual([stateOf(buyer), stateOf(seller)], ["RELEASED", "ANNULLED"]);
    assert.equal(buyer.desk.book(buyer.agentId).money["available"], 100_000_000);
    assert.equal(seller.desk.openOffers()[0]?.leftMilliWh, 5_000_000);
    assert.equal((await orders.cancel(buyer.name, orderId)).status, "CANCELLED");
    assert.equal((await orders.status(buyer.name, orderId)).status, "CANCELLED");
    assert.equal(seller.desk.openOffers()[0]?.leftMilliWh, 5_000_000);
    // What is over is not changed, followed or rated.
    assert.equal(
      await refusal(orders.update(buyer.name, orderId, { quantityMilliWh: 1_000_000 })),
      "ORDER_STATE POL_UPDATE_NOT_ALLOWED",
    );
    assert.match(
      await refusal(orders.track(buyer.name, orderId)),
      /^(ORDER_STATE|BECKN_NACK) BIZ_INVALID_STATE/,
    );
    assert.match(
      await refusal(orders.rate(buyer.name, orderId, { value: 5 })),
      /^(ORDER_STATE|BECKN_NACK) BIZ_INVALID_STATE/,
    );
    const file = buyer.beckn.bundle(transactionId, { redact: false });
    assert.equal(verifyBundle(file, nodeEngine()).orders[0]?.state, "RELEASED");
  });

  test("what was delivered is not called off, but rated: once, by its buyer, and kept as it was signed", async () => {
    const { rig, buyer, seller, orderId } = await ordered(settings, "instant");
    await using _rig = rig;
    await eventually("settled", () => stateOf(seller) === "SETTLED" && stateOf(buyer) === "CLOSED");
    const { orders } = buyer.beckn;
    assert.match(await refusal(orders.cancel(buyer.name, orderId)), /^ORDER_STATE/);
    assert.equal(
      await refusal(orders.update(buyer.name, orderId, { quantityMilliWh: 1_000_000 })),
      "ORDER_STATE POL_UPDATE_NOT_ALLOWED",
    );
    assert.match(
      await refusal(orders.rate(buyer.name, orderId, { value: 6 })),
      /BIZ_INVALID_RATING_VALUE|INVALID_PARAMS/,
    );
    await orders.rate(buyer.name, orderId, { value: 4 });
    await orders.rate(buyer.name, orderId, { value: 4 });
    assert.match(await refusal(orders.rate(buyer.name, orderId, { value: 1 })), /BIZ_INVALID_STATE/);
    const kept = seller.store.word(seller.agentId, orderKey(buyer.agentId, orderId), "rating");
    assert.deepEqual([kept?.value, kept?.about], [4, buyer.agentId]);
    assert.match(kept?.body ?? "", /"rate"|"rating"/);
    assert.match(kept?.header ?? "", /authorization/);
    assert.deepEqual(buyer.store.ratingsGiven(buyer.agentId, seller.agentId), { count: 1, sum: 4 });
    assert.equal((await orders.status(buyer.name, orderId)).status, "COMPLETE");
  });

  test("less may be taken than was ordered, never more, and what is delivered is what was last agreed on", async () => {
    const { rig, buyer, seller, orderId } = await ordered(settings);
    await using _rig = rig;
    const { orders } = buyer.beckn;
    const less = await orders.update(buyer.name, orderId, { quantityMilliWh: 1_500_000 });
    assert.deepEqual([less.quantityMilliWh, less.status], [1_500_000, "ACTIVE"]);
    assert.equal(
      (await orders.update(buyer.name, orderId, { quantityMilliWh: 1_500_000 })).quantityMilliWh,
      1_500_000,
    );
    assert.equal(
      await refusal(orders.update(buyer.name, orderId, { quantityMilliWh: 1_800_000 })),
      "ORDER_STATE POL_UPDATE_NOT_ALLOWED",
    );
    const now = await orders.status(buyer.name, orderId);
    assert.deepEqual([now.quantityMilliWh, now.payment?.amountMicro], [1_500_000, 150_000]);
    const desk = withUpdates(seller.desk, seller.store);
    await desk.deliver(seller.agentId, { buyer: buyer.agentId, orderId }, 2_000_000);
    await eventually("paid", () => stateOf(seller) === "SETTLED" && stateOf(buyer) === "CLOSED");
    assert.equal(buyer.desk.orders()[0]?.finalMilliWh, 1_500_000);
    assert.equal(buyer.desk.book(buyer.agentId).money["available"], 100_000_000 - 150_000);
    assert.equal(seller.desk.book(seller.agentId).energy["available"], 8_500_000);
  });

  test("an active order is followed at its seller's place, and its buyer told whom to turn to", async () => {
    const support = { phone: "+1 555 0100", email: "help@grid.example" };
    const { rig, buyer, seller, orderId } = await ordered({ ...settings, support });
    await using _rig = rig;
    const { orders } = buyer.beckn;
    const { url, active } = await orders.track(buyer.name, orderId);
    assert.deepEqual([url, active], [`libp2p://${seller.peerId}/${seller.name}/bpp`, true]);
    const { orderId: about, ...channel } = await orders.support(buyer.name, orderId);
    assert.deepEqual([about, channel], [orderId, support]);
  });

  test("where nobody is named there is no support, and strangers know of no order", async () => {
    const { rig, buyer, orderId } = await ordered(settings);
    await using _rig = rig;
    assert.match(
      await refusal(buyer.beckn.orders.support(buyer.name, orderId)),
      /^ORDER_REJECTED BIZ_SUPPORT_NOT_AVAILABLE/,
    );
    const other = await rig.node(3);
    assert.equal(await refusal(other.beckn.orders.cancel(other.name, orderId)), "ORDER_NOT_FOUND");
  });
}

for (const profile of profiles) {
  describe(`after an order in ${profile}`, { concurrency: 5 }, () => suite(profile));
}

test("of two offers at one price the seller that was rated better comes first", async () => {
  await using rig = createRig();
  const buyer = await rig.node(1);
  const [one, two] = [await rig.node(2), await rig.node(3)];
  await Promise.all([one.sell(5, 0.1), two.sell(5, 0.1)]);
  const first = (await buyer.buy({ kWh: 1, delivery: "instant" })).steps[0];
  const chosen = first?.seller === one.agentId ? one : two;
  await eventually("settled", () => stateOf(chosen) === "SETTLED" && stateOf(buyer) === "CLOSED");
  await buyer.beckn.orders.rate(buyer.name, first?.orderId ?? "", { value: 2 });
  const second = (await buyer.buy({ kWh: 1, delivery: "instant" })).steps[0];
  assert.notEqual(second?.seller, first?.seller);
});
