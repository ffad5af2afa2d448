/** What the program makes of an answer that no daemon gives. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { controlClient } from "../src/client.ts";

test("an answer that is no JSON is UPSTREAM_FAILED", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gm-client-"));
  const path = join(folder, "control.sock");
  const server = createServer((_request, response) => response.end("<html>hello</html>"));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    await assert.rejects(controlClient(path).health({ timeoutMs: 5_000 }), { code: "UPSTREAM_FAILED" });
  } finally {
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  }
});
