import { stringify } from "smol-toml";
import type { PlannedDaemon, TestnetPlan } from "./plan.ts";

/** The `config.toml` of one daemon of a testnet. Market time stands still until all are ready. */
export function configText(
  daemon: PlannedDaemon,
  plan: TestnetPlan,
  net: { readonly network: string; readonly bootstrap: readonly string[]; readonly fixedPorts: boolean },
): string {
  const status =
    net.fixedPorts && daemon.statusPort !== null ? { listen: `127.0.0.1:${daemon.statusPort}` } : {};
  return stringify({
    network: net.network,
    profile: "testnet",
    discovery: { bootstrap: [...net.bootstrap] },
    // All links at once, before the first hour: one by one they would come while the homes trade.
    peers: { min: plan.nodes.length - 1, target: plan.nodes.length - 1 },
    status,
    // The way of every search is part of what a testnet shows.
    log: { level: "info", format: "json", levels: { trade: "debug" } },
    lab: { enabled: true, paused: true, clockSpeed: plan.speed, marketStartMs: plan.marketStartMs },
    agents: daemon.agents.map(({ name, module, factory, access, options }) => ({
      name,
      access,
      module,
      factory,
      options,
    })),
  });
}
