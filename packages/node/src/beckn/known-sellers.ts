/** Who is asked by name while gossip has not formed yet. */

import type { AgentRow } from "../registry/types.ts";
import { type BecknPorts, MAX_DIRECT_SELLERS, SELL_CAPABILITY } from "./ports.ts";

/** Agents known to sell, but for the one that buys. */
export function knownSellers(
  { registry }: Pick<BecknPorts, "registry">,
  buyerId: string,
): readonly AgentRow[] {
  return registry
    .known()
    .filter((row) => row.capabilities.includes(SELL_CAPABILITY) && row.agentId !== buyerId);
}

/** The other nodes they are on, as many as are asked. */
export function peersOf(sellers: readonly AgentRow[]): readonly string[] {
  const remote = sellers.filter((row) => !row.local && row.presence !== "gone");
  return [...new Set(remote.map((row) => row.nodeId))].slice(0, MAX_DIRECT_SELLERS);
}
