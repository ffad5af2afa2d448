/** A need finds its cheapest seller and becomes one order, whoever else wants it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rankOffers } from "../src/beckn/index.ts";
import type { Offer } from "../src/beckn/types.ts";
import { createRig, intentOf, slot } from "./beckn-rig.ts";

// They mostly wait for windows to close, so they wait together.
describe("a need on the network", { concurrency: 4 }, () => {
  test("of five sellers the cheapest one gets the order, and both books say so", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const sellers = [];
    for (const [number, price] of [
      [2, 0.25],
      [3, 0.17],
      [4, 0.15],
      [5, 0.19],
    ] as const) {
      const seller = await rig.node(number);
      await seller.sell(10, price);
      sellers.push(seller);
    }
    const outcome = await buyer.buy({ kWh: 4 });
    assert.equal(outcome.offersSeen, 4);
    assert.equal(outcome.confirmedMilliWh, 4_000_000);
    const [step] = outcome.steps;
    assert.equal(step?.outcome, "confirmed", step?.reason);
    assert.equal(step?.sellerName, "household-agent-04");
    assert.equal(step?.amountMicro, 600_000);
    const [bought] = buyer.desk.orders();
    const [sold] = sellers[2]!.desk.orders();
    assert.equal(bought?.state, "COMMITTED");
    assert.equal(sold?.state, "ACCEPTED");
    assert.equal(bought?.orderId, sold?.orderId);
    assert.equal(sold?.counterpartyPeerId, buyer.peerId);
    for (const seller of [sellers[0]!, sellers[1]!, sellers[3]!])
      assert.equal(seller.desk.orders().length, 0);

    const messages = buyer.lines.map((line) => line.message);
    assert.ok(messages.includes("--- DISPATCHING search to gridmesh/beckn-test/search/energy ---"));
    assert.ok(messages.includes("forwarding search to household-agent-02"));
    assert.ok(messages.includes("Best offer selected: $0.15/kWh from household-agent-04"));
    const sellerMessages = sellers[2]!.lines.map((line) => line.message);
    assert.ok(sellerMessages.includes("--- BPP (household-agent-04): FORMULATE OFFER ---"));
    await statusAnswered(buyer, outcome.transactionId);
    const actions = buyer.beckn.trace(outcome.transactionId).map((line) => line.action);
    for (const action of [
      "search",
      "on_search",
      "select",
      "on_select",
      "init",
      "on_init",
      "confirm",
      "on_confirm",
    ]) {
      assert.ok(actions.includes(action), `${action} in ${actions.join(" ")}`);
    }
  });

  /** The status that follows a confirm is nobody's to wait for, so the trace is looked at until it shows. */
  async function statusAnswered(
    node: Awaited<ReturnType<ReturnType<typeof createRig>["node"]>>,
    transactionId: string,
  ) {
    const deadline = Date.now() + 3_000;
    while (
      !node.beckn.trace(transactionId).some((line) => line.action === "on_status" && line.verdict === "ACK")
    ) {
      assert.ok(Date.now() < deadline, "no on_status in time");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  test("a search shows every offer, once per seller, and ends by itself", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    for (const number of [2, 3]) await (await rig.node(number)).sell(5, 0.1 + number / 100);
    const found: Offer[] = [];
    for await (const offer of buyer.beckn.search(buyer.name, intentOf(1, 0.3), { windowMs: 2_000 }))
      found.push(offer);
    assert.deepEqual(new Set(found.map((offer) => offer.priceMicroPerKWh)), new Set([120_000, 130_000]));
    assert.deepEqual(found[0]?.slot, slot);
    assert.equal(buyer.beckn.counters().offersReceived, 2);
  });

  test("an empty intent asks for everything, a limit below all prices gets silence", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    await (await rig.node(2)).sell(5, 0.2);
    const offers = [];
    const all = { ...intentOf(1, 0.1), empty: true };
    for await (const offer of buyer.beckn.search(buyer.name, all, { windowMs: 700 })) offers.push(offer);
    assert.equal(offers.length, 1);
    const outcome = await buyer.buy({ kWh: 1, maxPrice: 0.1, searchWindowMs: 700 });
    assert.deepEqual([outcome.offersSeen, outcome.steps.length, outcome.searchToFirstOfferMs], [0, 0, null]);
  });

  test("two buyers race for one offer: it is sold once and the loser goes to the next in rank", async () => {
    await using rig = createRig();
    const [one, two] = [await rig.node(1), await rig.node(2)];
    const cheap = await rig.node(3);
    const dear = await rig.node(4);
    await cheap.sell(10, 0.15);
    await dear.sell(10, 0.25);
    const outcomes = await Promise.all([one.buy({ kWh: 10 }), two.buy({ kWh: 10 })]);
    const sellers = outcomes.map(
      (outcome) => outcome.steps.find((step) => step.outcome === "confirmed")?.sellerName,
    );
    assert.deepEqual(
      new Set(sellers),
      new Set(["household-agent-03", "household-agent-04"]),
      JSON.stringify(outcomes),
    );
    const accepted = cheap.desk.orders().filter((order) => order.state === "ACCEPTED");
    assert.equal(accepted.length, 1);
    assert.equal(accepted[0]?.quantityMilliWh, 10_000_000);
    assert.equal(cheap.desk.openOffers().length, 0);
  });

  test("what the best offer lacks goes to the next in rank, in orders of their own", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    await (await rig.node(2)).sell(3, 0.12);
    await (await rig.node(3)).sell(4, 0.14);
    await (await rig.node(4)).sell(9, 0.25);
    const outcome = await buyer.buy({ kWh: 9, splitNeed: true });
    assert.deepEqual(
      outcome.steps.map((step) => [step.sellerName, step.quantityMilliWh, step.outcome]),
      [
        ["household-agent-02", 3_000_000, "confirmed"],
        ["household-agent-03", 4_000_000, "confirmed"],
        ["household-agent-04", 2_000_000, "confirmed"],
      ],
    );
    assert.equal(new Set(outcome.steps.map((step) => step.orderId)).size, 3);
    const transactions = new Set(buyer.desk.orders().map((order) => order.transactionId));
    assert.deepEqual([...transactions], [outcome.transactionId]);
  });

  test("all or nothing passes over a seller that has only a part", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    await (await rig.node(2)).sell(3, 0.12);
    await (await rig.node(3)).sell(9, 0.2);
    const outcome = await buyer.buy({ kWh: 9, allOrNothing: true });
    assert.deepEqual(
      outcome.steps.map((step) => step.sellerName),
      ["household-agent-03"],
    );
  });

  test("an offer withdrawn after it was seen is refused, and the next in rank sells", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const fickle = await rig.node(2);
    const offer = await fickle.sell(5, 0.1);
    await (await rig.node(3)).sell(5, 0.2);
    const held = fickle.desk.onEvent(() => undefined);
    const search = buyer.buy({ kWh: 5 });
    await new Promise((resolve) => setTimeout(resolve, 450));
    await fickle.desk.withdraw(offer.offerId);
    const outcome = await search;
    held[Symbol.dispose]();
    assert.deepEqual(
      outcome.steps.map((step) => [step.sellerName, step.outcome, step.reason]),
      [
        ["household-agent-02", "refused", "OFFER_EXPIRED"],
        ["household-agent-03", "confirmed", undefined],
      ],
    );
  });

  test("a seller that is gone costs nothing but the next in rank", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const gone = await rig.node(2);
    await gone.sell(5, 0.1);
    await (await rig.node(3)).sell(5, 0.2);
    const purchase = buyer.buy({ kWh: 5 });
    await new Promise((resolve) => setTimeout(resolve, 450));
    await gone[Symbol.asyncDispose]();
    const outcome = await purchase;
    assert.deepEqual(
      outcome.steps.map((step) => [step.sellerName, step.outcome]),
      [
        ["household-agent-02", "failed"],
        ["household-agent-03", "confirmed"],
      ],
    );
    assert.equal(buyer.desk.orders().length, 1);
  });

  test("select and confirm alone are refused where init is wanted, and nothing is lost by it", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(5, 0.1);
    const outcome = await buyer.buy({ kWh: 5, requireInit: false, timeoutMs: 3_000 });
    assert.equal(outcome.steps[0]?.outcome, "in_doubt");
    assert.equal(seller.desk.orders().length, 0);
    assert.equal(buyer.desk.orders()[0]?.state, "HELD");
  });

  test("the order in which offers arrive never changes their rank", () => {
    const offer = (seller: string, priceMicroPerKWh: number, startS = slot.startS): Offer => ({
      transactionId: "t",
      offerId: `o-${seller}`,
      offerEpoch: "e",
      seller,
      sellerPeerId: "p",
      sellerName: seller,
      sellerUri: "",
      profile: "beckn/2" as const,
      slot: { ...slot, startS },
      availableMilliWh: 1,
      priceMicroPerKWh,
      currency: "USD",
      digest: "",
      latencyMs: 0,
    });
    const offers = [offer("b", 150_000), offer("a", 150_000), offer("c", 120_000), offer("d", 150_000, 0)];
    const expected = ["c", "d", "a", "b"];
    for (let round = 0; round < 1_000; round++) {
      const shuffled = offers
        .map((entry) => ({ entry, draw: Math.random() }))
        .sort((a, b) => a.draw - b.draw);
      assert.deepEqual(
        rankOffers(shuffled.map(({ entry }) => entry)).map((entry) => entry.seller),
        expected,
      );
    }
  });
});
