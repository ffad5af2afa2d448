/** A brain that fails on one input goes on with the next, and nobody has to catch what it threw. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log } from "@gridmesh/node";
import { runBrain } from "../../src/brain.ts";

test("an input that cannot be read or decided is logged and ends alone", async () => {
  const events: string[] = [];
  const keep = (event: string) => void events.push(event);
  const log: Log = { error: keep, warn: keep, info: keep, debug: keep, child: () => log };
  const done: number[] = [];
  const brain = runBrain({
    step: (state: number, input: number) => ({ state: state + input, actions: [{ kind: "add" as const }] }),
    initial: 0,
    options: undefined,
    perform: () => void done.push(1),
    log,
  });
  await brain.take(() => {
    throw new Error("no such book");
  });
  await brain.take(() => 2);
  await brain.idle();
  assert.equal(brain.state, 2);
  assert.equal(done.length, 1);
  assert.deepEqual(events, ["agent.input_failed"]);
});
