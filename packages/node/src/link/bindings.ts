/** The bindings of this node's agents: signed ties to its PeerId, renewed at half of their life. */

import { type AgentBinding, signBinding, type Signer } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";

export interface BindingBook {
  /** Takes an agent in; messages it signs then carry its binding. */
  add(agent: { readonly name: string; readonly signer: Signer }): void;
  /** A binding with at least half of its life left; undefined for the node's own key and strangers. */
  of(agentId: string): AgentBinding | undefined;
  /** The agent_ids that are bound here. */
  has(agentId: string): boolean;
}

export function createBindingBook(options: {
  readonly network: string;
  readonly peerId: string;
  readonly clock: Clock;
}): BindingBook {
  const { network, peerId, clock } = options;
  const agents = new Map<string, { readonly name: string; readonly signer: Signer }>();
  const bindings = new Map<string, AgentBinding>();
  return {
    add(agent) {
      agents.set(agent.signer.agentId, agent);
    },
    has: (agentId) => agents.has(agentId),
    of(agentId) {
      const agent = agents.get(agentId);
      if (agent === undefined) return undefined;
      const nowS = Math.floor(clock.nowMs() / 1000);
      const known = bindings.get(agentId);
      if (known !== undefined && known.not_after - nowS > nodeLimits.bindingValidS / 2) return known;
      const notAfterS = nowS + nodeLimits.bindingValidS;
      const fresh = signBinding({ network, peerId, notAfterS, name: agent.name, signer: agent.signer });
      bindings.set(agentId, fresh);
      return fresh;
    },
  };
}
