import assert from "node:assert/strict";
import test from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { type House, World } from "./trade-world.ts";

const KWH = 1_000_000;

interface Letter {
  readonly type: string;
  readonly documents?: readonly { readonly type: string }[];
}

/** Everything that a house sent from the n-th letter on. */
function lettersOf(world: World, house: House, from: number): readonly Letter[] {
  return world.mail.sent
    .slice(from)
    .filter((letter) => letter.from === house.peerId)
    .map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString("utf8")) as Letter);
}

async function contracts(world: World, count: number) {
  const seller = await world.house("seller", { energyMilliWh: 14 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 10 * KWH);
  const orders = Array.from({ length: count }, () =>
    world.terms(buyer, seller, { offerId, quantityMilliWh: 1_000 }),
  );
  for (const terms of orders) await world.buy(buyer, terms);
  await world.clock.pass(1_000);
  return { seller, buyer, orders };
}

test("deliveries that are due at once share messages, and each ends its own order", async () => {
  const world = new World(300);
  const { seller, buyer, orders } = await contracts(world, 32);
  const from = world.mail.sent.length;
  await Promise.all(orders.map((terms) => seller.desk.deliver(seller.agentId, terms, 1_000)));
  await world.clock.pass(5_000);
  assert.ok(buyer.desk.orders().every(({ state }) => state === "CLOSED"));
  assert.ok(seller.desk.orders().every(({ state }) => state === "SETTLED"));
  const deliveries = lettersOf(world, seller, from).filter(
    ({ documents = [] }) => documents[0]?.type === "trade_delivery",
  );
  assert.equal(deliveries.flatMap(({ documents = [] }) => documents).length, 32);
  assert.ok(deliveries.length <= 8, `${deliveries.length} messages`);
  await world.assertSound();
  world.assertPairsCancel();
});

test("a single delivery waits for nothing", async () => {
  const world = new World(301);
  const { seller, buyer, orders } = await contracts(world, 1);
  for (const terms of orders) await seller.desk.deliver(seller.agentId, terms, 1_000);
  await world.clock.pass(0);
  assert.equal(buyer.desk.orders()[0]?.state, "CLOSED");
});

test("messages that share many documents and are lost, doubled and delayed lose and double nothing", async () => {
  const world = new World(302);
  const { seller, buyer, orders } = await contracts(world, 24);
  Object.assign(world.mail.faults, { lossPercent: 30, duplicatePercent: 30, maxDelayMs: 400 });
  for (const terms of orders) {
    await seller.desk.deliver(seller.agentId, terms, 1_000).catch((error: unknown) => {
      if (!isProtocolError(error)) throw error;
    });
  }
  await world.clock.pass(2_000);
  for (const house of [seller, buyer]) {
    world.kill(house);
    await world.restart(house);
  }
  world.mail.faults.lossPercent = 0;
  await world.clock.pass(60_000);
  assert.ok(buyer.desk.orders().every(({ state }) => state === "CLOSED"));
  assert.deepEqual(seller.desk.pending(), { orders: 0, imbalances: 0 });
  await world.assertSound();
  world.assertPairsCancel();
});
