/**
 * Two processes that trade over a real cable between two network namespaces, which loses packets all the time, lets them
 * through one way only, or is pulled; now and then one side is killed with −9:
 * `npm run campaign:net -- [--rounds 8] [--trades 400] [--loss 20] [--seed N]`. Needs root and iproute2, else it says so
 * and ends with 0. Passes as `campaign:kill` does: nothing lost, nothing twice, all pairs alike, all sums 0.
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { seededRandom } from "../../packages/node/src/testing/index.ts";
import type { PeerReady, PeerTold } from "./kill-parts.ts";
import { judge } from "./kill-verdict.ts";
import { type Cable, type End, layCable, whyNoCable } from "./net-cable.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "8" },
    trades: { type: "string", default: "400" },
    loss: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
  },
});
const [rounds, trades, loss] = [Number(values.rounds), Number(values.trades), Number(values.loss)];
const random = seededRandom(`net ${values.seed}`);
/** Nothing for so long is a hang, ms. */
const LOST_MS = 300_000;
const TROUBLE_MS = [500, 8_000] as const;
const PORT = 4_802;

type Role = "seller" | "buyer";
const ends: Readonly<Record<Role, End>> = { seller: 1, buyer: 2 };
const children: Partial<Record<Role, ChildProcess>> = {};
const killedAtMs: number[] = [];
const seen = { cutToSeller: 0, cutToBuyer: 0, unplugged: 0, killed: 0 };
let sellerReady: PeerReady | undefined;
let closed = 0;
let onClosed = () => {};

async function start(cable: Cable, folder: string, role: Role): Promise<PeerReady> {
  const [program = "", ...before] = cable.at(ends[role]);
  const file = fileURLToPath(new URL("./kill-peer.ts", import.meta.url));
  const listen = `/ip4/${cable.address(ends[role])}/tcp/${PORT}`;
  const bootstrap = role === "buyer" ? (sellerReady?.address ?? "") : "";
  const words = [role, join(folder, role), listen, bootstrap, JSON.stringify(sellerReady?.offer ?? "")];
  const child = spawn(
    program,
    [...before, process.execPath, "--conditions=gridmesh-source", file, ...words],
    {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    },
  );
  children[role] = child;
  const { promise, resolve, reject } = Promise.withResolvers<PeerReady>();
  child.on("message", ({ ready, ended }: PeerTold) => {
    if (ready !== undefined) resolve(ready);
    if (ended === "closed") closed += 1;
    onClosed();
  });
  child.once("exit", (code, signal) => {
    if (signal !== "SIGKILL") reject(new Error(`the ${role} ended with ${String(code ?? signal)}`));
  });
  return within(promise, `the ${role} to start`);
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

async function untilClosed(count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  onClosed = () => {
    if (closed >= count) resolve();
  };
  onClosed();
  await within(promise, `trade ${count}, after ${closed}`);
}

async function kill(role: Role): Promise<void> {
  const child = children[role];
  assert.ok(child?.exitCode === null && child.signalCode === null, `the ${role} ended by itself`);
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** One of what may befall the cable or a side, for a while. */
async function trouble(cable: Cable, folder: string): Promise<void> {
  const forMs = TROUBLE_MS[0] + random.below(TROUBLE_MS[1] - TROUBLE_MS[0]);
  const draw = random.below(4);
  if (draw < 2) {
    const role = draw === 0 ? "seller" : "buyer";
    seen[draw === 0 ? "cutToSeller" : "cutToBuyer"] += 1;
    cable.drop(ends[role], 100);
    await sleep(forMs);
    cable.drop(ends[role], loss);
  } else if (draw === 2) {
    seen.unplugged += 1;
    cable.plug(false);
    await sleep(forMs);
    cable.plug(true);
  } else {
    const role = random.below(2) === 0 ? "seller" : "buyer";
    seen.killed += 1;
    await kill(role);
    killedAtMs.push(Date.now());
    await sleep(Math.min(forMs, 1_000));
    await start(cable, folder, role);
  }
}

async function openOrders(role: Role): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const onTold = ({ open }: PeerTold) => {
    if (open !== undefined) resolve(open);
  };
  children[role]?.on("message", onTold);
  children[role]?.send("enough");
  try {
    return await within(promise, `the ${role}'s answer`);
  } finally {
    children[role]?.off("message", onTold);
  }
}

async function campaign(cable: Cable, folder: string): Promise<void> {
  for (const role of ["seller", "buyer"] as const) await mkdir(join(folder, role), { mode: 0o700 });
  sellerReady = await start(cable, folder, "seller");
  await start(cable, folder, "buyer");
  const startMs = performance.now();
  for (const end of [1, 2] as const) cable.drop(end, loss);
  for (let round = 0; round < rounds; round += 1) {
    await untilClosed(Math.floor((trades * (round + 0.5)) / rounds));
    await trouble(cable, folder);
    // The next trade that ends shows that both are back.
    await untilClosed(closed + 1);
  }
  await untilClosed(trades);
  const tookMs = performance.now() - startMs;
  for (const end of [1, 2] as const) cable.drop(end, 0);
  const endMs = performance.now() + LOST_MS;
  for (let open = Infinity; open > 0; await sleep(100)) {
    open = (await openOrders("buyer")) + (await openOrders("seller"));
    assert.ok(performance.now() < endMs, `${open} orders did not end`);
  }
  for (const role of ["buyer", "seller"] as const) await kill(role);
  const homes = { buyer: join(folder, "buyer"), seller: join(folder, "seller") };
  const { differences, ...figures } = await judge(homes, killedAtMs);
  const perSecond = Math.round((closed * 1_000) / tookMs);
  const report = {
    campaign: "net",
    seed: values.seed,
    loss,
    ...seen,
    ...figures,
    tradesPerSecond: perSecond,
  };
  console.log(JSON.stringify({ ...report, differences: differences.length }));
  for (const difference of differences) console.log(difference);
  const { lost, twice, unpaired, moneySum, energySum } = figures;
  assert.deepEqual(
    { lost, twice, unpaired, moneySum, energySum, differences },
    { lost: 0, twice: 0, unpaired: 0, moneySum: 0, energySum: 0, differences: [] },
  );
}

const reason = whyNoCable();
if (reason === undefined) {
  const folder = await mkdtemp(join(tmpdir(), "gridmesh-net-"));
  const cable = layCable();
  try {
    await campaign(cable, folder);
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    console.log(
      `FAILED seed ${values.seed}: ${error instanceof Error ? (error.stack ?? "") : String(error)}`,
    );
    console.log(`journals are kept in ${folder}`);
    process.exitCode = 1;
  } finally {
    for (const child of Object.values(children)) child.kill("SIGKILL");
    cable[Symbol.dispose]();
  }
} else console.log(`campaign net: skipped, ${reason}`);
