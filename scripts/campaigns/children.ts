/**
 * Agents that are programs of their own, under people who behave badly: sessions that nobody closes, programs and
 * daemons that are killed, calls in great number from another node. `npm run campaign:children -- --sessions 200`
 */

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  type AgentNode,
  type ChildDefinition,
  type Clock,
  createNode,
  libp2p,
  memory,
  memoryHub,
  systemClock,
  systemProcesses,
} from "@gridmesh/node";
import { isProtocolError, type JsonValue } from "@gridmesh/protocol";

const NETWORK = "campaign";
const MOST = 16;
/** Minutes of idleness pass in seconds; all else takes its time. */
const HURRY = 100;
const WAIT = { timeoutMs: 60_000 };

const { values } = parseArgs({
  options: {
    sessions: { type: "string", default: "200" },
    kills: { type: "string", default: "50" },
    daemons: { type: "string", default: "10" },
    calls: { type: "string", default: "2000" },
    home: { type: "string" },
  },
});

const small = fileURLToPath(new URL("../../packages/node/test/children/mcp-program.ts", import.meta.url));
const everything = fileURLToPath(
  new URL("../../node_modules/@modelcontextprotocol/server-everything/dist/index.js", import.meta.url),
);

function program(...args: readonly string[]): ChildDefinition {
  return { command: process.execPath, args };
}

const children = { processes: systemProcesses(), env: process.env, max: MOST };

function hurriedClock(): Clock {
  const clock = systemClock();
  return { ...clock, timer: (ms, fn) => clock.timer(ms >= 60_000 ? ms / HURRY : ms, fn) };
}

async function nodeWith(definition: ChildDefinition, clock?: Clock): Promise<AgentNode> {
  const network = memory({ hub: memoryHub({ seed: 1 }) });
  const agents = [{ name: "small", definition }];
  return createNode({
    network,
    networkName: NETWORK,
    children,
    agents,
    ...(clock === undefined ? {} : { clock }),
  });
}

function textOf(result: JsonValue): string {
  const { content } = result as { readonly content: readonly { readonly text?: string }[] };
  return content.map(({ text }) => text ?? "").join("");
}

const call = async (node: AgentNode, name: string, target = "local:small"): Promise<string> =>
  textOf(await node.call(`${target}/tools/call`, { name, arguments: {} }, WAIT));

/** Is it there, and not only waiting for somebody to take note of its end? */
function isAlive(pid: number): boolean {
  return systemProcesses().startTime(pid) !== undefined;
}

