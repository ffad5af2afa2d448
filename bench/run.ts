/** `node --conditions=gridmesh-source bench/run.ts [name] [--quick] [--json]`; without a name it lists them. */

import { parseArgs } from "node:util";
import { type BenchOptions, formatLine, type Line } from "./measure.ts";

interface Bench {
  readonly what: string;
  readonly load: () => Promise<(options: BenchOptions) => Promise<readonly Line[]>>;
}

const benches: Readonly<Record<string, Bench>> = {
  rpc: {
    what: "calls between two nodes, beside HTTP/1.1, TCP lines, libp2p alone on one stream and on one each",
    load: async () => (await import("./rpc.ts")).rpc,
  },
  agents: {
    what: "an MCP tool called through two nodes, beside MCP's own SDK on one raw libp2p stream",
    load: async () => (await import("./agents.ts")).agents,
  },
  bulk: {
    what: "many bytes over one stream and several, near and 50 ms far, beside libp2p alone",
    load: async () => (await import("./bulk.ts")).bulk,
  },
  trade: {
    what: "whole trades between two nodes with journals on disk, beside the disk and the signatures alone",
    load: async () => (await import("./trade.ts")).trade,
  },
  registry: {
    what: "look-ups of agents, beside a look at each and a dial that needs no look-up",
    load: async () => (await import("./registry.ts")).registry,
  },
  clearing: {
    what: "auctions of up to 100,000 orders, beside a plain sort and another library's continuous matching",
    load: async () => (await import("./clearing.ts")).clearing,
  },
  start: {
    what: "start and stop of the program and the daemon, beside node -e 0",
    load: async () => (await import("./start.ts")).start,
  },
  swarm: {
    what: "twenty daemons at the same instant, until each is linked and what each says has reached all",
    load: async () => (await import("./swarm.ts")).swarm,
  },
  offers: {
    what: "thirteen daemons: how soon a search has its first offer, all, and a contract",
    load: async () => (await import("./offers.ts")).offers,
  },
  gossip: {
    what: "signed messages among fifty nodes, beside the library's gossip alone",
    load: async () => (await import("./gossip.ts")).gossip,
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
});
const [name] = positionals;
const bench = name === undefined ? undefined : benches[name];

if (bench === undefined) {
  for (const [known, { what }] of Object.entries(benches)) console.log(`${known.padEnd(8)} ${what}`);
  process.exitCode = name === undefined ? 0 : 2;
} else {
  // A wrong result throws, and ends this with 1; a slow one is a figure.
  const lines = await (await bench.load())({ quick: values.quick });
  const text = values.json
    ? JSON.stringify({ bench: name, quick: values.quick, lines })
    : lines.map(formatLine).join("\n");
  await new Promise((resolve) => process.stdout.write(`${text}\n`, resolve));
  // The last timers of stopped nodes are not waited for.
  process.exit();
}
