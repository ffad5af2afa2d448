import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "@gridmesh/protocol";
import { createBans } from "../../src/gate/admit.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { manualClock } from "../../src/testing/index.ts";

test("a ban that cannot be written holds, and ends the node in order instead of throwing at whoever listens", () => {
  const failed = new ProtocolError("DISK_FAILED", "full");
  const store = {
    ...memoryStore(),
    saveBan() {
      throw failed;
    },
  };
  const told: unknown[] = [];
  const bans = createBans(store, manualClock(), { onFatal: (error) => told.push(error) });
  assert.equal(bans.offence("somebody", "EQUIVOCATION"), true);
  assert.ok(bans.banned("somebody"));
  assert.deepEqual(told, [failed]);
});
