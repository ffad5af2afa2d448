import assert from "node:assert/strict";
import { test } from "node:test";
import type { BookSnapshot, OrderSummary } from "@gridmesh/protocol";
import { Witness } from "../src/testnet/witness.ts";

const order = (of: Partial<OrderSummary>): OrderSummary => ({
  orderId: "order-1",
  transactionId: "transaction-1",
  role: "buyer",
  agentId: "buyer",
  counterparty: "seller",
  counterpartyPeerId: "peer",
  slotId: "area/0/3600",
  state: "COMMITTED",
  quantityMilliWh: 1_000,
  priceMicroPerKWh: 150_000,
  amountMicro: 150,
  finalMilliWh: null,
  finalAmountMicro: null,
  currency: "USD",
  createdAtMs: 0,
  updatedAtMs: 0,
  ...of,
});

const book = (...orders: OrderSummary[]): BookSnapshot => ({
  agentId: "buyer",
  name: "buyer",
  peerId: "peer",
  capacityMilliWh: 0,
  money: {},
  energy: {},
  entries: 0,
  orders,
});

test("a trade seen agreed and still there at the end is neither lost nor doubled", () => {
  const witness = new Witness();
  witness.see([book(order({}))]);
  assert.deepEqual(witness.testify([book(order({ state: "CLOSED" }))]), {
    witnessed: 1,
    lost: [],
    twice: [],
  });
});

test("a trade that vanished, was taken back or changed its terms is lost", () => {
  for (const last of [[], [order({ state: "RELEASED" })], [order({ quantityMilliWh: 999 })]]) {
    const witness = new Witness();
    witness.see([book(order({}))]);
    assert.deepEqual(witness.testify([book(...last)]).lost, ["buyer order-1"]);
  }
});

test("a hold that was never answered is nobody's trade yet", () => {
  const witness = new Witness();
  witness.see([book(order({ state: "HELD" }))]);
  assert.equal(witness.testify([book()]).witnessed, 0);
});

test("a trade that stands twice on one side is told; buyer's and seller's rows are one each", () => {
  const sold = order({ role: "seller", agentId: "seller", counterparty: "buyer", state: "SETTLED" });
  assert.deepEqual(new Witness().testify([book(order({}), sold)]).twice, []);
  assert.deepEqual(new Witness().testify([book(order({}), order({}))]).twice, ["buyer buyer order-1"]);
});
