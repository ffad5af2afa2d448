/** Gossip among fifty nodes in two processes: ours, signed and verified by the whole ladder, beside the library's own. */

import assert from "node:assert/strict";
import { type BenchOptions, line, type Line, median } from "./measure.ts";
import { startPeer } from "./peer.ts";

const NODES = 50;
const FEW = 8;
/** Links that each node dials; it is dialled about as often. */
const DIALS = 4;
const PROCESSES = 2;
const ROUNDS = 12;
/** The first ones compile. */
const WARM_ROUNDS = 4;
/** An author has five searches a second. */
const APART_MS = 250;

interface Facts {
  readonly addresses: readonly string[];
}

interface Measured {
  readonly perSecond: number;
  readonly cpuMs: number;
}

export async function gossip({ quick }: BenchOptions): Promise<readonly Line[]> {
  const nodes = quick ? FEW : NODES;
  const rounds = quick ? 3 : ROUNDS;
  // One after the other: on a machine of two cores they would measure each other.
  const raw = await measured("raw", nodes, rounds);
  const ours = await measured("ours", nodes, rounds);
  return [
    line(
      { name: `deliveries among ${nodes} nodes`, value: ours.perSecond, unit: "/s" },
      { name: "gossipsub alone, unverified content", value: raw.perSecond, unit: "/s" },
    ),
    line(
      { name: "processor time of a delivery", value: ours.cpuMs, unit: "ms" },
      { name: "gossipsub alone", value: raw.cpuMs, unit: "ms" },
    ),
  ];
}

async function measured(kind: "ours" | "raw", nodes: number, rounds: number): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const each = nodes / PROCESSES;
  const peers = await Promise.all(
    Array.from({ length: PROCESSES }, async (_, index) =>
      stack.use(await startPeer<Facts>("./gossip-peer.ts", kind, String(each), String(index))),
    ),
  );
  const addresses = peers.flatMap(({ facts }) => facts.addresses);
  const askAll = (ask: object) => Promise.all(peers.map((peer) => peer.ask(JSON.stringify(ask))));
  await Promise.all(
    peers.map((peer, index) => peer.ask(JSON.stringify({ dial: dialsOf(index * each, each, addresses) }))),
  );
  await askAll({ untilMesh: Math.min(DIALS, nodes - 1) });
  const rates: number[] = [];
  let cpuMs = 0;
  for (let round = 1; round <= rounds + WARM_ROUNDS; round += 1) {
    const startMs = performance.now();
    // Everybody says one thing, and everybody else hears it, once.
    const used = (await askAll({ round, heardByEach: round * (nodes - 1) })) as { readonly cpuMs: number }[];
    const tookMs = performance.now() - startMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, APART_MS - tookMs)));
    if (round <= WARM_ROUNDS) continue;
    rates.push((nodes * (nodes - 1) * 1_000) / tookMs);
    cpuMs += used.reduce((sum, one) => sum + one.cpuMs, 0);
  }
  const heard = (await askAll({ counts: true })).flat();
  assert.deepEqual(new Set(heard), new Set([(rounds + WARM_ROUNDS) * (nodes - 1)]), "each heard all, once");
  return { perSecond: median(rates), cpuMs: cpuMs / (rounds * nodes * (nodes - 1)) };
}

/** The next one, so that all hang together, and others at strides that do not divide the ring. */
function dialsOf(first: number, count: number, addresses: readonly string[]): readonly (readonly string[])[] {
  const strides = [1, 3, 7, 11].slice(0, DIALS);
  return Array.from({ length: count }, (_, index) => {
    const others = new Set(strides.map((stride) => (first + index + stride) % addresses.length));
    others.delete(first + index);
    return [...others].map((other) => addresses[other] ?? "");
  });
}
