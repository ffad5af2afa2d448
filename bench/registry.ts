/** Look-ups among own, known and unknown agents, beside a look at every agent and a dial that needs no look-up. */

import assert from "node:assert/strict";
import {
  type AgentDefinition,
  type AgentNode,
  createNode,
  libp2p,
  memory,
  type NetworkChoice,
  type RegistryQuery,
} from "../packages/node/src/index.ts";
import { memoryHub } from "../packages/node/src/testing/index.ts";
import { type BenchOptions, inTurn, line, type Line, median, underLoad } from "./measure.ts";
import { openRates } from "./peer.ts";

const NETWORK = "bench";
const WORDS = 50;
const HOSTS = 4;
const NEWCOMERS = 7;
/** Words enter the DHT within seconds of the last link. */
const DHT_WAIT_MS = 30_000;

export async function registry({ quick }: BenchOptions): Promise<readonly Line[]> {
  return [...(await known(quick ? 10 : 250, quick ? 60 : 500)), ...(await unknown(quick ? 3 : 9))];
}

/** One that knows the agents of four others. */
async function known(perHost: number, forMs: number): Promise<readonly Line[]> {
  const hub = memoryHub({ seed: 1 });
  const nodes: AgentNode[] = [];
  const start = async (agents: readonly [string, readonly string[]][]) => {
    const network = memory({ hub, bootstrap: nodes[0]?.addresses ?? [] });
    const node = await startNode(network, agents);
    nodes.push(node);
    return node;
  };
  try {
    const asker = await start([["own", ["own.word"]]]);
    for (let host = 0; host < HOSTS; host += 1) {
      const names = Array.from({ length: perHost }, (_, at) => `a${host}-${at}`);
      await start(names.map((name, at) => [name, ["all", `load.w${(host * perHost + at) % WORDS}`]]));
    }
    const total = HOSTS * perHost;
    await until("every agent is known", () => asker.registry.known().length === total + 1);
    const rows = Math.ceil(total / WORDS);
    const perSecond = (query: RegistryQuery, wanted: number) => async () => {
      const load = await underLoad({ atOnce: 1, forMs }, async () => {
        assert.equal((await namesOf(asker, query)).length, wanted);
      });
      return load.perSecond;
    };
    const measured = await inTurn(3, {
      own: perSecond({ capability: "own.word", scope: "local" }, 1),
      one: perSecond({ capability: "load.w7", scope: "known", limit: total }, rows),
      best: perSecond({ capability: "all", scope: "known", limit: 10 }, 10),
      each: async () => {
        const looked = await underLoad({ atOnce: 1, forMs }, async () => {
          const found = asker.registry.known().filter((row) => row.capabilities.includes("load.w7"));
          assert.equal(found.length, rows);
          await Promise.resolve();
        });
        return looked.perSecond;
      },
    });
    const each = { name: "a look at each", value: measured.each, unit: "/s" };
    return [
      line({ name: "look-ups of an own agent", value: measured.own, unit: "/s" }),
      line({ name: `look-ups of ${rows} of ${total} known agents`, value: measured.one, unit: "/s" }, each),
      line({ name: `look-ups of the best 10 of ${total}`, value: measured.best, unit: "/s" }, each),
    ];
  } finally {
    await stopAll(nodes);
  }
}

/** Those that are linked with one of ten and ask for what the others offer. */
async function unknown(providers: number): Promise<readonly Line[]> {
  const nodes: AgentNode[] = [];
  const start = async (
    agents: readonly [string, readonly string[]][],
    links?: { min: number; target: number },
  ) => {
    const network = libp2p({ profile: "testnet", bootstrap: nodes[0]?.addresses ?? [] });
    const node = await startNode(network, agents, links);
    nodes.push(node);
    return node;
  };
  // Who seeks few links leaves the others to be found.
  const few = { min: 1, target: 2 };
  const alone = { min: 1, target: 1 };
  try {
    await start([]);
    for (let at = 0; at < providers; at += 1) {
      await start([[`p${at}`, [`only.p${at}`, `third.w${at % 3}`]]], few);
    }
    const scout = await start([], alone);
    const all = { capability: ["third.w0", "third.w1", "third.w2"], timeoutMs: 5_000 };
    const hasAll = async () => (await namesOf(scout, all)).length === providers;
    await until("all words are in the DHT", hasAll);

    const fresh = async () => {
      const node = await start([], alone);
      await until("a fresh one is linked", () => node.snapshot().links > 0);
      return node;
    };
    const newcomers = await comeOneByOne(nodes, providers);
    const settled = await fresh();
    // Its first query waits until it has looked around in the DHT.
    await namesOf(settled, { capability: "nobody.has", timeoutMs: 5_000 });
    const firstMs: number[] = [];
    for (let at = 0; at < providers; at += 1) {
      firstMs.push(await timeOf(() => until("the provider is found", () => first(settled, `only.p${at}`))));
    }
    const whole = await fresh();
    const isWhole = async () => (await namesOf(whole, all)).length === providers;
    const wholeMs = await timeOf(() => until("all providers are found", isWhole));
    const dial = { name: "dial and call", value: median(newcomers.dialMs), unit: "ms" };
    const call = { name: "first call on such a link", value: median(newcomers.callMs), unit: "ms" };
    const trip = { name: "round trip on it", value: median(newcomers.tripMs), unit: "ms" };
    const newcomer = { name: "first provider, first query of a newcomer", unit: "ms" };
    const itself = { name: "the same, told by its own node", unit: "ms" };
    return [
      line({ ...newcomer, value: median(newcomers.firstMs) }, trip, call, dial),
      line({ ...itself, value: median(newcomers.confirmedMs) }, trip, dial),
      line({ name: "first provider, median", value: median(firstMs), unit: "ms" }, dial),
      line(
        { name: `all ${providers} providers of three words, a newcomer`, value: wholeMs, unit: "ms" },
        dial,
      ),
    ];
  } finally {
    await stopAll(nodes);
  }
}

