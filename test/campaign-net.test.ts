/** The short form of `npm run campaign:net`. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

test("over a cable that loses packets, is cut one way and pulled, no order is lost or counted twice", async (t) => {
  const words = ["--rounds", "2", "--trades", "24", "--loss", "5", "--seed", "2"];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=gridmesh-source", "scripts/campaigns/net.ts", ...words],
    { timeout: 280_000 },
  );
  if (stdout.includes("skipped")) return t.skip(stdout.trim());
  const report = JSON.parse(stdout) as Readonly<Record<string, number>>;
  assert.ok((report["trades"] ?? 0) >= 24, stdout);
  for (const figure of ["lost", "twice", "unpaired", "moneySum", "energySum", "differences"]) {
    assert.equal(report[figure], 0, figure);
  }
});
