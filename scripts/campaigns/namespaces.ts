/**
 * Nodes in network namespaces on one bridge, found by multicast alone: `npm run campaign:namespaces -- [--count N]`.
 * Needs root and iproute2, else it says so and ends with 0. Passes if all find each other, a pulled cable is noticed by
 * the others within 95 s, and the node behind it is back within 15 s of being plugged in.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

interface Told {
  readonly id: string;
  readonly peers: readonly string[];
  readonly multicast: { readonly sent: number; readonly heard: number; readonly route?: boolean } | null;
}

const { values } = parseArgs({ options: { count: { type: "string", default: "3" } } });
const count = Number(values.count);
const PREFIX = `gm${process.pid}`;
/** The switch has a namespace of its own: the machine's packet filter has no say there. */
const SWITCH = `${PREFIX}s`;
const NET = "10.83.7";
const ip = (...words: readonly string[]) => execFileSync("ip", words, { stdio: "pipe" });
const name = (index: number) => `${PREFIX}n${index}`;
const cable = (index: number) => `${PREFIX}v${index}`;

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  try {
    ip("netns", "add", SWITCH);
    return undefined;
  } catch {
    return "iproute2 or the right to use it is absent";
  }
}

function up(): void {
  ip("-n", SWITCH, "link", "add", "lan", "type", "bridge", "mcast_snooping", "0");
  ip("-n", SWITCH, "link", "set", "lan", "up");
  for (let index = 1; index <= count; index += 1) {
    ip("netns", "add", name(index));
    ip(
      "link",
      "add",
      cable(index),
      "netns",
      SWITCH,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      name(index),
    );
    ip("-n", SWITCH, "link", "set", cable(index), "master", "lan", "up");
    ip("-n", name(index), "addr", "add", `${NET}.${index}/24`, "dev", "eth0");
    ip("-n", name(index), "link", "set", "lo", "up");
    ip("-n", name(index), "link", "set", "eth0", "up");
    ip("-n", name(index), "route", "add", "224.0.0.0/4", "dev", "eth0");
  }
}

function down(): void {
  const remove = (...words: readonly string[]) => {
    try {
      ip(...words);
    } catch {
      // It was not there.
    }
  };
  for (let index = 1; index <= count; index += 1) remove("netns", "del", name(index));
  remove("netns", "del", SWITCH);
}

const told = new Map<number, Told>();

function start(index: number): ChildProcess {
  const file = fileURLToPath(new URL("./namespace-peer.ts", import.meta.url));
  const node = [process.execPath, "--conditions=gridmesh-source", file, `/ip4/${NET}.${index}/tcp/4801`];
  const child = spawn("ip", ["netns", "exec", name(index), ...node], { stdio: ["pipe", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", (line) => told.set(index, JSON.parse(line) as Told));
  return child;
}

/** Seconds until the check holds for all that are asked. */
async function until(
  what: string,
  limitS: number,
  check: (one: Told, index: number) => boolean,
): Promise<number> {
  const startMs = performance.now();
  while (told.size < count || ![...told].every(([index, one]) => check(one, index))) {
    if (performance.now() - startMs > limitS * 1_000) {
      throw new Error(`not within ${limitS} s: ${what} ${JSON.stringify([...told.values()])}`);
    }
    await sleep(50);
  }
  return Math.round((performance.now() - startMs) / 100) / 10;
}

const reason = whyNot();
if (reason !== undefined) {
  console.log(`campaign namespaces: skipped, ${reason}`);
  process.exit(0);
}
const children: ChildProcess[] = [];
try {
  up();
  for (let index = 1; index <= count; index += 1) children.push(start(index));
  const upS = await until("all up", 60, () => true);
  const foundS = await until("all found each other", 60, ({ peers }) => peers.length === count - 1);
  ip("-n", SWITCH, "link", "set", cable(count), "down");
  const lostS = await until("the pulled cable is noticed", 95, ({ peers }, index) =>
    index === count ? peers.length === 0 : peers.length === count - 2,
  );
  ip("-n", SWITCH, "link", "set", cable(count), "up");
  const backS = await until("plugged in again", 15, ({ peers }) => peers.length === count - 1);
  const multicast = [...told.values()].map((one) => one.multicast);
  console.log(JSON.stringify({ campaign: "namespaces", count, upS, foundS, lostS, backS, multicast }));
} catch (error) {
  console.log(`FAILED ${String(error)}`);
  process.exitCode = 1;
} finally {
  for (const child of children) child.stdin?.end();
  await sleep(1_500);
  for (const child of children) child.kill("SIGKILL");
  down();
}
