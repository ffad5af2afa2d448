/** The short form of `npm run campaign:kill`. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

test("of two processes that are killed while they trade, no order is lost or counted twice", async () => {
  const words = ["--kills", "3", "--trades", "200", "--seed", "7"];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=gridmesh-source", "scripts/campaigns/kill.ts", ...words],
    { timeout: 280_000 },
  );
  const report = JSON.parse(stdout) as Readonly<Record<string, number>>;
  assert.ok((report["trades"] ?? 0) >= 200, stdout);
  assert.ok((report["acknowledged"] ?? 0) >= 5 * 200, stdout);
  for (const figure of ["lost", "twice", "unpaired", "moneySum", "energySum", "differences"]) {
    assert.equal(report[figure], 0, figure);
  }
});
