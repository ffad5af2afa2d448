/** Gossip among fifty nodes in two processes: ours, signed and verified by the whole ladder, beside the library's own. */

import assert from "node:assert/strict";
import type { Counts, Tally } from "./gossip-peer.ts";
import { type BenchOptions, line, type Line } from "./measure.ts";
import { type Peer, startPeer } from "./peer.ts";

const NODES = 50;
const FEW = 8;
/** Each node dials the ones that far along a ring, and is dialled by as many. */
const STRIDES = [1, 3, 7, 11];
const PROCESSES = 2;
/** Messages under way: enough that no core waits, few enough that none waits for long. */
const AT_ONCE = 12;
const WARM_MS = 4_000;
const MEASURED_MS = 10_000;
const QUICK_MS = 1_000;
const ASK_MS = 10;
const MESH_MS = 60_000;
/** Nothing heard for so long: what is missing is lost. */
const LOST_MS = 20_000;

interface Facts {
  readonly addresses: readonly string[];
}

interface Measured {
  readonly perSecond: number;
  /** Of all processes, per delivery. */
  readonly cpuMs: number;
}

interface Size {
  readonly nodes: number;
  readonly warmMs: number;
  readonly forMs: number;
}

export async function gossip({ quick }: BenchOptions): Promise<readonly Line[]> {
  const size = quick
    ? { nodes: FEW, warmMs: QUICK_MS, forMs: QUICK_MS }
    : { nodes: NODES, warmMs: WARM_MS, forMs: MEASURED_MS };
  // One after the other: on a machine of two cores they would measure each other.
  const raw = await measured("raw", size);
  const ours = await measured("ours", size);
  return [
    line(
      { name: `deliveries among ${size.nodes} nodes`, value: ours.perSecond, unit: "/s" },
      { name: "gossipsub alone, its own signatures", value: raw.perSecond, unit: "/s" },
    ),
    line(
      { name: "processor time of a delivery", value: ours.cpuMs, unit: "ms" },
      { name: "gossipsub alone", value: raw.cpuMs, unit: "ms" },
    ),
  ];
}

/** A delivery is a message accepted at a node other than its author's; every node must have each of them, once. */
async function measured(kind: "ours" | "raw", { nodes, warmMs, forMs }: Size): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const each = nodes / PROCESSES;
  const graph = dialsAmong(nodes);
  const links = String(2 * (graph[0]?.length ?? 0));
  const peers = await Promise.all(
    Array.from({ length: PROCESSES }, async (_, index) =>
      stack.use(await startPeer<Facts>("./gossip-peer.ts", kind, String(each), String(index), links)),
    ),
  );
  const addresses = peers.flatMap(({ facts }) => facts.addresses);
  await Promise.all(
    peers.map((peer, index) => {
      const own = graph.slice(index * each, (index + 1) * each);
      const dial = own.map((others) => others.map((other) => addresses[other]));
      return peer.ask(JSON.stringify({ dial }));
    }),
  );
  await meshed(peers);
  const others = nodes - 1;
  const before = await spread(peers, { forMs: warmMs, others });
  const startMs = performance.now();
  const after = await spread(peers, { forMs, others });
  const tookMs = performance.now() - startMs;
  const gained = (of: keyof Tally) => total(after, of) - total(before, of);
  const figures = { perSecond: (gained("heard") * 1_000) / tookMs, cpuMs: gained("cpuMs") / gained("heard") };
  await arrival(peers, others);
  return figures;
}

/** Keeps some messages under way for that long. */
async function spread(
  peers: readonly Peer<Facts>[],
  { forMs, others }: { readonly forMs: number; readonly others: number },
): Promise<readonly Tally[]> {
  const endMs = performance.now() + forMs;
  let tallies = await talliesOf(peers, 0);
  while (performance.now() < endMs) {
    const say = Math.floor((AT_ONCE - underWay(tallies, others)) / peers.length);
    if (say <= 0) await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    tallies = await talliesOf(peers, Math.max(0, say));
  }
  return tallies;
}

/** Messages asked for that some have not heard yet, or as many of which so much is missing. */
function underWay(tallies: readonly Tally[], others: number): number {
  return total(tallies, "asked") - Math.floor(total(tallies, "heard") / others);
}

/** Returns when each has heard all. @throws when nothing comes any more and some is missing */
async function arrival(peers: readonly Peer<Facts>[], others: number): Promise<void> {
  let lastHeard = 0;
  let lastMs = performance.now();
  for (;;) {
    const tallies = await talliesOf(peers, 0);
    const heard = total(tallies, "heard");
    const said = total(tallies, "said");
    if (said >= total(tallies, "asked") && heard === said * others) break;
    if (heard !== lastHeard) [lastHeard, lastMs] = [heard, performance.now()];
    else if (performance.now() - lastMs > LOST_MS) break;
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
  await checkCounts(peers);
}

/** @throws unless each heard all that was said by others, once */
async function checkCounts(peers: readonly Peer<Facts>[]): Promise<void> {
  const counts = (await askAll<readonly Counts[]>(peers, { counts: true })).flat();
  const all = counts.reduce((sum, { said }) => sum + said, 0);
  assert.deepEqual(
    counts.map(({ heard }) => heard),
    counts.map(({ said }) => all - said),
    "each heard all others, once",
  );
}

async function meshed(peers: readonly Peer<Facts>[]): Promise<void> {
  const endMs = performance.now() + MESH_MS;
  for (;;) {
    const mesh = (await askAll<readonly number[]>(peers, { mesh: true })).flat();
    // What both sides hold at least where there are enough links.
    if (mesh.every((size) => size >= STRIDES.length)) return;
    if (performance.now() > endMs) throw new Error(`no mesh: ${mesh.join(" ")}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_MS * 10));
  }
}

const talliesOf = (peers: readonly Peer<Facts>[], say: number) => askAll<Tally>(peers, { say });

const total = (tallies: readonly Tally[], of: keyof Tally) => tallies.reduce((sum, one) => sum + one[of], 0);

async function askAll<Answer>(peers: readonly Peer<Facts>[], ask: object): Promise<readonly Answer[]> {
  return Promise.all(peers.map(async (peer) => (await peer.ask(JSON.stringify(ask))) as Answer));
}

/** Whom each dials, so that all hang together and no pair dials twice. */
function dialsAmong(nodes: number): readonly (readonly number[])[] {
  return Array.from({ length: nodes }, (_, at) => {
    const others = new Set(STRIDES.map((stride) => (at + stride) % nodes));
    return [...others].filter((other) => other !== at);
  });
}
