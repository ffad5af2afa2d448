import assert from "node:assert/strict";
import test from "node:test";
import { World } from "../trade-world.ts";

const KWH = 1_000_000;
const DAY_MS = 24 * 3_600_000;

/**
 * The errand of a cancellation ended once the order was neither held nor committed any more. Where its answer was a
 * delivery in dispute nobody was left to pay the lesser reading: money and energy stayed on hold for ever.
 */
test("a delivery that answers a cancellation and is disputed is paid after a day", async () => {
  const world = new World(5);
  const seller = await world.house("seller", { energyMilliWh: 10 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 4 * KWH) });
  await world.buy(buyer, terms);
  const key = { buyer: buyer.agentId, orderId: terms.orderId };
  const states = () => [
    buyer.desk.order(buyer.agentId, key)?.state,
    seller.desk.order(seller.agentId, key)?.state,
  ];
  await buyer.desk.measure(buyer.agentId, terms.orderId, KWH / 2);
  world.mail.down.add(buyer.peerId);
  await seller.desk.deliver(seller.agentId, key, KWH);
  world.mail.down.delete(buyer.peerId);
  await buyer.desk.cancel(buyer.agentId, terms.orderId);
  await world.clock.pass(10_000);
  assert.deepEqual(states(), ["DISPUTED", "DISPUTED"]);
  await world.clock.pass(DAY_MS);
  assert.deepEqual(states(), ["CLOSED", "SETTLED"]);
  assert.equal(buyer.desk.book(buyer.agentId).money["held"], 0);
});
