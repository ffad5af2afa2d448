import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkExposure,
  checkMarketOrder,
  checkOwnOrders,
  checkReading,
  isFeederPlausible,
  type MeterReading,
  readingHash,
  restateSolar,
} from "@gridmesh/energy";
import { orderOf, rules, slotId, stranger, traders } from "./auction-cases.ts";

const first: MeterReading = {
  meter_id: "m",
  slot: "city/900/900",
  importMilliWh: 5,
  exportMilliWh: 0,
  pvMilliWh: 0,
  seq: 1,
  prev_hash: "0".repeat(64),
};
const second: MeterReading = { ...first, slot: "city/1800/900", seq: 2, prev_hash: readingHash(first) };

test("a reading follows the one before without a gap, an overlap or a step back", () => {
  checkReading(first);
  checkReading(second, first);
  for (const [reading, why] of [
    [{ ...second, slot: "city/2700/900" }, /gap/],
    [{ ...second, seq: 3 }, /gap/],
    [{ ...second, slot: "city/900/900" }, /runs back/],
    [{ ...second, slot: "city/1200/600" }, /overlaps/],
    [{ ...second, seq: 1 }, /run back/],
    [{ ...second, meter_id: "n" }, /another meter/],
    [{ ...second, prev_hash: readingHash({ ...first, importMilliWh: 6 }) }, /chained/],
  ] as const) {
    assert.throws(() => checkReading(reading, first), { code: "METER_INVALID", message: why });
  }
  assert.throws(() => checkReading(second), { code: "METER_INVALID" });
  assert.throws(() => checkReading({ ...first, pvMilliWh: -1 }), { code: "AMOUNT_INVALID" });
});

test("a feeder adds up within two percent, whichever way it flows", () => {
  const meters = [
    { importMilliWh: 60, exportMilliWh: 0 },
    { importMilliWh: 50, exportMilliWh: 10 },
  ];
  assert.ok(isFeederPlausible(meters, { importMilliWh: 102, exportMilliWh: 0 }));
  assert.ok(!isFeederPlausible(meters, { importMilliWh: 103, exportMilliWh: 0 }));
  assert.ok(!isFeederPlausible(meters, { importMilliWh: 0, exportMilliWh: 100 }));
});

test("what the sun did not give was sold from the grid", () => {
  const sold = ["t1", "t2"].map((tradeId) => ({ tradeId, qtyMilliWh: 10 }));
  assert.deepEqual(restateSolar(15, sold), {
    solar: new Map([
      ["t1", 8],
      ["t2", 7],
    ]),
    restatedMilliWh: 5,
  });
  assert.equal(restateSolar(20, sold).restatedMilliWh, 0);
});

test("an owner's limit covers what is held and what is committed, at retail", () => {
  const owner = { retailMicroPerKWh: 250_000, limitMicro: 1_000_000 };
  checkExposure({ heldMicro: 500_000, committedMilliWh: 2_000_000 }, owner);
  assert.throws(() => checkExposure({ heldMicro: 500_001, committedMilliWh: 2_000_000 }, owner), {
    code: "SPEND_LIMIT",
  });
});

test("an order that may not enter is refused for its own reason", () => {
  const of = { rules, slotId };
  const order = orderOf(traders[0]!, 0);
  checkMarketOrder(order, of);
  for (const [one, code] of [
    [{ ...order, rulesHash: "0" }, "VERSION_UNSUPPORTED"],
    [{ ...order, slotId: "city/1800/900" }, "SLOT_INVALID"],
    [orderOf(stranger, 0), "UNAUTHORIZED"],
    [{ ...order, limitMicroPerKWh: 1_000_001 }, "AMOUNT_INVALID"],
  ] as const)
    assert.throws(() => checkMarketOrder(one, of), { code });
  const tick = { ...rules, tickMicro: 7_000 };
  assert.throws(() => checkMarketOrder(order, { rules: tick, slotId }), { code: "VERSION_UNSUPPORTED" });
  const ask = { ...order, side: "ask" as const };
  assert.throws(() => checkOwnOrders([order, ask], rules), { code: "ORDER_REJECTED" });
  checkOwnOrders([order, { ...ask, limitMicroPerKWh: order.limitMicroPerKWh + 1 }], rules);
  assert.throws(
    () =>
      checkOwnOrders(
        Array.from({ length: 17 }, () => order),
        rules,
      ),
    { code: "QUOTA_EXCEEDED" },
  );
  // 4 kW carry 1 kWh in a quarter of an hour.
  const connection = { importMilliW: 4_000_000, exportMilliW: 0, durationS: 900 };
  checkOwnOrders([{ ...order, qtyMilliWh: 1_000_000 }], rules, connection);
  assert.throws(() => checkOwnOrders([{ ...order, qtyMilliWh: 1_000_001 }], rules, connection), {
    code: "GRID_LIMIT",
  });
  assert.throws(() => checkOwnOrders([ask], rules, connection), { code: "GRID_LIMIT" });
});
