/** What is on sale, as the exchange room asks for it, and when nothing new is sold at all. */

import assert from "node:assert/strict";
import test from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { orderBytes, rejectsWith, World } from "./trade-world.ts";

const KWH = 1_000_000;
const code = (expected: string) => (error: unknown) => isProtocolError(error) && error.code === expected;

test("one offer is known as long as it takes orders, also when it is sold out", async () => {
  const world = new World(71);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const told: string[] = [];
  const listening = seller.desk.onOffer((offer) => {
    told.push(offer.offerId);
    assert.equal(seller.desk.openOffers()[0]?.offerId, offer.offerId, "it is on sale when it is told of");
  });
  const offerId = await world.offer(seller, 4 * KWH);
  assert.deepEqual(told, [offerId]);
  listening[Symbol.dispose]();
  const terms = world.terms(buyer, seller, { offerId, quantityMilliWh: 4 * KWH });
  await world.buy(buyer, terms);
  assert.deepEqual(seller.desk.openOffers(), []);
  assert.equal(seller.desk.offerOf(seller.agentId, offerId).leftMilliWh, 0);
  assert.throws(() => seller.desk.offerOf(seller.agentId, "unknown"), code("OFFER_NOT_FOUND"));
  assert.throws(() => seller.desk.offerOf(buyer.agentId, offerId), code("OFFER_NOT_FOUND"));
  await seller.desk.withdraw(offerId);
  assert.throws(() => seller.desk.offerOf(seller.agentId, offerId), code("OFFER_EXPIRED"));
  const ended = await world.offer(seller, KWH);
  await world.clock.pass(3_000_001);
  assert.throws(() => seller.desk.offerOf(seller.agentId, ended), code("OFFER_EXPIRED"));
  assert.equal(told.length, 1);
});

test("the bytes of an order outlive the process on both sides", async () => {
  const world = new World(72);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 4 * KWH) });
  await world.buy(buyer, terms);
  world.kill(seller);
  await world.restart(seller);
  const key = { buyer: buyer.agentId, orderId: terms.orderId };
  assert.deepEqual(seller.desk.signedOrder(seller.agentId, key), orderBytes(terms));
  assert.deepEqual(buyer.desk.signedOrder(buyer.agentId, key), orderBytes(terms));
  assert.equal(seller.desk.signedOrder(seller.agentId, { ...key, orderId: "other" }), undefined);
});

test("with a clock that is over a minute off nothing new is offered, held or accepted", async () => {
  const world = new World(73);
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 4 * KWH);
  const terms = world.terms(buyer, seller, { offerId });
  const underWay = world.terms(buyer, seller, { offerId });
  await buyer.desk.hold(underWay, orderBytes(underWay));
  for (const offsetMs of [60_001, -60_001]) {
    world.clockOffsetMs = offsetMs;
    await rejectsWith(world.offer(seller, KWH), "MARKET_HALTED");
    await rejectsWith(buyer.desk.hold(terms, orderBytes(terms)), "MARKET_HALTED");
    assert.deepEqual(seller.desk.openOffers(), []);
    assert.throws(() => seller.desk.offerOf(seller.agentId, offerId), code("MARKET_HALTED"));
    const aside = { offerId, transactionId: "t", quantityMilliWh: KWH, untilMs: Number.MAX_SAFE_INTEGER };
    assert.throws(() => seller.desk.reserve(aside), code("MARKET_HALTED"));
  }
  const halted = await buyer.desk.hold(terms, orderBytes(terms)).catch((error: unknown) => error);
  assert.ok(isProtocolError(halted));
  assert.deepEqual(halted.data, { reason: "clock" });
  await world.carry(buyer, underWay, orderBytes(underWay));
  assert.equal(seller.desk.orders()[0]?.reason, "MARKET_HALTED");
  assert.equal(buyer.desk.orders()[0]?.state, "RELEASED", "what is under way comes to its end");
  world.clockOffsetMs = 60_000;
  await world.buy(buyer, terms);
  assert.equal(buyer.desk.orders().find((order) => order.orderId === terms.orderId)?.state, "COMMITTED");
});
