/** How many programs run at once, who shares one, and who gives way. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../src/clock.ts";
import { type AgentNode, systemClock } from "../src/index.ts";
import { nodeLimits } from "../src/limits.ts";
import type { AgentChannel } from "../src/route/channel.ts";
import { callTool, isAlive, nodeWithChildren, smallProgram, textOf } from "./child-rig.ts";
import { eventually } from "./node-fixture.ts";

const LONG_MS = 30_000;

/** Minutes of idleness pass in moments; everything shorter takes its time. */
function hurriedClock(): Clock {
  const clock = systemClock();
  const hurried = (ms: number) => (ms >= 60_000 ? ms / 500 : ms);
  return { ...clock, timer: (ms, fn) => clock.timer(hurried(ms), fn) };
}

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } },
};

interface Session {
  readonly channel: AgentChannel;
  readonly pid: number;
  /** The caller is killed: it says nothing more, not even good-bye. */
  kill(): void;
}

/** A conversation of its own with the small program. */
async function session(node: AgentNode, agent = "small", user = "somebody"): Promise<Session> {
  const gone = new AbortController();
  const opening = { proto: "mcp", mode: "session", as: { user } } as const;
  const channel = await node.open(agent, opening, { timeoutMs: LONG_MS, signal: gone.signal });
  channel.send(JSON.stringify(INITIALIZE));
  channel.send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }));
  channel.send(
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "pid", arguments: {} } }),
  );
  const lines = channel.lines[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await lines.next();
    assert.ok(done !== true, "the session ended before it began");
    const { id, result } = JSON.parse(value) as { id?: number; result: Parameters<typeof textOf>[0] };
    if (id === 1) return { channel, pid: Number(textOf(result)), kill: () => channel.reset("killed") };
  }
}

test("callers share one process, or have one each where the agent keeps them apart", async () => {
  const apart = { ...smallProgram(), isolation: "per-peer" } as const;
  await using node = await nodeWithChildren({ small: smallProgram(), apart });
  const count = async (agent: string, user: string) => {
    const channel = await node.open(
      agent,
      { proto: "plain", mode: "call", as: { user } },
      { timeoutMs: LONG_MS },
    );
    channel.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "count" } }));
    channel.end();
    for await (const line of channel.lines) {
      return textOf((JSON.parse(line) as { result: Parameters<typeof textOf>[0] }).result);
    }
    return "";
  };
  assert.deepEqual([await count("small", "ada"), await count("small", "bob")], ["1", "2"]);
  assert.deepEqual(
    [await count("apart", "ada"), await count("apart", "bob"), await count("apart", "ada")],
    ["1", "1", "2"],
  );
});

test("when all places are taken the longest idle program makes room, and a busy one never", async () => {
  const agents = { a: smallProgram(), b: smallProgram(), c: smallProgram() };
  await using node = await nodeWithChildren(agents, { max: 2 });
  const first = Number(await callTool(node, "a/pid"));
  const second = Number(await callTool(node, "b/pid"));
  const third = Number(await callTool(node, "c/pid"));
  assert.deepEqual([first, second, third].map(isAlive), [false, true, true]);
  const hanging = [callTool(node, "b/hang"), callTool(node, "c/hang")].map((call) =>
    call.catch(() => "ended"),
  );
  await assert.rejects(callTool(node, "a/pid"), { code: "QUOTA_EXCEEDED" });
  assert.deepEqual([second, third].map(isAlive), [true, true]);
  process.kill(second, "SIGKILL");
  process.kill(third, "SIGKILL");
  await Promise.all(hanging);
});

test("a ninth session ends the one that has been idle for the longest time", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  const sessions: Session[] = [];
  for (let n = 0; n < nodeLimits.childSessions; n += 1) sessions.push(await session(node));
  assert.equal(new Set(sessions.map(({ pid }) => pid)).size, nodeLimits.childSessions);
  const ninth = await session(node);
  const [first, ...others] = sessions;
  assert.ok(first !== undefined && !isAlive(first.pid));
  for (const { pid } of [...others, ninth]) assert.ok(isAlive(pid));
});

test("a program that nobody has asked anything for five minutes is ended, and the next call starts it again", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() }, { clock: hurriedClock() });
  const pid = Number(await callTool(node, "small/pid"));
  const { pid: own } = await session(node);
  await eventually("both have ended", () => !isAlive(pid) && !isAlive(own), LONG_MS);
  assert.notEqual(Number(await callTool(node, "small/pid")), pid);
});

test("twelve sessions that nobody closes, half of them of callers that were killed, leave no more programs than are allowed", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() }, { clock: hurriedClock(), max: 4 });
  const pids: number[] = [];
  for (let n = 0; n < 12; n += 1) {
    const made = await session(node, "small", `user ${n}`);
    pids.push(made.pid);
    if (n % 2 === 0) made.kill();
    const alive = pids.filter(isAlive).length;
    assert.ok(alive <= 4, `${alive} of them run`);
  }
  await eventually("all have ended", () => pids.every((pid) => !isAlive(pid)), LONG_MS);
});

test("an agent that is taken away ends its sessions with it", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  const { pid } = await session(node);
  await node.agents.unregister("small");
  assert.ok(!isAlive(pid));
  await assert.rejects(callTool(node, "small/pid"), { code: "AGENT_NOT_FOUND" });
});
