import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { configOf, gridmesh, startedDaemon, temporaryHome } from "./running.ts";

const DISAGREE_EXIT = 7;
/** Behind the header of the segment and of its first frame. */
const CHANGED_BYTE = 150;

const config = `${configOf({ network: "audit" })}
[[agents]]
name = "household"
module = "@gridmesh/agents"
factory = "household"
[agents.options]
stateOfChargePercent = 95
`;

test(
  "ledger audit names file and place of a changed byte, and a daemon does not start on it",
  { timeout: 60_000 },
  async () => {
    using home = temporaryHome();
    const daemon = await startedDaemon(home.home, { config });
    const path = join(daemon.home, "journal", "1.log");
    try {
      assert.equal((await gridmesh(daemon.home, "ledger", "audit")).code, 0);
      const bytes = await readFile(path);
      bytes[CHANGED_BYTE] = (bytes[CHANGED_BYTE] ?? 0) ^ 4;
      await writeFile(path, bytes);
      const audit = await gridmesh(daemon.home, "ledger", "audit");
      assert.equal(audit.code, DISAGREE_EXIT, audit.stderr);
      assert.match(audit.stdout, /journal .*1\.log at 64: one bit of byte 150 has changed/u);
    } finally {
      await daemon[Symbol.asyncDispose]();
    }
    await assert.rejects(startedDaemon(home.home, { config }), /JOURNAL_DAMAGED.*1\.log at 64/su);
  },
);
