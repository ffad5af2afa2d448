import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../src/log.ts";

test("of what one peer causes ten lines a second are written, and how many were left out", () => {
  const lines: Record<string, unknown>[] = [];
  let nowMs = 5_000;
  const log = createLog({
    level: "info",
    format: "json",
    levels: {},
    destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
    monotonicMs: () => nowMs,
  });
  const flood = (peer: string) => {
    for (let n = 0; n < 100; n += 1)
      log.info("peer.foreign", "another network", { peer, code: "NETWORK_MISMATCH" });
  };
  flood("a");
  flood("b");
  assert.equal(lines.length, 20);
  for (let n = 0; n < 100; n += 1) log.info("trade.confirmed", "a trade");
  assert.equal(lines.length, 120);
  nowMs += 1_000;
  flood("a");
  assert.equal(lines.length, 130);
  assert.equal(lines[120]?.["leftOut"], 90);
  assert.equal(lines[121]?.["leftOut"], undefined);
});
