/** Daemons that all start at the same instant: until each has its links, and until what each says has reached every other. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ControlClient, controlClient } from "../packages/daemon/src/index.ts";
import { type BenchOptions, line, type Line } from "./measure.ts";
import { cpuSeconds, ownEnvironment, residentMiB } from "./process.ts";

const program = fileURLToPath(new URL("../packages/daemon/bin/gridmesh.js", import.meta.url));
const agent = fileURLToPath(new URL("./swarm-agent.js", import.meta.url));
const MANY = 20;
const FEW = 4;
/** What a node seeks. */
const TARGET_LINKS = 12;
const POLL_MS = 250;
const LOST_MS = 120_000;
const TOPIC = "gridmesh/swarm/search/energy";

interface Daemon {
  readonly process: ChildProcess;
  readonly control: ControlClient;
  readonly log: string;
}

export async function swarm({ quick }: BenchOptions): Promise<readonly Line[]> {
  const count = quick ? FEW : MANY;
  // A short path: the control sockets lie in the homes.
  const folder = mkdtempSync(join(tmpdir(), "gm-"));
  const port = await freePort();
  const homes = Array.from({ length: count }, (_, index) => homeIn(folder, index, port));
  const daemons: Daemon[] = [];
  try {
    // The program is prepared before anything counts.
    await once(spawn(process.execPath, [program, "--version"], { env: ownEnvironment() }), "exit");
    const startMs = performance.now();
    const passedMs = () => performance.now() - startMs;
    daemons.push(...homes.map(spawned));
    const links = Math.min(TARGET_LINKS, count - 1);
    await each(daemons, ({ control }) => control.node({ timeoutMs: LOST_MS }).then(() => true));
    const runningMs = passedMs();
    await each(daemons, async ({ control }) => {
      const metrics = await control.metrics();
      const inMesh = metrics.topics.some(({ topic, meshPeers }) => topic === TOPIC && meshPeers > 0);
      return inMesh && metrics.links >= links;
    });
    const connectedMs = passedMs();
    await Promise.all(
      daemons.map(({ control }) => control.call("local:talker/say", {}, { timeoutMs: LOST_MS })),
    );
    await each(daemons, async ({ control }) => (await heard(control)) >= count - 1);
    const deliveredMs = passedMs();
    const heardByAll = await Promise.all(daemons.map(({ control }) => heard(control)));
    // Each once: a message that came twice would count twice.
    assert.deepEqual(
      heardByAll,
      daemons.map(() => count - 1),
    );
    const pids = daemons.map(({ process }) => process.pid ?? 0);
    const usedS = pids.map(cpuSeconds).reduce((sum, one) => sum + one, 0);
    const largest = Math.max(...pids.map(residentMiB));
    return [
      line({ name: `${count} daemons running`, value: runningMs, unit: "ms" }),
      line({ name: `each with ${links} links and in the mesh`, value: connectedMs, unit: "ms" }),
      line({
        name: `${count * (count - 1)} of ${count * (count - 1)} delivered`,
        value: deliveredMs,
        unit: "ms",
      }),
      line({ name: "dials that linked", value: await linkedDials(daemons), unit: "%" }),
      line({ name: "processor time of each", value: usedS / count, unit: "s" }),
      line({ name: "largest resident", value: largest, unit: "MiB" }),
    ];
  } finally {
    await Promise.all(daemons.map(killed));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One of them listens where all others look. */
function homeIn(folder: string, index: number, port: number): string {
  const home = join(folder, String(index));
  mkdirSync(home, { mode: 0o700 });
  const place = `/ip4/127.0.0.1/tcp/${port}`;
  const own = index === 0 ? `listen = ["${place}"]\n` : "";
  const bootstrap = index === 0 ? "" : `"${place}"`;
  writeFileSync(
    join(home, "config.toml"),
    `network = "swarm"\nprofile = "testnet"\n${own}[discovery]\nbootstrap = [${bootstrap}]\n` +
      `[[agents]]\nname = "talker"\naccess = "network"\nmodule = ${JSON.stringify(agent)}\nfactory = "talker"\n`,
    { mode: 0o600 },
  );
  return home;
}

function spawned(home: string): Daemon {
  const log = join(home, "out.log");
  const out = openSync(log, "a", 0o600);
  const words = ["--max-semi-space-size=4", program, "start", "--home", home];
  const child = spawn(process.execPath, words, { stdio: ["ignore", out, out], env: ownEnvironment() });
  return { process: child, control: controlClient(join(home, "control.sock")), log };
}

/** Resolves once it holds for each of them. @throws when one of them ends, or has not come to it in two minutes */
async function each(daemons: readonly Daemon[], holds: (daemon: Daemon) => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + LOST_MS;
  await Promise.all(
    daemons.map(async (daemon) => {
      while (!(await holds(daemon).catch(() => false))) {
        const ended = daemon.process.exitCode ?? daemon.process.signalCode;
        assert.equal(ended, null, `a daemon ended: ${readFileSync(daemon.log, "utf8").slice(-500)}`);
        assert.ok(
          performance.now() < endMs,
          `not within two minutes: ${readFileSync(daemon.log, "utf8").slice(-500)}`,
        );
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }),
  );
}

async function heard(control: ControlClient): Promise<number> {
  const counted = (await control.call("local:talker/heard", {}, { timeoutMs: LOST_MS })) as {
    readonly fromOthers: number;
  };
  return counted.fromOthers;
}

async function linkedDials(daemons: readonly Daemon[]): Promise<number> {
  const families = await Promise.all(daemons.map(({ control }) => control.metricFamilies()));
  const dials = families.flat().filter(({ name }) => name === "dials_total");
  const sum = (result?: string) =>
    dials
      .flatMap(({ samples }) => samples)
      .filter(({ labels }) => result === undefined || labels["result"] === result)
      .reduce((total, { value }) => total + value, 0);
  return (100 * sum("linked")) / sum();
}

async function killed({ process: child }: Daemon): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
