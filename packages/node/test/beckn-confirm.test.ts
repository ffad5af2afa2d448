/** A confirm is decided once, whatever is lost, repeated or restarted; only the seller's signed decision ends a hold. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BecknProfile, canonicalBytes, ProtocolError, signBeckn } from "@gridmesh/protocol";
import type { SignedBytes, TradeDesk, TradeEvent } from "../src/trade/types.ts";
import { createRig, type RigNode, sendRaw } from "./beckn-rig.ts";

/** A desk that shows which orders were held and which answers given. */
function watched(held: SignedBytes[], answers: SignedBytes[]) {
  return (desk: TradeDesk): TradeDesk => ({
    ...desk,
    hold(terms, order) {
      held.push(order);
      return desk.hold(terms, order);
    },
    async decide(terms, order, answer) {
      const bytes = await desk.decide(terms, order, answer);
      answers.push(bytes);
      return bytes;
    },
  });
}

/** The body again under a signature of now. */
function again(from: RigNode, body: string, profile: BecknProfile) {
  const bytes = new TextEncoder().encode(body);
  const authorization = signBeckn(bytes, from.signer, { nowS: Date.now() / 1000 });
  const headers = { authorization, "content-type": "application/json" };
  return { header: canonicalBytes({ v: 1, profile, path: "/confirm", headers }), body: bytes };
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// They mostly wait for windows to close, so they wait together.
describe("a confirm", { concurrency: 4 }, () => {
  const profiles: readonly BecknProfile[] = ["beckn/1", "beckn/2"];
  for (const profile of profiles) {
    test(`of ${profile} sent five times over restarts of both sides is one order with one answer, byte for byte`, () =>
      sentFiveTimes(profile));
  }

  async function sentFiveTimes(profile: BecknProfile): Promise<void> {
    await using rig = createRig(1, { profiles: [profile] });
    const held: SignedBytes[] = [];
    const answers: SignedBytes[] = [];
    const view = watched(held, answers);
    let buyer = await rig.node(1, { view });
    let seller = await rig.node(2, { view });
    await seller.sell(5, 0.1);
    const outcome = await buyer.buy({ kWh: 2 });
    assert.equal(outcome.steps[0]?.outcome, "confirmed");
    const [order] = held;
    assert.ok(order);
    /** Sent before its buyer was started anew, which tells nothing of what it heard. */
    let before = 0;
    const heard = () =>
      buyer.beckn.trace(outcome.transactionId).filter((line) => line.action === "on_confirm");
    for (let sent = 2; sent <= 5; sent++) {
      if (sent === 3 || sent === 5) {
        const disk = seller.disk.afterKill();
        await seller[Symbol.asyncDispose]();
        seller = await rig.node(2, { disk, view });
      }
      const reply = await sendRaw(buyer, seller.peerId, again(buyer, order.body, profile));
      assert.equal(reply.code, "ACK");
      await eventually(`answer ${sent}`, () => heard().length === sent - before);
      assert.ok(heard().every((line) => line.verdict === "ACK"));
      if (sent === 3) {
        const disk = buyer.disk.afterKill();
        await buyer[Symbol.asyncDispose]();
        buyer = await rig.node(1, { disk, view });
        before = sent;
      }
    }
    assert.equal(answers.length, 5);
    assert.equal(new Set(answers.map((bytes) => bytes.body)).size, 1);
    assert.equal(seller.desk.orders().length, 1);
    assert.equal(buyer.desk.orders().length, 1);
    assert.equal(seller.desk.openOffers()[0]?.leftMilliWh, 3_000_000);

    const other = order.body.replace("household-agent-01", "household-agent-02");
    assert.notEqual(other, order.body);
    const conflict = await sendRaw(buyer, seller.peerId, again(buyer, other, profile));
    assert.equal(conflict.code, "CTX_MESSAGE_ID_DUPLICATE");
    assert.equal(seller.desk.orders().length, 1);
  }

  test("a NACK releases nothing: the order stays held and is asked for until the seller decides", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    let busy = true;
    const seller = await rig.node(2, {
      view: (desk) => ({
        ...desk,
        decide(terms, order, answer) {
          if (busy) return Promise.reject(new ProtocolError("OVERLOADED", "not now"));
          return desk.decide(terms, order, answer);
        },
      }),
    });
    await seller.sell(5, 0.1);
    const states: string[] = [];
    buyer.desk.onEvent((event) => states.push(event.kind));
    const outcome = await buyer.buy({ kWh: 2, timeoutMs: 4_000 });
    assert.equal(outcome.steps[0]?.outcome, "in_doubt");
    assert.equal(buyer.desk.orders()[0]?.state, "HELD");
    busy = false;
    await eventually(
      "the desk's courier gets the decision",
      () => buyer.desk.orders()[0]?.state === "COMMITTED",
    );
    assert.deepEqual(states, ["held", "committed"]);
    assert.equal(seller.desk.orders().length, 1);
  });

  test("a signed refusal releases the hold, and its reason is told", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2, {
      // Sold to somebody else between init and confirm, as after a restart that forgot the reservation.
      view: (desk) => ({
        ...desk,
        reserve: () => undefined,
        async decide(terms, order, answer) {
          await desk.withdraw(terms.offerId);
          return desk.decide(terms, order, answer);
        },
      }),
    });
    await seller.sell(5, 0.1);
    const outcome = await buyer.buy({ kWh: 2 });
    assert.deepEqual(
      outcome.steps.map((step) => [step.outcome, step.reason]),
      [["refused", "OFFER_EXPIRED"]],
    );
    assert.equal(buyer.desk.orders()[0]?.state, "RELEASED");
    assert.equal(seller.desk.orders()[0]?.state, "REJECTED");
  });

  test("a quote dearer than the offer sends the buyer to the next in rank", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const greedy = await rig.node(2, {
      view: (desk) => ({
        ...desk,
        offerOf(...which) {
          const offer = desk.offerOf(...which);
          return { ...offer, priceMicroPerKWh: offer.priceMicroPerKWh + 50_000 };
        },
      }),
    });
    await greedy.sell(5, 0.1);
    await (await rig.node(3)).sell(5, 0.2);
    const outcome = await buyer.buy({ kWh: 2 });
    assert.deepEqual(
      outcome.steps.map((step) => [step.sellerName, step.outcome, step.reason]),
      [
        ["household-agent-02", "refused", "QUOTE_CHANGED"],
        ["household-agent-03", "confirmed", undefined],
      ],
    );
    assert.equal(greedy.desk.orders().length, 0);
  });

  test("a seller with less left than was seen sells what is left, if the buyer can use a part", async () => {
    await using rig = createRig();
    const [one, two] = [await rig.node(1), await rig.node(2)];
    const seller = await rig.node(3);
    const utility = await rig.node(4);
    await seller.sell(5, 0.1);
    await utility.sell(9, 0.25);
    const outcomes = await Promise.all([
      one.buy({ kWh: 3, splitNeed: true }),
      two.buy({ kWh: 3, splitNeed: true }),
    ]);
    const milliWhFrom = (name: string) =>
      outcomes
        .flatMap((outcome) => outcome.steps)
        .filter((step) => step.sellerName === name && step.outcome === "confirmed")
        .reduce((sum, step) => sum + step.quantityMilliWh, 0);
    assert.equal(milliWhFrom("household-agent-03"), 5_000_000, JSON.stringify(outcomes));
    assert.equal(milliWhFrom("household-agent-04"), 1_000_000);
  });

  test("an order delivered at once is paid and settled, and the seller says so unasked", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(5, 0.1);
    const events: TradeEvent["kind"][] = [];
    seller.desk.onEvent((event) => events.push(event.kind));
    const outcome = await buyer.buy({ kWh: 2, delivery: "instant" });
    assert.equal(outcome.steps[0]?.outcome, "confirmed", outcome.steps[0]?.reason);
    await eventually("settled", () => seller.desk.orders()[0]?.state === "SETTLED");
    await eventually("closed", () => buyer.desk.orders()[0]?.state === "CLOSED");
    assert.equal(buyer.desk.book(buyer.agentId).money["available"], 100_000_000 - 200_000);
    assert.equal(seller.desk.book(seller.agentId).energy["available"], 8_000_000);
    const told = () =>
      buyer.beckn
        .trace(outcome.transactionId)
        .filter((line) => line.action === "on_status" && line.verdict === "ACK");
    await eventually("status, delivered, settled", () => told().length >= 3);
  });
});
