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
  counts(): Counts;
}

export interface Counts {
  /** Messages that went out: an author may repeat on its own what nobody answers. */
  readonly said: number;
  /** Messages of others, each once. */
  readonly heard: number;
}

/** What the nodes of this process have done so far, together, and what it took. */
export interface Tally extends Counts {
  /** Messages asked for; some may wait for their author's turn. */
  readonly asked: number;
  readonly cpuMs: number;
}

type Ask =
  | { readonly dial: readonly (readonly string[])[] }
  | { readonly mesh: true }
  | { readonly say: number }
  | { readonly counts: true };

const [kind = "", count = "0", index = "0", links = "0"] = process.argv.slice(2);
const WINDOW_MS = 100;
const DIALLED_WITHIN_MS = 60_000;
const DAY_S = 86_400;
/** An author has five searches a second. */
const AUTHOR_GAP_MS = 210;

async function ourTalker(name: string): Promise<Talker> {
  const { promise: started, resolve } = Promise.withResolvers<AgentContext>();
  const node = await createNode({
    network: libp2p({ profile: "testnet", dht: false, mdns: false }),
    networkName: "bench",
    // As many as the bench dials, so that both sides gossip over the same graph.
    links: { min: 1, target: Number(links) },
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
      await node.connect(address, { timeoutMs: DIALLED_WITHIN_MS });
    },
    meshPeers: () =>
      node
        .metrics()
        .find(({ name: metric }) => metric === "mesh_peers")
        ?.samples.find(({ labels }) => labels["purpose"] === "search")?.value ?? 0,
    async say() {
      for await (const _ of context.search(intent, { windowMs: WINDOW_MS })) continue;
    },
    counts() {
      // A node hears its own searches too.
      const { searchesHeard, searchesPublished: said } = context.becknCounters();
      return { said, heard: searchesHeard - said };
    },
  };
}

/** A machine that starts fifty nodes at once may be too busy for the first try. */
async function dialled(talker: Talker, address: string): Promise<void> {
  const endMs = performance.now() + DIALLED_WITHIN_MS;
  for (;;) {
    try {
      return await talker.dial(address);
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
  }
}

const talkers: Talker[] = [];
for (let at = 0; at < Number(count); at += 1) {
  talkers.push(await (kind === "ours" ? ourTalker(`talker-${index}-${at}`) : rawTalker()));
}

let asked = 0;
const mayNextMs = talkers.map(() => 0);

/** The next one in the round says one thing, once it may again. */
function sayNext(): void {
  const at = asked % talkers.length;
  asked += 1;
  const nowMs = performance.now();
  const waitMs = Math.max(0, (mayNextMs[at] ?? 0) - nowMs);
  mayNextMs[at] = nowMs + waitMs + AUTHOR_GAP_MS;
  const say = () =>
    void talkers[at]?.say().catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    });
  if (waitMs === 0) say();
  else setTimeout(say, waitMs);
}

function tally(): Tally {
  const { user, system } = process.cpuUsage();
  let said = 0;
  let heard = 0;
  for (const talker of talkers) {
    const counts = talker.counts();
    said += counts.said;
    heard += counts.heard;
  }
  return { asked, said, heard, cpuMs: (user + system) / 1_000 };
}

async function answer(ask: Ask): Promise<unknown> {
  if ("dial" in ask) {
    // One after the other: all at once they would wait for each other longer than a dial may take.
    for (const [at, talker] of talkers.entries()) {
      for (const to of ask.dial[at] ?? []) await dialled(talker, to);
    }
    return {};
  }
  if ("mesh" in ask) return talkers.map((talker) => talker.meshPeers());
  if ("counts" in ask) return talkers.map((talker) => talker.counts());
  for (let more = ask.say; more > 0; more -= 1) sayNext();
  return tally();
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
