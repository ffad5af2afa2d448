import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { type House, SLOT, World } from "./trade-world.ts";

const KWH = 1_000_000;
const tariff = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 };

const operation = fc.record({
  kind: fc.constantFrom(
    "offer",
    "buy",
    "deliver",
    "produce",
    "consume",
    "loss",
    "imbalance",
    "withdraw",
    "pass",
    "kill",
  ),
  who: fc.nat(2),
  size: fc.integer({ min: 1, max: 3 * KWH }),
  price: fc.integer({ min: 1, max: 400_000 }),
});

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

async function perform(world: World, houses: readonly House[], { kind, who, size, price }: Operation) {
  const house = houses[who]!;
  const other = houses[(who + 1) % houses.length]!;
  const { agentId } = house;
  const operator = { agentId: houses[0]!.agentId, peerId: houses[0]!.peerId };
  switch (kind) {
    case "offer":
      await world.offer(house, size, price);
      return;
    case "buy": {
      const offer = other.desk.openOffers()[0];
      if (offer === undefined) return;
      const delivery = size % 2 === 0 ? "instant" : "slot";
      const { offerId, priceMicroPerKWh } = offer;
      const quantityMilliWh = size % 3 === 0 ? size : Math.min(size, offer.leftMilliWh);
      await world.buy(
        house,
        world.terms(house, other, { offerId, quantityMilliWh, priceMicroPerKWh, delivery }),
      );
      return;
    }
    case "deliver": {
      const order = house.desk.orders({ open: true }).find((it) => it.state === "ACCEPTED");
      if (order === undefined) return;
      const key = { buyer: order.counterparty, orderId: order.orderId };
      await house.desk.deliver(agentId, key, size % (order.quantityMilliWh + 1));
      return;
    }
    case "imbalance": {
      if (who === 0) return;
      const slot = { ...SLOT, startS: SLOT.startS + 3600 * (size % 50) };
      const quantityMilliWh = price % 2 === 0 ? size : -size;
      const priceMicroPerKWh = quantityMilliWh > 0 ? tariff.retailMicroPerKWh : tariff.feedInMicroPerKWh;
      await house.desk.imbalance({ agentId, slot, quantityMilliWh, priceMicroPerKWh, operator });
      return;
    }
    case "withdraw":
      await house.desk.withdraw(house.desk.openOffers()[0]?.offerId ?? "");
      return;
    case "pass":
      await world.clock.pass(size % 5_000);
      return;
    case "kill":
      world.kill(house);
      await world.restart(house);
      return;
    default:
      await house.desk.record({ kind, agentId, key: `${size % 7}`, quantityMilliWh: size });
  }
}

test("after any sequence of operations every unit sums to 0, replay equals the live books, all trades end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 5, maxLength: 40 }),
      fc.nat(1_000),
      async (operations, seed) => {
        const world = new World(seed);
        const houses = [
          await world.house("utility", { energyMilliWh: 10 ** 12, capacityMilliWh: 10 ** 12, tariff }),
          await world.house("one", { energyMilliWh: 7 * KWH }),
          await world.house("two", { moneyMicro: 700_000 }),
        ];
        world.mail.faults.lossPercent = seed % 40;
        for (const it of operations) {
          // Refusals are part of any sequence; what counts is what the books say after them.
          await perform(world, houses, it).catch((error: unknown) => {
            if (!(error instanceof Error) || error.name !== "ProtocolError") throw error;
          });
        }
        await world.assertSound();
        world.mail.faults.lossPercent = 0;
        await world.clock.pass(30_000);
        for (const house of houses) {
          for (const order of house.desk.orders({ open: true })) {
            if (order.state !== "ACCEPTED") continue;
            await house.desk.deliver(house.agentId, { buyer: order.counterparty, orderId: order.orderId }, 1);
          }
        }
        await world.clock.pass(120_000);
        await world.assertSound();
        world.assertPairsCancel();
        for (const house of houses) assert.deepEqual(house.desk.pending(), { orders: 0, imbalances: 0 });
      },
    ),
    { numRuns: 150 },
  );
});
