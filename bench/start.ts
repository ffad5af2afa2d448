/** How long the program and its daemon take to start and to stop, beside the runtime and the library alone. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type BenchOptions, line, type Line, median } from "./measure.ts";
import { ownEnvironment, residentMiB } from "./process.ts";
import { compiled, program } from "./program.ts";

const raw = fileURLToPath(new URL("./raw-node.ts", import.meta.url));
const RUNS = 5;

export async function start({ quick }: BenchOptions): Promise<readonly Line[]> {
  // A short path: the control socket lies in the home.
  const folder = await mkdtemp(join(tmpdir(), "gm-"));
  try {
    if (!quick) await prepare(join(folder, "first"));
    const bare: number[] = [];
    const cli: number[] = [];
    const daemons: Life[] = [];
    const alone: Life[] = [];
    for (let run = 0; run < (quick ? 1 : RUNS); run += 1) {
      bare.push(await runMs(["-e", "0"]));
      cli.push(await runMs([program, "--version"]));
      const home = join(folder, String(run));
      daemons.push(await live([program, "start", "--json", "--profile", "testnet", "--home", home]));
      alone.push(await live([raw]));
    }
    const beside = { name: "node -e 0", value: median(bare), unit: "ms" };
    const both = (name: string, unit: string, pick: (life: Life) => number) =>
      line(
        { name: `daemon ${name}`, value: median(daemons.map(pick)), unit },
        { name: "libp2p alone with its services", value: median(alone.map(pick)), unit },
      );
    return [
      line({ name: "gridmesh --version", value: median(cli), unit: "ms" }, beside),
      both("ready", "ms", (life) => life.readyMs),
      both("stop", "ms", (life) => life.stopMs),
      both("resident", "MiB", (life) => life.rssMiB),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Life {
  readonly readyMs: number;
  readonly rssMiB: number;
  readonly stopMs: number;
}

async function prepare(home: string): Promise<void> {
  const words = [program, "start", "--profile", "testnet", "--home", home];
  const child = spawn(process.execPath, words, { stdio: "ignore", env: ownEnvironment() });
  const exit = once(child, "exit");
  try {
    await compiled(["started", "linked"]);
  } finally {
    child.kill("SIGKILL");
    await exit;
  }
}

async function runMs(words: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, words, { stdio: "ignore", env: ownEnvironment() });
  const [code] = (await once(child, "exit")) as [number | null];
  assert.equal(code, 0, words.join(" "));
  return performance.now() - startMs;
}

/** From nothing, a new home included, until it says that it has started; then asked to end. */
async function live(words: readonly string[]): Promise<Life> {
  const startMs = performance.now();
  const child = spawn(process.execPath, words, {
    stdio: ["ignore", "pipe", "ignore"],
    env: ownEnvironment(),
  });
  const exit = once(child, "exit");
  try {
    await untilStarted(child);
    const readyMs = performance.now() - startMs;
    const rssMiB = residentMiB(child.pid ?? 0);
    const stopsMs = performance.now();
    child.kill("SIGTERM");
    const [code] = (await exit) as [number | null];
    assert.ok(code === 143 || code === 0, `the daemon ended with ${String(code)}`);
    return { readyMs, rssMiB, stopMs: performance.now() - stopsMs };
  } finally {
    child.kill("SIGKILL");
  }
}

async function untilStarted(child: ChildProcess): Promise<void> {
  assert.ok(child.stdout !== null);
  const lines = createInterface({ input: child.stdout });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  lines.on("line", (text) => {
    if (text.includes('"type":"started"')) resolve();
  });
  lines.once("close", () => reject(new Error("the daemon ended before it had started")));
  await promise;
}
