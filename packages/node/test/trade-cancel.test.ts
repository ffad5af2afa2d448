import assert from "node:assert/strict";
import test from "node:test";
import { isEndPair } from "@gridmesh/protocol";
import { orderBytes, rejectsWith, World } from "./trade-world.ts";

const KWH = 1_000_000;

async function neighbours(seed: number) {
  const world = new World(seed);
  const seller = await world.house("seller", { energyMilliWh: 10 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 4 * KWH);
  const terms = world.terms(buyer, seller, { offerId });
  const states = () => [
    buyer.desk.order(buyer.agentId, { buyer: buyer.agentId, orderId: terms.orderId })?.state,
    seller.desk.order(seller.agentId, { buyer: buyer.agentId, orderId: terms.orderId })?.state,
  ];
  const held = () => buyer.desk.book(buyer.agentId).money["held"] ?? 0;
  return { world, seller, buyer, offerId, terms, states, held };
}

test("a contract called off before delivery is annulled: money and energy are free, the offer is on sale again", async () => {
  const { world, seller, buyer, offerId, terms, states, held } = await neighbours(1);
  await world.buy(buyer, terms);
  assert.deepEqual(states(), ["COMMITTED", "ACCEPTED"]);
  await buyer.desk.cancel(buyer.agentId, terms.orderId);
  await world.clock.pass(2_000);
  assert.deepEqual(states(), ["RELEASED", "ANNULLED"]);
  assert.equal(held(), 0);
  assert.equal(seller.desk.availableMilliWh(seller.agentId), 10 * KWH);
  assert.equal(seller.desk.offerOf(seller.agentId, offerId).leftMilliWh, 4 * KWH);
  await rejectsWith(buyer.desk.cancel(buyer.agentId, "unknown"), "ORDER_NOT_FOUND");
  await world.assertSound();
});

test("an order that is called off before it comes is refused when it comes, and the hold is freed once", async () => {
  const { world, seller, buyer, terms, states, held } = await neighbours(2);
  const order = orderBytes(terms);
  await buyer.desk.hold(terms, order);
  await buyer.desk.cancel(buyer.agentId, terms.orderId);
  await world.clock.pass(1_000);
  assert.deepEqual(states(), ["RELEASED", undefined]);
  assert.equal(held(), 0);
  await world.carry(buyer, terms, order);
  assert.deepEqual(states(), ["RELEASED", "REJECTED"]);
  assert.equal(seller.desk.availableMilliWh(seller.agentId), 10 * KWH);
  assert.equal(buyer.desk.book(buyer.agentId).money["available"], 100_000_000);
  await world.assertSound();
});

test("what is delivered already is paid, however often it is called off", async () => {
  const { world, seller, buyer, terms, states } = await neighbours(3);
  await world.buy(buyer, terms);
  world.mail.down.add(buyer.peerId);
  await seller.desk.deliver(seller.agentId, { buyer: buyer.agentId, orderId: terms.orderId }, KWH);
  world.mail.down.delete(buyer.peerId);
  await buyer.desk.cancel(buyer.agentId, terms.orderId);
  await buyer.desk.cancel(buyer.agentId, terms.orderId);
  await world.clock.pass(20_000);
  assert.deepEqual(states(), ["CLOSED", "SETTLED"]);
  await rejectsWith(buyer.desk.cancel("nobody", terms.orderId), "AGENT_NOT_FOUND");
  await world.assertSound();
  world.assertPairsCancel();
});

test("a cancellation outlives crashes of both sides, and nothing but the annulment frees the hold", async () => {
  const { world, seller, buyer, terms, states, held } = await neighbours(4);
  await world.buy(buyer, terms);
  world.mail.down.add(seller.peerId);
  await buyer.desk.cancel(buyer.agentId, terms.orderId);
  await world.clock.pass(3_600_000);
  assert.equal(held(), terms.amountMicro);
  world.kill(buyer);
  world.kill(seller);
  await world.restart(buyer);
  await world.restart(seller);
  await world.clock.pass(30_000);
  const [bought, sold] = states();
  assert(isEndPair(bought as "RELEASED", sold as "ANNULLED"), `${bought} and ${sold}`);
  assert.equal(sold, "ANNULLED");
  assert.equal(held(), 0);
  await world.assertSound();
});
