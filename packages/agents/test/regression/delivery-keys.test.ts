/** An order is known by its buyer and its id: two buyers may have chosen the same id. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentContext } from "@gridmesh/node";
import type { OrderSummary } from "@gridmesh/protocol";
import { deliverWhenOver } from "../../src/delivery.ts";

test("contracts of two buyers under one order id are both delivered", () => {
  const delivered: string[] = [];
  const alarms: (() => void)[] = [];
  const order = (counterparty: string) =>
    ({
      role: "seller",
      state: "ACCEPTED",
      orderId: "same",
      counterparty,
      slotId: "a/3600/3600",
      quantityMilliWh: 1,
    }) as OrderSummary;
  const context = {
    agentId: "me",
    desk: {
      orders: () => [order("one"), order("other")],
      onEvent: () => ({ [Symbol.dispose]() {} }),
      deliver: async (_seller: string, key: { buyer: string }) => void delivered.push(key.buyer),
    },
    market: {
      at(_atMs: number, fn: () => void) {
        alarms.push(fn);
        return { [Symbol.dispose]() {} };
      },
    },
  } as unknown as AgentContext;
  using _deliveries = deliverWhenOver(context, "slot");
  for (const alarm of alarms) alarm();
  assert.deepEqual(delivered, ["one", "other"]);
});
