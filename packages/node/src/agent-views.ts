/** A node's agents as those see them who look at the node. */

import type { HostedAgent } from "./host/in-process.ts";
import type { HostedAgentView } from "./node.ts";

/** Searchable words of the agents that peers may see. */
export function wordsOf(agents: readonly HostedAgent[]): readonly string[] {
  return [
    ...new Set(agents.filter((agent) => agent.access !== "private").flatMap((agent) => agent.capabilities)),
  ];
}

export function viewOf(nodeId: string, agent: HostedAgent): HostedAgentView {
  const { name, agentId, kind, state, reason, capabilities, access, inFlight, callsTotal, errorsTotal } =
    agent;
  return {
    name,
    address: `${nodeId}:${name}`,
    agentId,
    kind,
    state: state === "draining" ? "stopped" : state,
    ...(reason === undefined ? {} : { reason }),
    capabilities,
    access,
    inFlight,
    callsTotal,
    errorsTotal,
  };
}
