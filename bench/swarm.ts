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
import { childFlags } from "../packages/daemon/src/testnet/child-flags.ts";
import { type BenchOptions, line, type Line } from "./measure.ts";
import { cpuSeconds, ownEnvironment, residentMiB } from "./process.ts";
import { compiled, program } from "./program.ts";

const agent = fileURLToPath(new URL("./swarm-agent.js", import.meta.url));
const MANY = 20;
const FEW = 4;
/** A node with fewer seeks more at once; whoever has them is in the network. */
const MIN_LINKS = 4;
const POLL_MS = 500;
const LOST_MS = 120_000;
const TOPICS = ["gridmesh/swarm/capability", "gridmesh/swarm/search/energy"];

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
    if (!quick) await prepare(join(folder, "first"));
    const startMs = performance.now();
    daemons.push(...homes.map(spawned));
    const phase = async (name: string, reached: Promise<void>): Promise<readonly Line[]> => {
      await reached;
      const ms = performance.now() - startMs;
      const used = daemons.map(({ process }) => cpuSeconds(process.pid ?? 0));
      const eachS = used.reduce((sum, one) => sum + one, 0) / count;
      return [
        line({ name, value: ms, unit: "ms" }),
        line({ name: "processor time of each until then", value: eachS, unit: "s" }),
      ];
    };
    const running = await phase(
      `${count} daemons running`,
      each(daemons, ({ control }) => control.node({ timeoutMs: LOST_MS }).then(() => true)),
    );
    const connected = await phase("all connected", allConnected(daemons));
    await Promise.all(
      daemons.map(({ control }) => control.call("local:talker/say", {}, { timeoutMs: LOST_MS })),
    );
    const pairs = count * (count - 1);
    const delivered = await phase(
      `${pairs} of ${pairs} messages delivered`,
      each(daemons, async ({ control }) => (await heard(control)) >= count - 1),
    );
    const heardByAll = await Promise.all(daemons.map(({ control }) => heard(control)));
    // Each once: a message that came twice would count twice.
    assert.deepEqual(
      heardByAll,
      daemons.map(() => count - 1),
    );
    const links = await Promise.all(daemons.map(async ({ control }) => (await control.metrics()).links));
    const largest = Math.max(...daemons.map(({ process }) => residentMiB(process.pid ?? 0)));
    return [
      ...running,
      ...connected,
      ...delivered,
      line({ name: "links of each", value: links.reduce((sum, one) => sum + one, 0) / count, unit: "" }),
      line({ name: "dials that linked", value: await linkedDials(daemons), unit: "%" }),
      line({ name: "largest resident", value: largest, unit: "MiB" }),
    ];
  } finally {
    await Promise.all(daemons.map(killed));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each has as many links as it seeks and somebody in the mesh of each topic, and there is a way from each to every other. */
async function allConnected(daemons: readonly Daemon[]): Promise<void> {
  const links = Math.min(MIN_LINKS, daemons.length - 1);
  await each(daemons, async ({ control }) => {
    const metrics = await control.metrics();
    const meshes = metrics.topics.filter(({ topic, meshPeers }) => TOPICS.includes(topic) && meshPeers > 0);
    return meshes.length === TOPICS.length && metrics.links >= links;
  });
  const linked = new Map(
    await Promise.all(
      daemons.map(async ({ control }) => {
        const [{ peerId }, peers] = await Promise.all([control.node(), control.peers()]);
        const others = peers.filter(({ state }) => state === "connected").map((peer) => peer.peerId);
        return [peerId, others] as const;
      }),
    ),
  );
  const [first = ""] = linked.keys();
  const found = new Set([first]);
  for (const peerId of found) for (const other of linked.get(peerId) ?? []) found.add(other);
  assert.equal(found.size, daemons.length, "there is a way from each to every other");
}

/** Two that are linked, until what they have compiled is kept. */
async function prepare(folder: string): Promise<void> {
  mkdirSync(folder, { mode: 0o700 });
  const port = await freePort();
  const pair = [0, 1].map((index) => spawned(homeIn(folder, index, port)));
  try {
    await compiled(["linked"], childFlags(MANY));
  } finally {
    await Promise.all(pair.map(killed));
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
  // As a testnet starts them: many on one machine do with little room each.
  const words = [...childFlags(MANY), program, "start", "--home", home];
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
