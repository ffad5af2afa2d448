/** The short form of `npm run campaign:processes`: processes that start at the same instant. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

test("four processes started at once are all in the mesh and hear every message once", async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=gridmesh-source", "scripts/campaigns/processes.ts", "--count", "4", "--messages", "10"],
    { timeout: 120_000 },
  );
  const report = JSON.parse(stdout) as Readonly<Record<string, number>>;
  assert.equal(report["heard"], 4 * 3 * 10);
  assert.equal(report["of"], 4 * 3 * 10);
  assert.equal(report["repeated"], 0);
  assert.equal(report["doubles"], 0);
});
