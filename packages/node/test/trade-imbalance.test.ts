import assert from "node:assert/strict";
import test from "node:test";
import { SLOT, World } from "./trade-world.ts";

const KWH = 1_000_000;

test("an imbalance is booked once on both sides, whatever is lost or restarted", async () => {
  const world = new World(65);
  const tariff = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 };
  const utility = await world.house("utility", { energyMilliWh: 9 * 10 ** 11, tariff });
  const house = await world.house("house", { energyMilliWh: 3 * KWH });
  Object.assign(world.mail.faults, { lossPercent: 60, duplicatePercent: 30 });
  const operator = { agentId: utility.agentId, peerId: utility.peerId };
  const draw = {
    agentId: house.agentId,
    slot: SLOT,
    quantityMilliWh: 1_234_567,
    priceMicroPerKWh: 250_000,
    operator,
  };
  const later = { ...SLOT, startS: SLOT.startS + 3600 };
  const feedIn = { ...draw, slot: later, quantityMilliWh: -2 * KWH, priceMicroPerKWh: 50_000 };
  await house.desk.imbalance(draw);
  await house.desk.imbalance(feedIn);
  assert.equal(house.desk.pending().imbalances, 2);
  await world.clock.pass(1_000);
  world.kill(house);
  await world.restart(house);
  await house.desk.imbalance({ ...draw, quantityMilliWh: 5 });
  world.kill(utility);
  await world.restart(utility);
  await world.clock.pass(200_000);
  assert.equal(house.desk.pending().imbalances, 0);
  assert.equal(house.desk.book(house.agentId).money["imbalance"], 308_642 - 100_000);
  assert.equal(utility.desk.book(utility.agentId).money["available"], 100_208_642);
  assert.equal(house.desk.book(house.agentId).energy["available"], 3 * KWH + 1_234_567 - 2 * KWH);
  await world.assertSound();
  world.assertPairsCancel();
});

test("a statement off the operator's tariff, or to one who is none, is not receipted", async () => {
  const world = new World(66);
  const tariff = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 };
  const utility = await world.house("utility", { energyMilliWh: 9 * 10 ** 11, tariff });
  const neighbour = await world.house("neighbour", { energyMilliWh: 3 * KWH });
  const house = await world.house("house", { energyMilliWh: 3 * KWH });
  const entry = { agentId: house.agentId, slot: SLOT, quantityMilliWh: KWH, priceMicroPerKWh: 200_000 };
  for (const { agentId, peerId } of [utility, neighbour]) {
    await house.desk.imbalance({ ...entry, operator: { agentId, peerId } });
  }
  await world.clock.pass(60_000);
  assert.equal(house.desk.pending().imbalances, 2);
  assert.equal(utility.desk.book(utility.agentId).money["imbalance"], undefined);
  assert.equal(neighbour.desk.book(neighbour.agentId).money["imbalance"], undefined);
});
