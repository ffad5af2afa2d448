/**
 * Many calls of an agent on another node, one after the other and at once: is one lost, is a stream left? Then its node
 * is killed amid calls: does every caller hear of it, and does it work again? `npm run campaign:agents -- --calls 10000`
 */

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { type AgentChannel, type AgentNode, createNode, libp2p } from "@gridmesh/node";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";

const NETWORK = "campaign";
const RPC = "/gridmesh/rpc/1";
const rates = { perSecond: 100_000, burst: 1_000_000, peakPerSecond: 1_000_000, peakBurst: 1_000_000 };
/** Every caller has an error within this, and the first call after the return an answer. */
const TOLD_WITHIN_MS = 5_000;
const BACK_WITHIN_MS = 15_000;

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "10000" },
    "at-once": { type: "string", default: "500" },
    kills: { type: "string", default: "5" },
    seed: { type: "string", default: "agents" },
    child: { type: "string" },
  },
});

async function child(port: string): Promise<void> {
  const seed = createHash("sha256").update(values.seed).digest();
  const inputSchema = { type: "object" } as const;
  const echo = { description: "Gives back", inputSchema, handler: (given: JsonValue) => given };
  const hang = { ...echo, handler: () => new Promise<JsonValue>(() => undefined) };
  const node = await createNode({
    network: libp2p({ listen: [`/ip4/127.0.0.1/tcp/${port}`] }),
    networkName: NETWORK,
    seed,
    messageRates: rates,
    agents: [{ name: "agent1", definition: { capabilities: ["echo"], tools: { echo, hang } } }],
  });
  process.on("message", () => process.send?.(node.snapshot().streamsByProtocol[RPC] ?? 0));
  process.send?.({ id: node.id, address: node.addresses[0] });
  process.on("disconnect", () => process.exit());
}

interface Far {
  readonly process: ChildProcess;
  readonly id: string;
  readonly address: string;
}

async function startFar(port: string): Promise<Far> {
  const args = ["--child", port, "--seed", values.seed];
  const started = fork(new URL(import.meta.url), args, { execArgv: ["--conditions=gridmesh-source"] });
  const [told] = (await once(started, "message")) as [{ id: string; address: string }];
  return { process: started, ...told };
}

async function streamsAt(far: Far): Promise<number> {
  const answer = once(far.process, "message");
  far.process.send("streams");
  const [count] = (await answer) as [number];
  return count;
}

const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** Asks on a channel; answers are told apart by their id. */
class Asker {
  readonly #channel: AgentChannel;
  readonly #waiting = new Map<number, (answer: JsonObject | undefined) => void>();
  #lastId = 0;

  constructor(channel: AgentChannel) {
    this.#channel = channel;
    void this.#read();
  }

  /** The answer; undefined when the channel broke off before. */
  ask(name: string, given: JsonObject = {}): Promise<JsonObject | undefined> {
    const id = (this.#lastId += 1);
    const { promise, resolve } = Promise.withResolvers<JsonObject | undefined>();
    this.#waiting.set(id, resolve);
    const params = { name, arguments: given, _meta };
    this.#channel.send(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }));
    return promise;
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.#channel.lines) {
        const answer = JSON.parse(line) as JsonObject;
        this.#waiting.get(answer["id"] as number)?.(answer);
        this.#waiting.delete(answer["id"] as number);
      }
    } catch {
      // What waits is told below.
    }
    for (const resolve of this.#waiting.values()) resolve(undefined);
  }
}

const saidIn = (answer: JsonObject | undefined) =>
  (answer?.["result"] as { structuredContent?: { n?: number } } | undefined)?.structuredContent?.n;

