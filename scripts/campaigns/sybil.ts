/**
 * A swarm of silent Sybils: they take every place in the honest nodes' meshes and pass nothing on.
 * What is published once, without a repeat, still has to reach every honest node.
 *
 *   npm run campaign:sybil -- [--honest 20] [--sybils 80] [--messages 10] [--seed 1]
 */

import { parseArgs } from "node:util";
import { libp2p, systemClock } from "@gridmesh/node";
import { seededRandom } from "@gridmesh/node/testing";
import { startTransport, type Transport, until } from "./start-transport.ts";

const TOPIC = "gridmesh/sybil/search/energy";
/** One way; every hop pays it. */
const LATENCY_MS = 20;
/** Links opened at once, and tries for each. */
const AT_ONCE = 16;
const TRIES = 5;
/** Honest neighbours that a node dials; the rest of its links are Sybils. */
const HONEST_LINKS = 4;

export interface SybilOptions {
  readonly honest: number;
  readonly sybils: number;
  /** Messages of each honest node. */
  readonly messages: number;
  readonly seed: number;
}

export interface SybilReport {
  readonly wanted: number;
  readonly delivered: number;
  /** Share of honest nodes' mesh places that Sybils hold when the first message leaves. */
  readonly sybilShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Node {
  readonly transport: Transport;
  /** When each message was heard first. */
  readonly heard: Map<string, number>;
  readonly mesh: Set<string>;
}

async function startNode(onMessage: (text: string) => "accept" | "ignore"): Promise<Node> {
  const choice = libp2p({ profile: "memory", dht: false, memoryLatencyMs: LATENCY_MS });
  const transport = await startTransport(choice, "sybil");
  const heard = new Map<string, number>();
  const mesh = new Set<string>();
  transport.on("mesh", ({ peerId }) => mesh.add(peerId ?? ""));
  transport.join(TOPIC, async (_from, data) => {
    const text = Buffer.from(data).toString();
    heard.set(text, performance.now());
    return await Promise.resolve(onMessage(text));
  });
  return { transport, heard, mesh };
}

/** Runs one storm to its end and tells what arrived. */
export async function runSybils(options: SybilOptions): Promise<SybilReport> {
  const random = seededRandom(options.seed);
  const honest: Node[] = [];
  const sybils: Node[] = [];
  try {
    for (let index = 0; index < options.honest; index += 1) honest.push(await startNode(() => "accept"));
    for (let index = 0; index < options.sybils; index += 1) sybils.push(await startNode(() => "ignore"));
    await takeEveryPlace(honest, sybils);
    await befriend(honest, random);
    const sybilShare = shareOf(honest, sybils);
    const sent = await speak(honest, options.messages);
    return { ...(await settle(honest, sent)), sybilShare };
  } finally {
    await Promise.all([...honest, ...sybils].map(({ transport }) => transport.stop({ deadlineMs: 5_000 })));
  }
}

/** A busy machine may need more than one try. */
async function link(from: Node, to: Node): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await from.transport.dial({ addresses: to.transport.addresses() }, { timeoutMs: 30_000 });
      return;
    } catch (error) {
      if (attempt === TRIES) throw error;
    }
  }
}

/** The Sybils come first, dialled and dialling, until every mesh is full of them. */
async function takeEveryPlace(honest: readonly Node[], sybils: readonly Node[]): Promise<void> {
  for (const [index, node] of honest.entries()) {
    for (let first = 0; first < sybils.length; first += AT_ONCE) {
      await Promise.all(
        sybils.slice(first, first + AT_ONCE).map(async (sybil, other) => {
          const [from, to] = (index + first + other) % 2 === 0 ? [node, sybil] : [sybil, node];
          await link(from, to);
        }),
      );
    }
  }
  const places = Math.min(6, sybils.length);
  await until(() => honest.every((node) => meshOf(node) >= places), 30_000);
}

/** Each honest node dials a few others; two are known to all, as bootstrap nodes are. */
async function befriend(honest: readonly Node[], random: ReturnType<typeof seededRandom>): Promise<void> {
  for (const [index, node] of honest.entries()) {
    const friends = new Set([0, 1]);
    while (friends.size < Math.min(HONEST_LINKS, honest.length - 1)) friends.add(random.below(honest.length));
    friends.delete(index);
    for (const friend of friends) {
      const other = honest[friend];
      if (other !== undefined) await link(node, other);
    }
  }
  const linked = ({ transport }: Node) =>
    (transport.snapshot().topics[0]?.subscribers ?? 0) >= transport.links().length;
  await until(() => honest.every(linked), 30_000);
}

const meshOf = ({ transport }: Node) => transport.snapshot().topics[0]?.meshPeers ?? 0;

function shareOf(honest: readonly Node[], sybils: readonly Node[]): number {
  const names = new Set(sybils.map(({ transport }) => transport.peerId));
  const grafted = honest.flatMap(({ mesh }) => [...mesh]);
  return grafted.filter((peerId) => names.has(peerId)).length / Math.max(1, grafted.length);
}

/** Every honest node speaks in turn, once per message. */
async function speak(honest: readonly Node[], messages: number): Promise<ReadonlyMap<string, number>> {
  const sent = new Map<string, number>();
  for (let round = 0; round < messages; round += 1) {
    for (const [index, { transport }] of honest.entries()) {
      const text = `${index}:${round}`;
      sent.set(text, performance.now());
      await transport.publish(TOPIC, Buffer.from(text));
      await systemClock().sleep(20);
    }
  }
  return sent;
}

async function settle(
  honest: readonly Node[],
  sent: ReadonlyMap<string, number>,
): Promise<Omit<SybilReport, "sybilShare">> {
  const wanted = sent.size * (honest.length - 1);
  const count = () => honest.reduce((sum, { heard }) => sum + heard.size, 0);
  await until(() => count() === wanted, 15_000);
  const lates = honest
    .flatMap(({ heard }) => [...heard].map(([text, atMs]) => atMs - (sent.get(text) ?? atMs)))
    .sort((a, b) => a - b);
  const at = (part: number) => Math.round(lates[Math.floor((lates.length - 1) * part)] ?? 0);
  return { wanted, delivered: count(), p50Ms: at(0.5), p99Ms: at(0.99) };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      honest: { type: "string", default: "20" },
      sybils: { type: "string", default: "80" },
      messages: { type: "string", default: "10" },
      seed: { type: "string", default: "1" },
    },
  });
  const options = {
    honest: Number(values.honest),
    sybils: Number(values.sybils),
    messages: Number(values.messages),
    seed: Number(values.seed),
  };
  const report = await runSybils(options);
  const percent = (100 * report.delivered) / report.wanted;
  console.log(`seed ${options.seed}: ${options.honest} honest, ${options.sybils} silent Sybils`);
  console.log(`mesh places that Sybils took: ${Math.round(100 * report.sybilShare)} %`);
  console.log(`delivered ${report.delivered} of ${report.wanted} (${percent.toFixed(2)} %), no repeat`);
  console.log(`p50 ${report.p50Ms} ms, p99 ${report.p99Ms} ms`);
  if (percent < 99.9) process.exitCode = 1;
}
