/**
 * Processes that start at the same instant, one of them everybody's bootstrap, each publishing ten messages once all are
 * in the mesh: `npm run campaign:processes -- [--count N] [--messages N] [--seed N]`. Passes if all become ready, every
 * message is heard once by every other process, and no pair is linked twice.
 */

import { type ChildProcess, fork } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { seededRandom } from "../../packages/node/src/testing/index.ts";
import { peerIdOfSeed } from "../../packages/node/test/seeds.ts";

interface Told {
  readonly ready: boolean;
  readonly links: number;
  readonly connections: number;
  readonly heard: number;
  readonly repeated: number;
  readonly dials: { readonly started: number; readonly failed: number };
  /** Dials to one address each, by how they ended. */
  readonly ended: Readonly<Record<string, number>>;
}

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "10" },
    messages: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
  },
});
const count = Number(values.count);
const messages = Number(values.messages);
/** For each step; a busy machine alone needs a minute to start ten. */
const DEADLINE_MS = 120_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof bound !== "object" || bound === null) throw new Error("no port");
  return bound.port;
}

const random = seededRandom(Number(values.seed));
const seeds = Array.from({ length: count }, () => random.bytes(32));
const port = await freePort();
const bootstrap = `/ip4/127.0.0.1/tcp/${port}/p2p/${peerIdOfSeed(seeds[0] ?? new Uint8Array(32))}`;
const told = new Map<number, Told>();
/** The most pairs with two connections that one process has had at once. */
let mostDoubles = 0;
const startMs = performance.now();
const children: readonly ChildProcess[] = seeds.map((seed, index) => {
  const words = [
    Buffer.from(seed).toString("hex"),
    index === 0 ? "" : bootstrap,
    index === 0 ? String(port) : "0",
  ];
  const child = fork(fileURLToPath(new URL("./swarm-peer.ts", import.meta.url)), words, {
    execArgv: ["--conditions=gridmesh-source"],
  });
  child.on("message", (message: Told) => {
    told.set(index, message);
    mostDoubles = Math.max(mostDoubles, message.connections - message.links);
  });
  return child;
});

async function until(check: (one: Told) => boolean, what: string): Promise<number> {
  const beganMs = performance.now();
  while (told.size < count || ![...told.values()].every(check)) {
    if (performance.now() - beganMs > DEADLINE_MS)
      throw new Error(`not in time: ${what} ${JSON.stringify([...told.values()])}`);
    await sleep(10);
  }
  return performance.now() - startMs;
}

const wanted = Math.min(count - 1, 12);
const expected = (count - 1) * messages;
try {
  const upMs = await until(() => true, "all up");
  const readyMs = await until(({ ready }) => ready, "all in the mesh");
  const linkedMs = await until(({ links }) => links >= wanted, `${wanted} links each`);
  const publishMs = performance.now();
  for (const child of children) child.send({ publish: messages });
  await until(({ heard }) => heard === expected, "all messages");
  const heardMs = performance.now() - publishMs;
  await until(({ links, connections }) => links === connections, "no pair linked twice");
  const all = [...told.values()];
  const sum = (of: (one: Told) => number) => all.reduce((total, one) => total + of(one), 0);
  const doubles = sum(({ links, connections }) => connections - links);
  const ended: Record<string, number> = {};
  for (const [how, times] of all.flatMap((one) => Object.entries(one.ended))) {
    ended[how] = (ended[how] ?? 0) + times;
  }
  console.log(
    JSON.stringify({
      campaign: "processes",
      seed: values.seed,
      count,
      upMs: Math.round(upMs),
      readyMs: Math.round(readyMs),
      linkedMs: Math.round(linkedMs),
      heard: sum(({ heard }) => heard),
      of: count * expected,
      heardMs: Math.round(heardMs),
      repeated: sum(({ repeated }) => repeated),
      dials: sum(({ dials }) => dials.started),
      failed: sum(({ dials }) => dials.failed),
      ended,
      doubles,
      mostDoubles,
    }),
  );
} catch (error) {
  console.log(`FAILED ${String(error)}`);
  process.exitCode = 1;
} finally {
  for (const child of children) if (child.connected) child.disconnect();
}
