import assert from "node:assert/strict";
import { test } from "node:test";
import { crashLog } from "../src/host/stdio-child-crashes.ts";
import { seededRandom } from "../src/testing/seeded-random.ts";
import { ManualClock } from "./manual-clock.ts";

function logOf() {
  const clock = new ManualClock();
  const failures: string[] = [];
  const crashes = crashLog({
    agent: "small",
    clock,
    random: seededRandom(3),
    onFailed: () => failures.push("failed"),
  });
  return { clock, crashes, failures };
}

test("the wait after a crash doubles from 250 ms, a quarter more or less", async () => {
  const { clock, crashes } = logOf();
  for (const plainMs of [250, 500, 1_000, 2_000]) {
    crashes.note();
    const waitMs = crashes.waitMs();
    assert.ok(waitMs >= plainMs * 0.75 && waitMs <= plainMs * 1.25, `${waitMs} is not about ${plainMs}`);
    await clock.advance(Math.ceil(waitMs));
    assert.equal(crashes.waitMs(), 0);
  }
});

test("five crashes within a minute end the agent for good, four and one later do not", async () => {
  const { clock, crashes, failures } = logOf();
  for (let time = 0; time < 4; time += 1) crashes.note();
  await clock.advance(61_000);
  crashes.note();
  assert.ok(!crashes.failed);
  for (let time = 0; time < 4; time += 1) crashes.note();
  assert.ok(crashes.failed);
  assert.deepEqual(failures, ["failed"]);
  await clock.advance(3_600_000);
  assert.throws(() => crashes.check(), { code: "AGENT_START_FAILED" });
});
