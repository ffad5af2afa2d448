import assert from "node:assert/strict";
import { test } from "node:test";
import { District, until } from "../src/experiments/nodes/district.ts";

const TIMES = { clearMs: 1_500, takeOverMs: 1_000, ackMs: 30_000, roundMs: 500 };
const DEADLINE_MS = 120_000;

test("on nodes, a slot whose first supervisor dies is final for all, and for it when it is back", async () => {
  await using district = await District.open({ seats: 4, seed: 3, times: TIMES });
  const { slotId, ranked } = district.begin(1);
  const [first] = ranked;
  assert.ok(first !== undefined);
  await district.kill(first);
  const living = () => district.outcome(slotId).ends.filter((_, index) => index !== first);
  assert.ok(await until(() => living().every((end) => end !== "open"), DEADLINE_MS));
  await district.start(first);
  assert.ok(await until(() => district.isBooked(slotId), DEADLINE_MS));
  const ends = new Set(district.outcome(slotId).ends);
  assert.equal(ends.size, 1);
  const { moneyMicro, energyMilliWh } = district.sums();
  assert.deepEqual([moneyMicro, energyMilliWh], [0, 0]);
});
