/** Every verb with the line `--help` shows of it; its file is read only when it is the one called. */

import type { Verb } from "../invocation.ts";

interface VerbEntry {
  readonly summary: string;
  readonly load: () => Promise<Verb>;
}

export const verbs: Readonly<Record<string, VerbEntry>> = {
  init: {
    summary: "make a home folder with a key and a config",
    load: async () => (await import("./init.ts")).init,
  },
  start: { summary: "run the daemon", load: async () => (await import("./start.ts")).start },
  stop: { summary: "stop the daemon", load: async () => (await import("./stop.ts")).stop },
  status: { summary: "findings, then counts", load: async () => (await import("./status.ts")).status },
  wait: { summary: "wait until the node is as asked", load: async () => (await import("./wait.ts")).wait },
  id: {
    summary: "PeerId and agent ids; rotate and seal keys",
    load: async () => (await import("./id.ts")).id,
  },
  peers: { summary: "list, connect, disconnect peers", load: async () => (await import("./peers.ts")).peers },
  bans: { summary: "list and lift bans", load: async () => (await import("./bans.ts")).bans },
  agents: {
    summary: "list, add and remove own agents, find others",
    load: async () => (await import("./agents.ts")).agents,
  },
  call: { summary: "call a method of any agent or node", load: async () => (await import("./call.ts")).call },
  mcp: {
    summary: "an agent on stdin and stdout, for MCP programs",
    load: async () => (await import("./mcp.ts")).mcp,
  },
  token: {
    summary: "tokens for programs that call over HTTP",
    load: async () => (await import("./token.ts")).token,
  },
  trade: { summary: "list, show, trace trades", load: async () => (await import("./trade.ts")).trade },
  ledger: {
    summary: "balances, and whether they hold",
    load: async () => (await import("./ledger.ts")).ledger,
  },
  config: {
    summary: "show, get, set, validate settings",
    load: async () => (await import("./config.ts")).config,
  },
  health: { summary: "one word, for monitors", load: async () => (await import("./health.ts")).health },
  doctor: {
    summary: "check this machine and this node",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  metrics: {
    summary: "every metric, as Prometheus reads it",
    load: async () => (await import("./metrics.ts")).metrics,
  },
  experiment: {
    summary: "measure what is promised, on data with its hash",
    load: async () => (await import("./experiment.ts")).experiment,
  },
  testnet: { summary: "run a whole neighbourhood", load: async () => (await import("./testnet.ts")).testnet },
};
