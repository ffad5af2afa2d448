import assert from "node:assert/strict";
import test from "node:test";
import { orderBytes, World } from "../trade-world.ts";

/**
 * An errand that waited for the record of a commitment looked at the order afterwards: by then it was paid in memory, and
 * the payment left before its own record was on the disk. A crash in that sync lost what the seller had booked.
 */
test("a payment leaves once its own record is synced, however late the record before it was", async () => {
  const world = new World(11);
  const seller = await world.house("seller", { energyMilliWh: 10_000_000 });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 4_000_000);
  const terms = world.terms(buyer, seller, { offerId });
  const order = orderBytes(terms);
  await buyer.desk.hold(terms, order);

  const syncs: PromiseWithResolvers<void>[] = [];
  buyer.disk.faults.beforeSync = () => {
    const sync = Promise.withResolvers<void>();
    syncs.push(sync);
    return sync.promise;
  };
  const carried = world.carry(buyer, terms, order);
  await world.clock.pass(0);
  buyer.linked(seller.peerId);
  await world.clock.pass(0);
  await seller.desk.deliver(seller.agentId, { buyer: buyer.agentId, orderId: terms.orderId }, 1_000_000);
  await world.clock.pass(100);

  const payments = () =>
    world.mail.sent.filter(
      ({ from, bytes }) =>
        from === buyer.peerId && Buffer.from(bytes).toString("utf8").includes('"type":"trade_payment"'),
    ).length;
  assert.equal(syncs.length, 1);
  syncs[0]?.resolve();
  await carried;
  await world.clock.pass(60_000);
  assert.equal(syncs.length, 2);
  assert.equal(payments(), 0);

  buyer.disk.faults.beforeSync = undefined;
  syncs[1]?.resolve();
  await world.clock.pass(60_000);
  assert(payments() > 0);
  await world.assertSound();
  world.assertPairsCancel();
});
