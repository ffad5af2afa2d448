/** The short form of `npm run campaign:power`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { runPower } from "../scripts/campaigns/power-run.ts";

test("of 2,000 disks a power loss may leave none loses an acknowledged record, of 3,000 flipped bits none is silent", async () => {
  const report = await runPower({ seed: "short", states: 2_000, flips: 3_000 });
  assert.ok(report.states >= 2_000, `${report.states} states`);
  assert.ok(report.segments > 4, `${report.segments} segments`);
  assert.ok(report.faults > 100, `${report.faults} calls that failed`);
  assert.equal(report.flipsFound + report.flipsHarmless, 3_000);
  assert.ok(report.flipsFound > 2_900, `${report.flipsFound} found`);
});
