/** The short form of `npm run campaign:sybil`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { runSybils } from "../scripts/campaigns/sybil.ts";

test("six honest nodes hear each other though twelve silent ones hold every place in their meshes", async () => {
  const seed = 7;
  const report = await runSybils({ honest: 6, sybils: 12, messages: 3, seed });
  assert.ok(report.sybilShare >= 0.9, `seed ${seed}: the storm was none`);
  assert.equal(report.delivered, report.wanted, `seed ${seed}: ${JSON.stringify(report)}`);
});
