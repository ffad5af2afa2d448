/**
 * Peers that open all the streams they may and push unread megabytes into them, and that call as fast as they can,
 * while an honest peer calls once in 20 ms: what the victim's memory does, and what the honest peer notices.
 *
 *   npm run campaign:flood -- [--attackers 1] [--streams 32] [--mib 32] [--seconds 10]
 *     [--calls]    lines that are calls, instead of one line without an end
 *     [--again]    streams that end are opened anew
 */

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createNode, libp2p, silentLog, systemClock, systemRandom } from "@gridmesh/node";

const NETWORK = "campaign";
const BASELINE_MS = 10_000;
const SAMPLE_MS = 100;
const PING_EVERY_MS = 20;
const CHUNK = 256 * 1_024;

const { values } = parseArgs({
  options: {
    attackers: { type: "string", default: "1" },
    streams: { type: "string", default: "32" },
    mib: { type: "string", default: "32" },
    seconds: { type: "string", default: "10" },
    calls: { type: "boolean", default: false },
    again: { type: "boolean", default: false },
    child: { type: "string" },
    victim: { type: "string" },
  },
});
const [attackers, streams, mib] = [Number(values.attackers), Number(values.streams), Number(values.mib)];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sits there; its handler takes as long as it is given. */
async function victim(): Promise<void> {
  const slow = () => pause(1_000).then(() => ({}));
  const agents = [{ name: "slow", definition: { capabilities: [], methods: { slow } } }];
  const node = await createNode({ network: libp2p({ profile: "testnet" }), networkName: NETWORK, agents });
  process.send?.({ id: node.id, addresses: node.addresses });
}

/** A bare transport: no manners, only streams. */
async function attacker(address: string): Promise<void> {
  const random = systemRandom();
  const { identityFromSeed } = await import("../../packages/node/src/identity.ts");
  const { seed, peerId } = identityFromSeed(random.bytes(32));
  const transport = await libp2p({ dht: false, listen: [] }).create({
    seed,
    peerId,
    network: NETWORK,
    clock: systemClock(),
    random,
    log: silentLog(),
  });
  await transport.start();
  const { peerId: to } = await transport.dial({ addresses: [address] }, { timeoutMs: 5_000 });
  const opening = Buffer.from('{"v":1,"to":"slow","proto":"plain","mode":"call"}\n');
  const call = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"slow","params":{}}\n'.repeat(500));
  // One line without an end: it must be held, or refused, before anything can be said of it.
  const filler = Buffer.alloc(CHUNK, "x");
  const floodOne = async (): Promise<void> => {
    const stream = await transport.open(to, "/gridmesh/rpc/1", { timeoutMs: 5_000 });
    await stream.write(opening);
    for (let sent = 0; sent < mib * 2 ** 20; sent += CHUNK) {
      await stream.write(values.calls ? call : filler, { timeoutMs: 60_000 });
    }
  };
  process.send?.({ ready: true });
  do {
    await Promise.allSettled(Array.from({ length: streams }, floodOne));
    await pause(50);
  } while (values.again);
}

async function start(arguments_: readonly string[]): Promise<{ child: ChildProcess; told: unknown }> {
  const flags = [...(values.calls ? ["--calls"] : []), ...(values.again ? ["--again"] : [])];
  const passed = ["--streams", String(streams), "--mib", String(mib), ...flags];
  const options = { execArgv: ["--conditions=gridmesh-source"] };
  const child = fork(new URL(import.meta.url), [...arguments_, ...passed], options);
  const [told] = (await once(child, "message")) as [unknown];
  return { child, told };
}

function rssMib(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return (pages * 4_096) / 2 ** 20;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function campaign(): Promise<void> {
  const { child, told } = await start(["--child", "victim"]);
  const { id, addresses } = told as { readonly id: string; readonly addresses: readonly string[] };
  const [address] = addresses;
  const { pid } = child;
  assert.ok(address !== undefined && pid !== undefined);
  const others: ChildProcess[] = [];
  try {
    await using honest = await createNode({ network: libp2p(), networkName: NETWORK });
    await honest.connect(address);
    const quiet = await watch(honest, { id, pid, forMs: BASELINE_MS });
    for (let n = 0; n < attackers; n += 1) {
      others.push((await start(["--child", "attacker", "--victim", address])).child);
    }
    const flooded = await watch(honest, { id, pid, forMs: Number(values.seconds) * 1_000 });
    console.log(
      `${attackers} × ${streams} streams × ${mib} MiB${values.calls ? " of calls" : ""}, ${values.seconds} s`,
    );
    console.log(
      `RSS of the victim     ${quiet.mostMib.toFixed(0)} MiB quiet, +${(flooded.mostMib - quiet.mostMib).toFixed(0)} MiB at most`,
    );
    for (const [name, { times, lost }] of [
      ["quiet", quiet],
      ["flooded", flooded],
    ] as const) {
      const sorted = times.toSorted((a, b) => a - b);
      console.log(
        `honest calls, ${name.padEnd(8)}${times.length} answered, ${lost} lost, p50 ${quantile(sorted, 0.5).toFixed(1)} ms, p99 ${quantile(sorted, 0.99).toFixed(1)} ms`,
      );
    }
    const may = attackers === 1 ? 64 : 200;
    process.exitCode = flooded.mostMib - quiet.mostMib <= may && flooded.lost === 0 ? 0 : 1;
  } finally {
    for (const other of [...others, child]) other.kill("SIGKILL");
  }
}

interface Watched {
  readonly mostMib: number;
  readonly times: readonly number[];
  readonly lost: number;
}

/** One call after the other, and the victim's memory all along. */
async function watch(
  honest: Awaited<ReturnType<typeof createNode>>,
  at: { readonly id: string; readonly pid: number; readonly forMs: number },
): Promise<Watched> {
  const endMs = performance.now() + at.forMs;
  let mostMib = 0;
  const sampler = setInterval(() => (mostMib = Math.max(mostMib, rssMib(at.pid))), SAMPLE_MS);
  const times: number[] = [];
  let lost = 0;
  while (performance.now() < endMs) {
    const startMs = performance.now();
    try {
      await honest.call(`${at.id}:node/get_info`, {}, { timeoutMs: 5_000 });
      times.push(performance.now() - startMs);
    } catch {
      lost += 1;
    }
    await pause(PING_EVERY_MS);
  }
  clearInterval(sampler);
  return { mostMib, times, lost };
}

if (values.child === "victim") await victim();
else if (values.child === "attacker") await attacker(values.victim ?? "");
else await campaign();
