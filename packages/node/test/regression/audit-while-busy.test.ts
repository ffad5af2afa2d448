/** An audit compares the disk with books that are on the disk, also while others go on booking. */

import assert from "node:assert/strict";
import test from "node:test";
import { World } from "../trade-world.ts";

test("what is booked between the sync and the audit is no difference", async () => {
  const world = new World(72);
  const { agentId, desk, disk } = await world.house("house");
  disk.faults.beforeWrite = () => world.clock.sleep(10);
  const booking = Promise.resolve().then(() =>
    desk.record({ kind: "produce", agentId, key: "1", quantityMilliWh: 1_000 }),
  );
  const audit = desk.audit();
  await world.clock.pass(100);
  assert.deepEqual((await audit).differences, []);
  await booking;
});
