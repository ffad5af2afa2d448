/** The short form of `npm run campaign:agents`: calls of an agent on another node, and that node killed amid them. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

interface Report {
  readonly calls: number;
  readonly atOnce: number;
  readonly lost: number;
  readonly streamsKept: number;
  readonly streamsLeft: number;
  readonly toldMs: readonly number[];
}

test("no call is lost and no stream left, and a far node's death is told to all who wait for it", async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      "--conditions=gridmesh-source",
      "scripts/campaigns/agents.ts",
      "--calls",
      "400",
      "--at-once",
      "200",
      "--kills",
      "1",
    ],
    { timeout: 180_000 },
  );
  const report = JSON.parse(stdout) as Report;
  assert.deepEqual([report.calls, report.atOnce, report.lost, report.streamsLeft], [400, 200, 0, 0]);
  assert.ok(report.streamsKept <= 4, "calls share their streams");
  assert.equal(report.toldMs.length, 1);
});