/** Newcomers that know nobody but the one they have just linked: what each waits for, and what its link takes. */
async function comeOneByOne(nodes: readonly AgentNode[], providers: number) {
  const [entry] = nodes;
  assert.ok(entry !== undefined);
  const took = { firstMs: [], confirmedMs: [], callMs: [], tripMs: [], dialMs: [] } as Newcomers;
  const linked = async () => {
    const node = await startNode(libp2p({ profile: "testnet" }), [], { min: 1, target: 1 });
    await again("linked", () => connect(node, entry));
    return node;
  };
  const info = `${entry.id}:node/get_info`;
  for (let at = 0; at < NEWCOMERS; at += 1) {
    const provider = 1 + (at % providers);
    // A query meets those who answer it: each figure has a newcomer of its own.
    const [asker, caller, dialer] = [await linked(), await linked(), await linked()];
    const { firstMs, confirmedMs } = await findOne(asker, `only.p${provider - 1}`);
    took.firstMs.push(firstMs);
    took.confirmedMs.push(confirmedMs);
    took.callMs.push(await timeOf(() => caller.call(info)));
    took.tripMs.push(await timeOf(() => caller.call(info)));
    const ping = `${nodes[provider]?.id}:p${provider - 1}/ping`;
    const dialed = async () => {
      await connect(dialer, nodes[provider]);
      await dialer.call(ping);
    };
    took.dialMs.push(await timeOf(() => again("dialled and called", dialed)));
    await stopAll([asker, caller, dialer]);
  }
  return took;
}

/** What a busy machine does not do in time is done again, and counts to the same time. */
function again(what: string, work: () => Promise<unknown>): Promise<void> {
  const isDone = () =>
    work().then(
      () => true,
      () => false,
    );
  return until(what, isDone);
}

async function connect(from: AgentNode, to: AgentNode | undefined): Promise<void> {
  await from.connect(to?.addresses[0] ?? "");
}

/** How long until the provider of a word is found, and until its own node has said the same; the search goes on. */
async function findOne(asker: AgentNode, word: string) {
  const startMs = performance.now();
  let [firstMs, confirmedMs] = [Infinity, Infinity];
  const isConfirmed = () =>
    asker.registry.known().some(({ confirmed, capabilities }) => confirmed && capabilities.includes(word));
  using _changes = asker.registry.onChange(() => {
    if (isConfirmed()) confirmedMs = Math.min(confirmedMs, performance.now() - startMs);
  });
  await until("the provider is found", async () => {
    for await (const _row of asker.registry.find({ capability: word, timeoutMs: 5_000 })) {
      firstMs = Math.min(firstMs, performance.now() - startMs);
    }
    return firstMs < Infinity;
  });
  return { firstMs, confirmedMs };
}

/** Milliseconds, one of each newcomer. */
type Newcomers = Record<"firstMs" | "confirmedMs" | "callMs" | "tripMs" | "dialMs", number[]>;

function startNode(
  network: NetworkChoice,
  agents: readonly [string, readonly string[]][],
  links?: { min: number; target: number },
): Promise<AgentNode> {
  return createNode({
    network,
    networkName: NETWORK,
    messageRates: openRates,
    ...(links === undefined ? {} : { links }),
    agents: agents.map(([name, capabilities]) => {
      const definition: AgentDefinition = { capabilities };
      return { name, definition };
    }),
  });
}

async function namesOf(node: AgentNode, query: RegistryQuery): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const row of node.registry.find(query)) names.push(row.name);
  return names;
}

/** A busy machine's query may end without an answer; the next one counts to the same time. */
async function first(node: AgentNode, capability: string): Promise<boolean> {
  for await (const row of node.registry.find({ capability, timeoutMs: 5_000 })) {
    assert.ok(row.capabilities.includes(capability));
    return true;
  }
  return false;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

async function until(what: string, check: () => boolean | Promise<boolean>, everyMs = 50): Promise<void> {
  const endMs = performance.now() + DHT_WAIT_MS;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`not within ${DHT_WAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

async function stopAll(nodes: readonly AgentNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop({ deadlineMs: 0 })));
}
