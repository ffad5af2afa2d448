/** The way from search to confirm over libp2p and real disks, timed: two nodes, one seller, one buyer. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Slot, slotAt } from "@gridmesh/protocol";
import type { AgentContext } from "../src/agent.ts";
import { type Random, systemRandom } from "../src/clock.ts";
import { createNode } from "../src/create-node.ts";
import { libp2p } from "../src/network/index.ts";
import { eventually } from "./node-fixture.ts";

const ROUNDS = 4;
const QUIET_MS = 500;
const ANSWER_DRAW = 251;
/** A busy machine may be slow; a way that waits for a time-out is slower still, ms. */
const MOST_MS = 1_500;

/** Chance as ever, but sellers answer a search at once. */
function promptRandom(): Random {
  const random = systemRandom();
  return {
    bytes: (length) => random.bytes(length),
    below: (bound) => (bound === ANSWER_DRAW ? 0 : random.below(bound)),
  };
}

async function trader(home: string, name: string, bootstrap: readonly string[]) {
  const { promise, resolve } = Promise.withResolvers<AgentContext>();
  const node = await createNode({
    network: libp2p({ profile: "testnet", bootstrap }),
    networkName: "beckn-time",
    home: join(home, name),
    random: promptRandom(),
    agents: [
      {
        name,
        definition: {
          capabilities: ["energy.buy", "energy.sell"],
          policy: { maxOrderMicro: 10 ** 9, spendPerHourMicro: 10 ** 10, maxOpenOrders: 1_000 },
          async start(context) {
            await context.openBook({ moneyMicro: 10 ** 9, energyMilliWh: 10 ** 8, capacityMilliWh: 10 ** 9 });
            resolve(context);
          },
        },
      },
    ],
  });
  return { node, context: await promise };
}

const buying = (context: AgentContext, slot: Slot) =>
  context.buy({
    intent: { slot, needMilliWh: 1_000_000, maxPriceMicroPerKWh: 300_000, currency: "USD" },
    searchWindowMs: 3_000,
    minFillMilliWh: 1,
    allOrNothing: false,
    splitNeed: true,
    requireInit: true,
    delivery: "slot",
    untilMs: context.market.nowMs() + 10_000,
  });

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

test(
  "a need becomes an order over libp2p without a wait that nobody asked for",
  { timeout: 60_000 },
  async () => {
    const home = await mkdtemp(join(tmpdir(), "gridmesh-beckn-"));
    try {
      const seller = await trader(home, "household-agent-02", []);
      await using _seller = seller.node;
      const buyer = await trader(home, "household-agent-01", seller.node.addresses);
      await using _buyer = buyer.node;
      await eventually("a mesh", () =>
        buyer.node
          .snapshot()
          .topics.some(({ topic, meshPeers }) => topic.endsWith("/search/energy") && meshPeers > 0),
      );
      const offerMs: number[] = [];
      const orderMs: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const slot = slotAt("net", Math.floor(Date.now() / 3_600_000) * 3_600_000 + round * 3_600_000, 3_600);
        await seller.context.desk.offer({
          agentId: seller.context.agentId,
          slot,
          quantityMilliWh: 1_000_000,
          priceMicroPerKWh: 150_000,
          currency: "USD",
          untilMs: seller.context.market.nowMs() + 30_000,
        });
        const outcome = await buying(buyer.context, slot);
        assert.equal(outcome.confirmedMilliWh, 1_000_000, JSON.stringify(outcome.steps));
        offerMs.push(outcome.searchToFirstOfferMs ?? Number.NaN);
        orderMs.push(
          (outcome.searchToConfirmMs ?? Number.NaN) - (outcome.searchToFirstOfferMs ?? 0) - QUIET_MS,
        );
      }
      console.log(
        `search to first offer ${median(offerMs)} ms, select to confirmed ${median(orderMs)} ms (medians of ${ROUNDS})`,
      );
      // A wait that is built in shows in every round, a busy machine in some.
      assert.ok(Math.min(...offerMs) < MOST_MS, `${offerMs.join(" ")} ms`);
      assert.ok(Math.min(...orderMs) < MOST_MS, `${orderMs.join(" ")} ms`);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  },
);
