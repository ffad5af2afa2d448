/** Daemons that all start at the same instant: until each has its links, and until what each says has reached every other. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ControlClient } from "../packages/daemon/src/index.ts";
import { childFlags } from "../packages/daemon/src/testnet/child-flags.ts";
import { type Daemon, each, freePort, homeIn, killed, spawned } from "./daemons.ts";
import { type BenchOptions, line, type Line } from "./measure.ts";
import { cpuSeconds, residentMiB } from "./process.ts";
import { compiled } from "./program.ts";

const agent = fileURLToPath(new URL("./swarm-agent.js", import.meta.url));
const MANY = 20;
const FEW = 4;
/** A node with fewer seeks more at once; whoever has them is in the network. */
const MIN_LINKS = 4;
const LOST_MS = 120_000;
const TOPICS = ["gridmesh/swarm/capability", "gridmesh/swarm/search/energy"];

export async function swarm({ quick }: BenchOptions): Promise<readonly Line[]> {
  const count = quick ? FEW : MANY;
  // A short path: the control sockets lie in the homes.
  const folder = mkdtempSync(join(tmpdir(), "gm-"));
  const port = await freePort();
  const homes = Array.from({ length: count }, (_, index) => talkersHome(folder, index, port));
  const daemons: Daemon[] = [];
  try {
    if (!quick) await prepare(join(folder, "first"));
    const startMs = performance.now();
    daemons.push(...homes.map((home) => spawned(home, count)));
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
  const pair = [0, 1].map((index) => spawned(talkersHome(folder, index, port), MANY));
  try {
    await compiled(["linked"], childFlags(MANY));
  } finally {
    await Promise.all(pair.map(killed));
  }
}

function talkersHome(folder: string, index: number, port: number): string {
  const table = `name = "talker"\nmodule = ${JSON.stringify(agent)}\nfactory = "talker"`;
  return homeIn({ folder, index, port, network: "swarm", agent: table });
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
