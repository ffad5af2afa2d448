/** Half of the nodes of the gossip bench: they dial, say and count what they are told to. */

import type { AgentContext } from "../packages/node/src/index.ts";
import { createNode, libp2p } from "../packages/node/src/index.ts";
import { slotAt } from "../packages/protocol/src/index.ts";
import { rawTalker } from "./raw-gossip.ts";

export interface Talker {
  readonly address: string;
  dial(address: string): Promise<void>;
  /** Peers that it sends whole messages to. */
  meshPeers(): number;
  say(): Promise<void>;
  /** Messages of others, each once. */
  heard(): number;
}

type Ask =
  | { readonly dial: readonly (readonly string[])[] }
  | { readonly untilMesh: number }
  | { readonly round: number; readonly heardByEach: number }
  | { readonly counts: true };

const [kind = "", count = "0", index = "0"] = process.argv.slice(2);
const WINDOW_MS = 100;
const LOST_MS = 120_000;
const DAY_S = 86_400;

async function ourTalker(name: string): Promise<Talker> {
  const { promise: started, resolve } = Promise.withResolvers<AgentContext>();
  const node = await createNode({
    network: libp2p({ profile: "testnet", dht: false, mdns: false }),
    networkName: "bench",
    agents: [
      {
        name,
        access: "network",
        definition: { capabilities: [], start: async (context) => resolve(context) },
      },
    ],
  });
  const context = await started;
  const intent = {
    slot: slotAt("bench", (Math.floor(Date.now() / 1_000 / DAY_S) + 1) * DAY_S * 1_000, 3_600),
    needMilliWh: 1_000,
    maxPriceMicroPerKWh: 1_000,
    currency: "USD",
  };
  return {
    address: node.addresses[0] ?? "",
    dial: async (address) => {
      await node.connect(address, { timeoutMs: LOST_MS });
    },
    meshPeers: () =>
      node
        .metrics()
        .find(({ name: metric }) => metric === "mesh_peers")
        ?.samples.find(({ labels }) => labels["purpose"] === "search")?.value ?? 0,
    async say() {
      for await (const _ of context.search(intent, { windowMs: WINDOW_MS })) continue;
    },
    heard() {
      const { searchesHeard, searchesPublished } = context.becknCounters();
      return searchesHeard - searchesPublished;
    },
  };
}

const talkers: readonly Talker[] = await Promise.all(
  Array.from({ length: Number(count) }, (_, at) => {
    const name = `talker-${index}-${at}`;
    return kind === "ours" ? ourTalker(name) : rawTalker();
  }),
);

/** Answers when it holds; a bench that has lost a message ends. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + LOST_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${LOST_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A machine that starts fifty nodes at once may be too busy for the first try. */
async function dialled(talker: Talker, address: string): Promise<void> {
  const endMs = performance.now() + LOST_MS;
  for (;;) {
    try {
      return await talker.dial(address);
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
  }
}

async function answer(ask: Ask): Promise<unknown> {
  if ("dial" in ask) {
    // One after the other: all at once they would wait for each other longer than a dial may take.
    for (const [at, talker] of talkers.entries()) {
      for (const to of ask.dial[at] ?? []) await dialled(talker, to);
    }
    return {};
  }
  if ("untilMesh" in ask) {
    await until("a mesh", () => talkers.every((talker) => talker.meshPeers() >= ask.untilMesh));
    return {};
  }
  if ("counts" in ask) return talkers.map((talker) => talker.heard());
  const before = process.cpuUsage();
  const said = Promise.all(talkers.map((talker) => talker.say()));
  await until("all heard", () => talkers.every((talker) => talker.heard() >= ask.heardByEach));
  const { user, system } = process.cpuUsage(before);
  // The windows of the searches end by themselves.
  said.catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  return { cpuMs: (user + system) / 1_000 };
}

process.on("message", (text) => {
  answer(JSON.parse(String(text)) as Ask).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ addresses: talkers.map(({ address }) => address) });
