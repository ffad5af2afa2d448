/** Offers are in the journal: a role that begins its slot again after a restart must not sell its surplus twice. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentContext, marketClock } from "@gridmesh/node";
import { SLOT, World } from "../../../node/test/trade-world.ts";
import { START_MS } from "../../../node/test/trade-mail.ts";
import { createTrader } from "../../src/trader.ts";

const KWH = 1_000_000;

test("a slot begun again after kill -9 offers only what is not on sale already", async () => {
  const world = new World(81);
  const seller = await world.house("seller", { energyMilliWh: 10 * KWH });
  const offerSurplus = async () => {
    const none = { [Symbol.dispose]() {} };
    const context = {
      desk: seller.desk,
      agentId: seller.agentId,
      market: marketClock(world.clock),
      registry: { known: () => [], onChange: () => none },
      log: { debug() {} },
    } as unknown as AgentContext;
    const options = {
      currency: "USD",
      askMicroPerKWh: 150_000,
      maxBuyMicroPerKWh: 0,
      minTradeMilliWh: 1,
      delivery: "slot",
      searchWindowMs: 100,
      emptyIntent: false,
      splitNeed: false,
    } as const;
    using trader = createTrader(context, options, { bought() {}, operatorKnown() {} });
    const untilMs = START_MS + 2_880_000;
    await trader.perform({ kind: "offer", slot: SLOT, quantityMilliWh: 3 * KWH, untilMs });
  };
  await offerSurplus();
  world.kill(seller);
  await world.restart(seller);
  await offerSurplus();
  const left = seller.desk.openOffers().reduce((sum, offer) => sum + offer.leftMilliWh, 0);
  assert.equal(left, 3 * KWH);
});
