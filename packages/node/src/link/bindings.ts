/** The bindings of this node's agents: signed ties to its PeerId, renewed at half of their life. */

import assert from "node:assert/strict";
import { type AgentBinding, signBinding, type Signer } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";

export interface BindingBook {
  /** Takes an agent in; messages it signs then carry its binding. */
  add(agent: { readonly name: string; readonly signer: Signer }): void;
  /** Messages for this agent are no strangers' mail, although it does not run yet. */
  expect(agentId: string): void;
  /** A binding with at least half of its life left; undefined for the node's own key and strangers. */
  of(agentId: string): AgentBinding | undefined;
  /** Is this agent bound or expected here? */
  has(agentId: string): boolean;
  /** The key of an agent that was added, and its binding. */
  signerOf(agentId: string): { readonly signer: Signer; readonly binding: AgentBinding };
}

export function createBindingBook(options: {
  readonly network: string;
  readonly peerId: string;
  readonly clock: Clock;
}): BindingBook {
  const { network, peerId, clock } = options;
  const agents = new Map<string, { readonly name: string; readonly signer: Signer }>();
  const bindings = new Map<string, AgentBinding>();
  const expected = new Set<string>();
  const of = (agentId: string): AgentBinding | undefined => {
    const agent = agents.get(agentId);
    if (agent === undefined) return undefined;
    const nowS = Math.floor(clock.nowMs() / 1000);
    const known = bindings.get(agentId);
    if (known !== undefined && known.not_after - nowS > nodeLimits.bindingValidS / 2) return known;
    const notAfterS = nowS + nodeLimits.bindingValidS;
    const fresh = signBinding({ network, peerId, notAfterS, name: agent.name, signer: agent.signer });
    bindings.set(agentId, fresh);
    return fresh;
  };
  return {
    of,
    add: (agent) => void agents.set(agent.signer.agentId, agent),
    expect: (agentId) => void expected.add(agentId),
    has: (agentId) => agents.has(agentId) || expected.has(agentId),
    signerOf(agentId) {
      const signer = agents.get(agentId)?.signer;
      const binding = of(agentId);
      assert(signer !== undefined && binding !== undefined, "an agent is bound before it signs");
      return { signer, binding };
    },
  };
}
