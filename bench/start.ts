/** How long the program and its daemon take to start and to stop, beside the runtime alone. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type BenchOptions, line, type Line, median } from "./measure.ts";

const program = fileURLToPath(new URL("../packages/daemon/bin/gridmesh.js", import.meta.url));
const RUNS = 5;

export async function start({ quick }: BenchOptions): Promise<readonly Line[]> {
  // A short path: the control socket lies in the home.
  const folder = await mkdtemp(join(tmpdir(), "gm-"));
  try {
    const bare: number[] = [];
    const cli: number[] = [];
    const daemons: Life[] = [];
    for (let run = 0; run < (quick ? 1 : RUNS); run += 1) {
      bare.push(await runMs(["-e", "0"]));
      cli.push(await runMs([program, "--version"]));
      daemons.push(await live(join(folder, String(run))));
    }
    const beside = { name: "node -e 0", value: median(bare), unit: "ms" };
    const of = (pick: (life: Life) => number) => median(daemons.map(pick));
    return [
      line({ name: "gridmesh --version", value: median(cli), unit: "ms" }, beside),
      line({ name: "daemon ready", value: of((life) => life.readyMs), unit: "ms" }, beside),
      line({ name: "daemon stop", value: of((life) => life.stopMs), unit: "ms" }, beside),
      line({ name: "daemon resident", value: of((life) => life.rssMiB), unit: "MiB" }),
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

async function runMs(words: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, words, { stdio: "ignore", env: ownEnvironment() });
  const [code] = (await once(child, "exit")) as [number | null];
  assert.equal(code, 0, words.join(" "));
  return performance.now() - startMs;
}

/** From nothing, a new home included, until it says that it has started; then asked to end. */
async function live(home: string): Promise<Life> {
  const startMs = performance.now();
  const words = [program, "start", "--json", "--profile", "testnet", "--home", home];
  const child = spawn(process.execPath, words, {
    stdio: ["ignore", "pipe", "ignore"],
    env: ownEnvironment(),
  });
  const exit = once(child, "exit");
  try {
    await untilStarted(child);
    const readyMs = performance.now() - startMs;
    const rssMiB = await residentMiB(child.pid ?? 0);
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

/** Where the system tells it in a file, as Linux does; elsewhere not a number. */
async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1_024;
}

/** Without settings of whoever runs it. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GRIDMESH_")));
}
