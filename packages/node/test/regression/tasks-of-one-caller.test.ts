import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/clock.ts";
import type { Caller } from "../../src/agent.ts";
import { TaskRun } from "../../src/host/mcp-task-run.ts";
import { TaskDesk } from "../../src/host/mcp-tasks.ts";
import { channelPair } from "../../src/route/channel-pair.ts";

const clock = systemClock();
const peer = (peerId: string): Caller => ({ kind: "peer", peerId });

function emptyDesk(): TaskDesk {
  const open = () => Promise.reject(new Error("nothing is called here"));
  return new TaskDesk({ tools: {}, open, clock, newId: () => "" });
}

interface Made {
  readonly caller: Caller;
  readonly id: string;
  readonly result?: string;
}

function ended(desk: TaskDesk, { caller, id, result = "{}" }: Made): void {
  const [channel] = channelPair({ era: "modern", versions: [] });
  const run = new TaskRun({ id, channel, params: "{}", clock, onNote: () => undefined });
  desk.checkRoom(caller);
  desk.add(run, caller);
  run.settle({ result });
}

test("one caller's ended tasks leave room for others', and do not push those out", () => {
  const desk = emptyDesk();
  ended(desk, { caller: peer("quiet"), id: "first" });
  for (let n = 0; n < 3_000; n += 1) ended(desk, { caller: peer("loud"), id: `loud-${n}` });
  ended(desk, { caller: peer("quiet"), id: "last" });
  for (const id of ["first", "last"]) assert.ok(desk.find(id, peer("quiet")));
  assert.ok(desk.find("loud-2999", peer("loud")));
  assert.equal(desk.find("loud-0", peer("loud")), undefined);
  desk.close();
});

test("what ended tasks came to takes bounded memory", () => {
  const desk = emptyDesk();
  const result = JSON.stringify({ text: "x".repeat(4_000_000) });
  ended(desk, { caller: peer("quiet"), id: "first" });
  for (let n = 0; n < 100; n += 1) ended(desk, { caller: peer("loud"), id: `loud-${n}`, result });
  const kept = Array.from({ length: 100 }, (_, n) => desk.find(`loud-${n}`, peer("loud"))).filter(Boolean);
  assert.ok(kept.length > 0 && kept.length <= 20, `${kept.length} are kept`);
  assert.ok(desk.find("first", peer("quiet")));
  desk.close();
});
