/** A collection that cannot be written down is a warning, not the end of the node; what is kept stays small. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Log, marketClock } from "@gridmesh/node";
import { manualClock, testNetwork } from "@gridmesh/node/testing";
import { utility } from "../../src/index.ts";

test("a folder that cannot be made costs the collection alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gridmesh-collect-"));
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => void unhandled.push(error);
  process.on("unhandledRejection", onUnhandled);
  try {
    writeFileSync(join(folder, "file"), "");
    const events: string[] = [];
    const keep = (event: string) => void events.push(event);
    const log: Log = { error: keep, warn: keep, info: keep, debug() {}, child: () => log };
    const clock = manualClock();
    const market = marketClock(clock);
    const definition = utility({ collectEveryS: 1, dir: join(folder, "file", "below") });
    const starting = testNetwork(1, {
      clock,
      log,
      agents: () => [{ name: "utility-agent", definition }],
      options: () => ({ market }),
    });
    let network: Awaited<typeof starting> | undefined;
    void starting.then((made) => (network = made));
    for (let i = 0; i < 500 && !events.includes("collect.failed"); i++) await clock.advance(10);
    assert.ok(network, "started");
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(unhandled, []);
    assert.ok(events.includes("collect.failed"));
    const stopping = Promise.resolve(network[Symbol.asyncDispose]());
    let stopped = false;
    void stopping.finally(() => (stopped = true));
    for (let i = 0; i < 500 && !stopped; i++) await clock.advance(10);
  } finally {
    process.off("unhandledRejection", onUnhandled);
    rmSync(folder, { recursive: true });
  }
});
