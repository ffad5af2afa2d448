/** Messages were kept by their number alone: a peer that sent the longest filled the disk in a night. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openStateStore } from "../../src/store/sqlite.ts";
import type { StoredFrame } from "../../src/store/types.ts";

const MIB = 1024 * 1024;
const limit = { sinceMs: 0, max: 1_000_000, maxBytes: 4 * MIB };

test("kept messages take no more of the disk than they may, and the newest stay", () => {
  const home = mkdtempSync(join(tmpdir(), "gridmesh-frames-"));
  try {
    const store = openStateStore(home);
    const frame = (transactionId: string): StoredFrame => ({
      transactionId,
      atMs: 1,
      direction: "in",
      carrier: "stream",
      peerId: "peer",
      header: new Uint8Array(200),
      body: new Uint8Array(2_000).fill(1),
      reply: undefined,
    });
    for (let batch = 0; batch < 40; batch += 1) {
      store.saveFrames(
        Array.from({ length: 200 }, () => frame(`batch ${batch}`)),
        limit,
      );
    }
    assert.ok(statSync(join(home, "state.sqlite")).size < 6 * MIB);
    assert.equal(store.frames("batch 39").length, 200);
    assert.equal(store.frames("batch 0").length, 0);
    store.close();
  } finally {
    rmSync(home, { recursive: true });
  }
});
