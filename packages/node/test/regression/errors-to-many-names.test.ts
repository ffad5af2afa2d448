import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createRateGate } from "../../src/gate/rate-limit.ts";
import { manualClock } from "../../src/testing/index.ts";

test("errors told to hundreds of thousands of names that never say anything right are not remembered", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const clock = manualClock();
  const gate = createRateGate(clock);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let second = 0; second < 300; second += 1) {
    for (let n = 0; n < 1_000; n += 1) assert.ok(gate.mayTellError(`peer ${second} ${n}`));
    await clock.advance(1_000);
  }
  assert.equal(gate.mayTellError("one"), true);
  assert.equal(gate.mayTellError("one"), false);
  collect();
  const grewKiB = (process.memoryUsage().heapUsed - before) / 1_024;
  assert.ok(grewKiB < 4_096, `${Math.round(grewKiB)} KiB`);
});
