/** A record that cannot be written is not booked either: else the journal has a gap and the next start refuses it. */

import assert from "node:assert/strict";
import test from "node:test";
import { START_MS } from "../trade-mail.ts";
import { orderBytes, World } from "../trade-world.ts";

const KWH = 1_000_000;

test("an order whose text has no canonical form is refused without a gap in the journal", async () => {
  const world = new World(71);
  const seller = await world.house("seller", { energyMilliWh: 10 * KWH });
  const buyer = await world.house("buyer");
  const offerId = await world.offer(seller, 5 * KWH);
  const hostile = world.terms(buyer, seller, { offerId: "\ud800" });
  const answer = () => ({ header: "", body: "{}" });
  await assert.rejects(seller.desk.decide(hostile, orderBytes(hostile), answer));
  const long = world.terms(buyer, seller, { offerId });
  const body = "\n".repeat(600_000);
  await assert.rejects(seller.desk.decide(long, { header: "", body }, answer));
  assert.equal(seller.desk.orders().length, 0);

  const honest = world.terms(buyer, seller, { offerId, untilMs: START_MS + 1_000_000 });
  await world.buy(buyer, honest);
  assert.equal(buyer.desk.orders()[0]?.state, "COMMITTED");
  await world.assertSound();
  world.kill(seller);
  await world.restart(seller);
  assert.equal(seller.desk.orders()[0]?.state, "ACCEPTED");
  await world.assertSound();
});