async function callMany(node: AgentNode, far: Far) {
  const count = Number(values.calls);
  const target = `${far.id}:agent1`;
  const asker = new Asker(await node.open(target, { proto: "mcp", mode: "call" }));
  let lost = 0;
  const beganMs = performance.now();
  for (let n = 0; n < count; n += 1) {
    const params = { name: "echo", arguments: { n } };
    const said =
      n % 2 === 0
        ? saidIn(await asker.ask("echo", { n }))
        : saidIn({ result: await node.call(`${target}/tools/call`, params) });
    if (said !== n) lost += 1;
  }
  const inARowMs = Math.round(performance.now() - beganMs);
  const many = Number(values["at-once"]);
  const askers = await Promise.all(
    Array.from({ length: 5 }, async () => new Asker(await node.open(target, { proto: "mcp", mode: "call" }))),
  );
  const answers = await Promise.all(
    Array.from({ length: many }, async (_unused, n) => saidIn(await askers[n % 5]?.ask("echo", { n })) === n),
  );
  lost += answers.filter((right) => !right).length;
  return { calls: count, atOnce: many, lost, inARowMs, streamsKept: await streamsAt(far) };
}

async function sinceMs(what: Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await what;
  return Math.round(performance.now() - beganMs);
}

/** Kills the far node amid a call, a listener and a session; returns it started again, and how long each took. */
async function kill(node: AgentNode, far: Far): Promise<{ far: Far; toldMs: number; backMs: number }> {
  const target = `${far.id}:agent1`;
  const open = (mode: "call" | "listen" | "session") => node.open(target, { proto: "mcp", mode });
  const [calling, listening, session] = await Promise.all([open("call"), open("listen"), open("session")]);
  const asker = new Asker(calling);
  const hanging = asker.ask("hang");
  listening.send(
    JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "subscriptions/listen",
      params: { notifications: {}, _meta },
    }),
  );
  const ended = async (channel: AgentChannel) => {
    try {
      for await (const line of channel.lines) if (line.includes('"error"')) return;
    } catch {}
  };
  const plain = node.call(`${target}/tools/call`, { name: "hang" }).then(
    () => assert.fail("a dead agent answered"),
    (error: unknown) => error,
  );
  await asker.ask("echo", { n: 1 });
  const told = sinceMs(
    Promise.all([
      hanging.then((answer) => assert.equal(answer?.["result"], undefined)),
      ended(listening),
      ended(session),
      plain,
    ]),
  );
  const exited = once(far.process, "exit");
  far.process.kill("SIGKILL");
  await exited;
  const toldMs = await told;
  const port = /\/tcp\/(\d+)/u.exec(far.address)?.[1] ?? "0";
  const again = await startFar(port);
  const backMs = await sinceMs(worksAgain(node, again));
  return { far: again, toldMs, backMs };
}

async function worksAgain(node: AgentNode, far: Far): Promise<void> {
  const endMs = performance.now() + BACK_WITHIN_MS;
  for (;;) {
    try {
      const asker = new Asker(await node.open(`${far.id}:agent1`, { proto: "mcp", mode: "call" }));
      assert.equal(saidIn(await asker.ask("echo", { n: 7 })), 7);
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function streamsGone(far: Far): Promise<number> {
  let left = await streamsAt(far);
  for (let look = 0; left > 0 && look < 100; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    left = await streamsAt(far);
  }
  return left;
}

async function run(): Promise<void> {
  let far = await startFar("0");
  const node = await createNode({
    network: libp2p({ bootstrap: [far.address] }),
    networkName: NETWORK,
    messageRates: rates,
  });
  try {
    await node.connect(far.address);
    const figures = await callMany(node, far);
    const toldMs: number[] = [];
    const backMs: number[] = [];
    for (let killed = 0; killed < Number(values.kills); killed += 1) {
      const outcome = await kill(node, far);
      far = outcome.far;
      toldMs.push(outcome.toldMs);
      backMs.push(outcome.backMs);
    }
    await node.stop();
    const streamsLeft = await streamsGone(far);
    const report = { seed: values.seed, ...figures, toldMs, backMs, streamsLeft };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    assert.equal(report.lost, 0, "answers were lost");
    assert.equal(streamsLeft, 0, "streams are left open");
    assert.ok(
      toldMs.every((ms) => ms <= TOLD_WITHIN_MS),
      "who waits hears too late",
    );
  } finally {
    far.process.kill("SIGKILL");
    await node.stop({ deadlineMs: 0 });
  }
}

if (values.child === undefined) {
  await run();
  process.exit();
} else await child(values.child);
