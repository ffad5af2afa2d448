import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/clock.ts";
import { TaskRun } from "../../src/host/mcp-task-run.ts";
import { nodeLimits } from "../../src/limits.ts";
import { channelPair } from "../../src/route/channel-pair.ts";

test("a task whose next round is too long for a line fails, and nothing else does", () => {
  const [channel] = channelPair({ era: "modern", versions: [] });
  const params = JSON.stringify({ text: "x".repeat(nodeLimits.rpcLineBytes - 100) });
  const run = new TaskRun({ id: "1", channel, params, clock: systemClock(), onNote: () => undefined });
  const state = JSON.stringify({ resultType: "input_required", requestState: "s".repeat(200) });
  run.settle({ result: state });
  const told = JSON.parse(run.describe()) as { readonly status: string; readonly error: object };
  assert.equal(told.status, "failed");
  assert.match(JSON.stringify(told.error), /FRAME_TOO_LARGE/);
});
