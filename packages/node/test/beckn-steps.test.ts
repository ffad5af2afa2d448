/** One offer ordered step by step, and what may be spent however many orders race. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import type { Offer } from "../src/beckn/types.ts";
import { createRig, intentOf, type RigNode } from "./beckn-rig.ts";

async function offersOf(buyer: RigNode): Promise<readonly Offer[]> {
  const offers: Offer[] = [];
  for await (const offer of buyer.beckn.search(buyer.name, intentOf(10, 0.3), { windowMs: 4_000 }))
    offers.push(offer);
  return offers;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "taken";
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    return error.code;
  }
}

describe("an order of one offer", { concurrency: 4 }, () => {
  test("is made by its confirm alone, and by it once", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(5, 0.1);
    const [offer] = await offersOf(buyer);
    assert.ok(offer);
    const order = buyer.beckn.order(buyer.name, offer, { quantityMilliWh: 2_000_000 });
    const step = await order.confirm();
    assert.deepEqual([step.outcome, step.amountMicro], ["confirmed", 200_000]);
    assert.equal(await codeOf(order.confirm()), "ORDER_STATE");
    assert.equal(seller.desk.orders().length, 1);
    assert.equal(buyer.desk.orders()[0]?.state, "COMMITTED");
  });

  test("may be quoted and set aside before, and selected anew, which frees what was set aside", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(5, 0.1);
    const [offer] = await offersOf(buyer);
    assert.ok(offer);
    const order = buyer.beckn.order(buyer.name, offer);
    assert.equal((await order.select()).quote?.totalMicro, 500_000);
    assert.equal(seller.desk.openOffers()[0]?.leftMilliWh, 5_000_000);
    const left = () => seller.desk.offerOf(seller.agentId, offer.offerId).leftMilliWh;
    await order.init();
    assert.equal(left(), 0);
    await order.select();
    assert.equal(left(), 5_000_000);
    assert.equal((await order.confirm()).outcome, "confirmed");
  });

  test("is for no more than was offered, and for no less than will do", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    const { offerId } = await seller.sell(5, 0.1);
    const [offer] = await offersOf(buyer);
    assert.ok(offer);
    const much = async () => buyer.beckn.order(buyer.name, offer, { quantityMilliWh: 6_000_000 });
    assert.equal(await codeOf(much()), "INVALID_PARAMS");
    const reservation = {
      offerId,
      transactionId: "other",
      quantityMilliWh: 4_000_000,
      untilMs: Number.MAX_SAFE_INTEGER,
    };
    seller.desk.reserve(reservation);
    assert.equal(await codeOf(buyer.beckn.order(buyer.name, offer).confirm()), "QUOTE_CHANGED");
    const part = buyer.beckn.order(buyer.name, offer, { minFillMilliWh: 500_000 });
    assert.equal((await part.confirm()).quantityMilliWh, 1_000_000);
  });

  test("is refused when its quote or its time is over", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(5, 0.1);
    const [offer] = await offersOf(buyer);
    assert.ok(offer);
    const late = buyer.beckn.order(buyer.name, offer, { untilMs: rig.market.nowMs() - 1 });
    assert.equal(await codeOf(late.confirm()), "MARKET_CLOSED");
    assert.equal(buyer.desk.orders().length, 0);
    const { offerId } = offer;
    await seller.desk.withdraw(offerId);
    assert.match(await codeOf(buyer.beckn.order(buyer.name, offer).confirm()), /^OFFER_/);
  });
});

/** 50 USD an order, 100 an hour, 12 open. */
const caps: readonly [cap: string, eachUsd: number, taken: number][] = [
  ["open orders", 3, 12],
  ["an hour's spending", 9.5, 10],
  ["one order", 50.1, 0],
];
for (const [cap, eachUsd, most] of caps) {
  test(`a hundred racing orders never exceed the cap on ${cap}, and a crash frees nothing of it`, async () => {
    await using rig = createRig();
    let buyer = await rig.node(1, { moneyMicro: 1_000_000_000 });
    const seller = await rig.node(2);
    const offer = await seller.sell(10, eachUsd * 10);
    const amountMicro = Math.round(eachUsd * 1_000_000);
    const race = async (from: number) => {
      const codes = await Promise.all(
        Array.from({ length: 100 }, (_, index) => {
          const orderId = `01890a5d-ac96-774b-bcce-${(from + index).toString(16).padStart(12, "0")}`;
          const terms = {
            orderId,
            transactionId: orderId,
            offerId: offer.offerId,
            offerEpoch: offer.epoch,
            buyer: buyer.agentId,
            buyerPeerId: buyer.peerId,
            seller: seller.agentId,
            sellerPeerId: seller.peerId,
            slot: offer.slot,
            quantityMilliWh: 100_000,
            priceMicroPerKWh: amountMicro * 10,
            amountMicro,
            currency: "USD",
            untilMs: offer.untilMs,
            delivery: "slot",
          } as const;
          return codeOf(buyer.desk.hold(terms, { header: "", body: orderId }));
        }),
      );
      assert.deepEqual(
        [...new Set(codes)].filter((code) => code !== "taken" && code !== "SPEND_LIMIT"),
        [],
      );
      return codes.filter((code) => code === "taken").length;
    };
    const held = () => buyer.desk.orders().reduce((sum, order) => sum + order.amountMicro, 0);
    assert.equal(await race(0), most);
    assert.equal(held(), most * amountMicro);
    const disk = buyer.disk.afterKill();
    await buyer[Symbol.asyncDispose]();
    buyer = await rig.node(1, { disk });
    assert.equal(await race(1_000), 0);
    assert.equal(held(), most * amountMicro);
  });
}
