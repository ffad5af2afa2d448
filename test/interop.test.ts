/** What `npm run interop` says where it cannot run. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../interop/run.ts", import.meta.url));

test("a toolchain that is absent is one line, no failure and no pass", () => {
  const { status, stdout } = spawnSync(process.execPath, ["--conditions=gridmesh-source", program], {
    encoding: "utf8",
    env: { PATH: "/nowhere" },
  });
  assert.equal(status, 0);
  assert.deepEqual(stdout.trim().split("\n"), [
    "interop go: skipped, no go >= 1.25 on PATH",
    "interop rust: skipped, no cargo >= 1.88 on PATH",
    "",
    "peer      pass  fail",
    "none ran",
  ]);
});
