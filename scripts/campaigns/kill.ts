/**
 * Two processes that trade over libp2p on loopback, sixteen orders in flight, one of them or both killed with −9 again
 * and again: `npm run campaign:kill -- [--kills 30] [--trades 10000] [--seed N]`. In the end both journals are held
 * against each other and against all that callers were told. Passes if nothing is lost, nothing counted twice, every
 * order ends alike on both sides, and all sums are 0.
 */

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { seededRandom } from "../../packages/node/src/testing/index.ts";
import type { KillOffer, PeerReady, PeerTold } from "./kill-parts.ts";
import { judge } from "./kill-verdict.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "30" },
    trades: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
  },
});
const kills = Number(values.kills);
const trades = Number(values.trades);
const random = seededRandom(`kill ${values.seed}`);
/** Nothing for so long is a hang, ms. */
const LOST_MS = 120_000;
const MOST_DOWN_MS = 500;

type Role = "buyer" | "seller";

interface Side {
  readonly home: string;
  readonly port: number;
  child: ChildProcess | undefined;
}

interface Progress {
  closed: number;
  ended: number;
  onEnded: () => void;
}

const folder = await mkdtemp(join(tmpdir(), "gridmesh-kill-"));
const sides: Readonly<Record<Role, Side>> = { buyer: await sideOf("buyer"), seller: await sideOf("seller") };
const progress: Progress = { closed: 0, ended: 0, onEnded: () => {} };
let sellerReady: PeerReady | undefined;

async function sideOf(role: Role): Promise<Side> {
  const home = join(folder, role);
  await mkdir(home, { mode: 0o700 });
  return { home, port: await freePort(), child: undefined };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(typeof bound === "object" && bound !== null, "no port");
  return bound.port;
}

/** Starts a side, again on its home and port; resolves when it trades. */
async function start(role: Role): Promise<PeerReady> {
  const side = sides[role];
  const offer: KillOffer | undefined = sellerReady?.offer;
  const bootstrap = role === "buyer" ? (sellerReady?.address ?? "") : "";
  const words = [role, side.home, `/ip4/127.0.0.1/tcp/${side.port}`, bootstrap];
  const child = fork(
    fileURLToPath(new URL("./kill-peer.ts", import.meta.url)),
    [...words, JSON.stringify(offer ?? "")],
    { execArgv: ["--conditions=gridmesh-source"] },
  );
  side.child = child;
  const { promise, resolve, reject } = Promise.withResolvers<PeerReady>();
  child.on("message", ({ ready, ended }: PeerTold) => {
    if (ready !== undefined) resolve(ready);
    if (ended === undefined) return;
    progress.ended += 1;
    if (ended === "closed") progress.closed += 1;
    progress.onEnded();
  });
  child.once("exit", (code, signal) => {
    if (signal !== "SIGKILL") reject(new Error(`the ${role} ended with ${String(code ?? signal)}`));
  });
  return within(promise, `the ${role} to start`);
}

async function kill(role: Role): Promise<void> {
  const { child } = sides[role];
  assert.ok(child?.exitCode === null && child.signalCode === null, `the ${role} ended by itself`);
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const stop = new AbortController();
  const late = sleep(LOST_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`waited ${LOST_MS} ms for ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
    late.catch(() => undefined);
  }
}

/** Resolves once so many orders have been closed. */
async function closed(count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  progress.onEnded = () => {
    if (progress.closed >= count) resolve();
  };
  progress.onEnded();
  await within(promise, `trade ${count}, after ${progress.closed}`);
}

async function openOrders(role: Role, word: string): Promise<number> {
  const { child } = sides[role];
  const { promise, resolve } = Promise.withResolvers<number>();
  const onTold = ({ open }: PeerTold) => {
    if (open !== undefined) resolve(open);
  };
  child?.on("message", onTold);
  child?.send(word);
  try {
    return await within(promise, `the ${role}'s answer`);
  } finally {
    child?.off("message", onTold);
  }
}

function victims(): readonly Role[] {
  const draw = random.below(20);
  if (draw < 9) return ["buyer"];
  return draw < 18 ? ["seller"] : ["buyer", "seller"];
}

async function campaign() {
  sellerReady = await start("seller");
  await start("buyer");
  const startMs = performance.now();
  const killedAtMs: number[] = [];
  let slowestStartMs = 0;
  let slowestMs = 0;
  const count = { buyer: 0, seller: 0 };
  for (let round = 0; round < kills; round += 1) {
    await closed(Math.floor((trades * (round + 0.5)) / kills));
    await sleep(random.below(30));
    const roles = victims();
    await Promise.all(roles.map(kill));
    killedAtMs.push(Date.now());
    for (const role of roles) count[role] += 1;
    await sleep(random.below(MOST_DOWN_MS));
    const begunMs = performance.now();
    await Promise.all(roles.map(start));
    const upMs = performance.now();
    slowestStartMs = Math.max(slowestStartMs, upMs - begunMs);
    // The next order that is over after both are back shows that they trade again.
    await closed(progress.closed + 1);
    slowestMs = Math.max(slowestMs, performance.now() - upMs);
  }
  await closed(trades);
  const tookMs = performance.now() - startMs;
  await drain();
  for (const role of ["buyer", "seller"] as const) await kill(role);
  const verdict = await judge({ buyer: sides.buyer.home, seller: sides.seller.home }, killedAtMs);
  const { differences, ...figures } = verdict;
  const report = {
    campaign: "kill",
    seed: values.seed,
    kills: { buyer: count.buyer, seller: count.seller },
    ...figures,
    differences: differences.length,
    tradesPerSecond: Math.round((verdict.trades * 1_000) / tookMs),
    slowestStartMs: Math.round(slowestStartMs),
    slowestRecoveryMs: Math.round(slowestMs),
  };
  console.log(JSON.stringify(report));
  for (const difference of differences) console.log(difference);
  const { lost, twice, unpaired, moneySum, energySum } = verdict;
  assert.deepEqual(
    { lost, twice, unpaired, moneySum, energySum, differences },
    { lost: 0, twice: 0, unpaired: 0, moneySum: 0, energySum: 0, differences: [] },
  );
}

/** No new orders; what is open ends on both sides. */
async function drain(): Promise<void> {
  const endMs = performance.now() + LOST_MS;
  for (;;) {
    const open = (await openOrders("buyer", "enough")) + (await openOrders("seller", "enough"));
    if (open === 0) return;
    assert.ok(performance.now() < endMs, `${open} orders did not end`);
    await sleep(50);
  }
}

try {
  await campaign();
} catch (error) {
  console.log(`FAILED seed ${values.seed}: ${error instanceof Error ? (error.stack ?? "") : String(error)}`);
  process.exitCode = 1;
  for (const { child } of Object.values(sides)) child?.kill("SIGKILL");
  // Orders may be open still; what is lost or twice tells why.
  await judge({ buyer: sides.buyer.home, seller: sides.seller.home }, []).then(
    (verdict) => console.log(JSON.stringify(verdict)),
    (cause: unknown) => console.log(cause),
  );
} finally {
  for (const { child } of Object.values(sides)) child?.kill("SIGKILL");
  if (process.exitCode === undefined) await rm(folder, { recursive: true, force: true });
  else console.log(`journals are kept in ${folder}`);
}