async function until(what: string, check: () => boolean, limitMs = 60_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!check()) {
    assert.ok(performance.now() < endMs, `not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resident bytes with nothing left to collect, as far as this process may say so. */
function residentBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().rss;
}

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } },
});
const PID = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name: "pid", arguments: {} },
});

/** A conversation nobody closes; a killed caller breaks it off without a word. */
async function abandoned(node: AgentNode, user: string, killed: boolean): Promise<number> {
  const channel = await node.open("small", { proto: "mcp", mode: "session", as: { user } }, WAIT);
  channel.send(INITIALIZE);
  channel.send(PID);
  const lines = channel.lines[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await lines.next();
    assert.ok(done !== true, "the session ended before it began");
    const { id, result } = JSON.parse(value) as { id: number; result: JsonValue };
    if (id !== 1) continue;
    if (killed) channel.reset("killed");
    return Number(textOf(result));
  }
}

async function sessions(count: number): Promise<object> {
  await using node = await nodeWith(program(small), hurriedClock());
  const pids: number[] = [];
  let most = 0;
  const one = async (n: number) => {
    pids.push(await abandoned(node, `user ${n}`, n % 2 === 0));
    most = Math.max(most, pids.filter(isAlive).length);
    assert.ok(most <= MOST, `${most} of them run`);
  };
  // The first few load what all need.
  for (let n = 0; n < 20; n += 1) await one(n);
  const before = residentBytes();
  for (let n = 20; n < count; n += 1) await one(n);
  await until("all have ended", () => pids.every((pid) => !isAlive(pid)));
  const after = residentBytes();
  assert.ok(after <= before * 1.1, `${before} bytes became ${after}`);
  return { sessions: count, most, left: pids.filter(isAlive).length, rssBefore: before, rssAfter: after };
}

async function kills(count: number): Promise<object> {
  let slowestMs = 0;
  let slowestAgainMs = 0;
  for (let n = 0; n < count; n += 1) {
    // Each has a name of its own: a program that is killed five times a minute stays down.
    await using node = await nodeWith(program(small));
    const pid = Number(await call(node, "pid"));
    const hanging = call(node, "hang").then(
      () => "answered",
      (error: unknown) => (isProtocolError(error) ? error.code : "other"),
    );
    const beganMs = performance.now();
    process.kill(pid, "SIGKILL");
    assert.equal(await hanging, "AGENT_CRASHED");
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    assert.notEqual(Number(await call(node, "pid")), pid);
    slowestAgainMs = Math.max(slowestAgainMs, performance.now() - beganMs);
  }
  assert.ok(slowestMs < 1_000, `an error after ${slowestMs} ms`);
  return {
    kills: count,
    slowestErrorMs: Math.round(slowestMs),
    slowestNextAnswerMs: Math.round(slowestAgainMs),
  };
}

/** A daemon's part of the campaign: a node in a home whose program and its offspring ignore SIGTERM. */
async function daemon(home: string): Promise<void> {
  const agents = [{ name: "small", definition: program(small, "--stubborn") }];
  const node = await createNode({ network: libp2p(), networkName: NETWORK, home, children, agents });
  const pids = [await call(node, "pid"), await call(node, "grandchild")];
  process.send?.({ pids: pids.map(Number) });
  process.on("disconnect", () => process.exit());
}

async function started(home: string): Promise<{ child: ChildProcess; pids: readonly number[] }> {
  const child = fork(new URL(import.meta.url), ["--home", home], {
    execArgv: ["--conditions=gridmesh-source"],
  });
  const [told] = (await once(child, "message")) as [{ pids: readonly number[] }];
  return { child, pids: told.pids };
}

async function daemons(count: number): Promise<object> {
  const home = mkdtempSync("/tmp/gm-");
  const before: number[] = [];
  let orphans = 0;
  for (let n = 0; n <= count; n += 1) {
    const { child, pids } = await started(home);
    assert.deepEqual(before.filter(isAlive), [], "a program outlived the next start of its daemon");
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    orphans += pids.filter(isAlive).length;
    before.push(...pids);
  }
  // The last ones are ended by one more start, which then ends as it should.
  const { child, pids } = await started(home);
  child.kill("SIGKILL");
  for (const pid of pids) process.kill(pid, "SIGKILL");
  assert.deepEqual(before.filter(isAlive), []);
  rmSync(home, { recursive: true });
  return { daemonsKilled: count + 1, orphansFound: orphans, left: 0 };
}

async function calls(count: number): Promise<object> {
  const agents = [{ name: "everything", definition: program(everything, "stdio") }];
  // The usual hundred calls a second would be all there is to see.
  const messageRates = { perSecond: 100_000, burst: 100_000, peakPerSecond: 100_000, peakBurst: 100_000 };
  const common = { networkName: NETWORK, messageRates };
  await using far = await createNode({ network: libp2p(), ...common, children, agents });
  await using near = await createNode({ network: libp2p(), ...common });
  await near.connect(far.addresses[0] ?? "");
  const echo = async (message: string) => {
    const params = { name: "echo", arguments: { message } };
    return textOf(await near.call(`${far.id}:everything/tools/call`, params, WAIT));
  };
  await echo("first");
  const beganMs = performance.now();
  let done = 0;
  const lane = async () => {
    for (let n = done; n < count; n = done) {
      done += 1;
      assert.equal(await echo(String(n)), `Echo: ${n}`);
    }
  };
  await Promise.all(Array.from({ length: 20 }, lane));
  const perSecond = Math.round((count * 1_000) / (performance.now() - beganMs));
  const largeMs = performance.now();
  const message = "x".repeat(3 * 1024 * 1024);
  assert.equal((await echo(message)).length, message.length + "Echo: ".length);
  return { calls: count, perSecond, echoOf3MiBMs: Math.round(performance.now() - largeMs) };
}

if (values.home !== undefined) await daemon(values.home);
else {
  for (const [what, run] of [
    ["abandoned sessions", () => sessions(Number(values.sessions))],
    ["killed programs", () => kills(Number(values.kills))],
    ["killed daemons", () => daemons(Number(values.daemons))],
    ["calls from another node", () => calls(Number(values.calls))],
  ] as const) {
    console.log(JSON.stringify({ what, ...(await run()) }));
  }
}
