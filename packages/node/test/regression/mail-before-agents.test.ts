import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { amountMicro, slotAt } from "@gridmesh/protocol";
import { createNode } from "../../src/create-node.ts";
import { type Log, silentLog } from "../../src/log.ts";
import { memory, type MemoryHub, memoryHub } from "../../src/network/index.ts";
import type { OrderTerms } from "../../src/trade/types.ts";
import { eventually } from "../node-fixture.ts";

const MILLI_WH = 1_000;
const PRICE = 150_000;
const ORDERS = 12;
const slot = slotAt("net", Date.UTC(2099, 0, 1), 3_600);
const policy = { maxOrderMicro: 10 ** 9, spendPerHourMicro: 10 ** 12, maxOpenOrders: 1_000 };

interface Trader {
  readonly hub: MemoryHub;
  readonly home: string;
  readonly bootstrap: readonly string[];
  /** Its agent opens its book once this has resolved. */
  readonly opens: Promise<void>;
  readonly log?: Log;
}

const trader = ({ hub, home, bootstrap, opens, log = silentLog() }: Trader) =>
  createNode({
    network: memory({ hub, bootstrap }),
    home,
    log,
    agents: [
      {
        name: "trader",
        definition: {
          capabilities: [],
          policy,
          async start(context) {
            await opens;
            await context.openBook({
              moneyMicro: 10 ** 9,
              energyMilliWh: 10 ** 9,
              capacityMilliWh: 10 ** 10,
            });
          },
        },
      },
    ],
  });

test("whoever goes on with open trades is not banned by a partner whose agents still start", async () => {
  const hub = memoryHub({ seed: 1 });
  const folder = await mkdtemp(join(tmpdir(), "gm-mail-"));
  try {
    const opens = Promise.resolve();
    let putOff = 0;
    const log: Log = {
      ...silentLog(),
      debug: (event) => void (putOff += event === "trade.retry" ? 1 : 0),
      child: () => log,
    };
    await using seller = await trader({ hub, home: join(folder, "seller"), bootstrap: [], opens, log });
    const home = join(folder, "buyer");
    const buyer = await trader({ hub, home, bootstrap: seller.addresses, opens });
    await eventually("a link", () => buyer.peers().some(({ state }) => state === "connected"));
    const [ask] = seller.desk.books();
    const [bid] = buyer.desk.books();
    assert.ok(ask !== undefined && bid !== undefined);
    const { offerId, epoch } = await seller.desk.offer({
      agentId: ask.agentId,
      slot,
      quantityMilliWh: 10 ** 6,
      priceMicroPerKWh: PRICE,
      currency: "USD",
      untilMs: slot.startS * 1_000,
    });
    const orders = Array.from({ length: ORDERS }, (_, count): OrderTerms => ({
      orderId: `order-${count}`,
      transactionId: `transaction-${count}`,
      offerId,
      offerEpoch: epoch,
      buyer: bid.agentId,
      buyerPeerId: buyer.id,
      seller: ask.agentId,
      sellerPeerId: seller.id,
      slot,
      quantityMilliWh: MILLI_WH,
      priceMicroPerKWh: PRICE,
      amountMicro: amountMicro(MILLI_WH, PRICE),
      currency: "USD",
      untilMs: slot.startS * 1_000,
      delivery: "slot",
    }));
    for (const terms of orders) {
      const bytes = { header: "", body: terms.orderId };
      await buyer.desk.hold(terms, bytes);
      const accepted = { accepted: true, contractId: "contract" };
      const answer = await seller.desk.decide(terms, bytes, () => ({ header: "", body: "yes" }));
      await buyer.desk.conclude(bid.agentId, terms.orderId, accepted, answer);
    }
    await buyer.stop();
    await eventually("the link is gone", () => seller.peers().every(({ state }) => state !== "connected"));
    for (const { orderId } of orders) {
      await seller.desk.deliver(ask.agentId, { buyer: bid.agentId, orderId }, MILLI_WH);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    putOff = 0;
    const starting = trader({ hub, home, bootstrap: seller.addresses, opens: promise });
    try {
      // Twelve deliveries are sent again as soon as there is a link.
      await eventually("every delivery is put off", () => putOff >= ORDERS, 20_000);
    } finally {
      resolve();
    }
    await using again = await starting;
    await eventually("all orders end", () => again.desk.pending().orders === 0, 30_000);
    assert.deepEqual(again.bans.list(), []);
    assert.equal(seller.desk.orders().filter(({ state }) => state === "SETTLED").length, ORDERS);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
