import assert from "node:assert/strict";
import test from "node:test";
import { type House, rejectsWith, World } from "./trade-world.ts";

const KWH = 1_000_000;
const DAY_MS = 24 * 3_600_000;

interface Contract {
  readonly world: World;
  readonly seller: House;
  readonly buyer: House;
  readonly orderId: string;
  readonly measure: (milliWh: number) => Promise<void>;
  readonly deliver: (milliWh: number) => Promise<void>;
  readonly states: () => readonly (string | undefined)[];
}

async function contract(seed: number): Promise<Contract> {
  const world = new World(seed);
  const seller = await world.house("seller", { energyMilliWh: 10 * KWH });
  const buyer = await world.house("buyer");
  const terms = world.terms(buyer, seller, { offerId: await world.offer(seller, 4 * KWH) });
  await world.buy(buyer, terms);
  const { orderId } = terms;
  const key = { buyer: buyer.agentId, orderId };
  return {
    world,
    seller,
    buyer,
    orderId,
    measure: (milliWh) => buyer.desk.measure(buyer.agentId, orderId, milliWh),
    deliver: (milliWh) => seller.desk.deliver(seller.agentId, key, milliWh),
    states: () => [
      buyer.desk.order(buyer.agentId, key)?.state,
      seller.desk.order(seller.agentId, key)?.state,
    ],
  };
}

test("of two readings close to each other the lesser is paid at once", async () => {
  const { world, buyer, seller, measure, deliver, states } = await contract(1);
  await measure(985_000);
  await deliver(KWH);
  await world.clock.pass(10_000);
  assert.deepEqual(states(), ["CLOSED", "SETTLED"]);
  assert.equal(buyer.desk.book(buyer.agentId).energy["available"], 985_000);
  assert.equal(buyer.desk.book(buyer.agentId).money["held"], 0);
  const { energy } = seller.desk.book(seller.agentId);
  assert.equal(Object.entries(energy).find(([account]) => account.startsWith("imbalance/"))?.[1], 15_000);
  assert.equal(seller.desk.book(seller.agentId).money["available"], 100_000_000 + 147_750);
});

test("two readings far apart are in dispute: the hold stays for a day, then the lesser is paid", async () => {
  const { world, buyer, seller, measure, deliver, states } = await contract(2);
  await measure(600_000);
  await deliver(KWH);
  await world.clock.pass(10_000);
  assert.deepEqual(states(), ["DISPUTED", "DISPUTED"]);
  assert.equal(buyer.desk.book(buyer.agentId).money["held"], 150_000);
  assert(buyer.events.some(({ kind }) => kind === "disputed"));
  await world.assertSound();
  await world.clock.pass(DAY_MS);
  assert.deepEqual(states(), ["CLOSED", "SETTLED"]);
  assert.equal(buyer.desk.book(buyer.agentId).energy["available"], 600_000);
  const { money } = buyer.desk.book(buyer.agentId);
  assert.deepEqual([money["held"], money["available"]], [0, 100_000_000 - 90_000]);
  assert.equal(seller.desk.book(seller.agentId).money["available"], 100_000_000 + 90_000);
  await world.assertSound();
});

test("a dispute outlives a crash of either side and ends with the same reading", async () => {
  const { world, buyer, seller, measure, deliver, states } = await contract(3);
  await measure(2 * KWH);
  await deliver(700_000);
  await world.clock.pass(5_000);
  world.kill(buyer);
  world.kill(seller);
  await world.restart(buyer);
  await world.restart(seller);
  await world.clock.pass(2 * DAY_MS);
  assert.deepEqual(states(), ["CLOSED", "SETTLED"]);
  assert.equal(buyer.desk.book(buyer.agentId).energy["available"], 700_000);
  await world.assertSound();
  world.assertPairsCancel();
});

test("an order is measured once, by its buyer, before it is paid", async () => {
  const { world, buyer, seller, orderId, measure, deliver } = await contract(4);
  await rejectsWith(measure(-1), "AMOUNT_INVALID");
  await rejectsWith(seller.desk.measure(seller.agentId, orderId, KWH), "ORDER_NOT_FOUND");
  await measure(KWH);
  await measure(KWH);
  await rejectsWith(measure(KWH - 1), "ORDER_CONFLICT");
  await deliver(KWH);
  await world.clock.pass(5_000);
  const second = world.terms(buyer, seller, { offerId: await world.offer(seller, KWH) });
  await world.buy(buyer, second);
  await seller.desk.deliver(seller.agentId, { buyer: buyer.agentId, orderId: second.orderId }, KWH);
  await world.clock.pass(5_000);
  await rejectsWith(buyer.desk.measure(buyer.agentId, second.orderId, KWH), "ORDER_STATE");
});
