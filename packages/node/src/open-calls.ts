/** Agents, router, rpc stream and registry of a node, wired. */

import type { AgentContext } from "./agent.ts";
import { type AgentList, createAgentList, type SeatedAgent } from "./host/agent-list.ts";
import type { Identity } from "./identity.ts";
import type { NodeBase } from "./node-options.ts";
import type { LinkRoom } from "./open-links.ts";
import { openAdvertiser, openAnycast, openRegistry } from "./open-registry.ts";
import type { Advertiser } from "./registry/advertise.ts";
import type { Anycast } from "./registry/anycast.ts";
import type { DistributedRegistry } from "./registry/registry.ts";
import { createForwarder, type Forwarder } from "./route/forward.ts";
import { createNodeMethods, type NodeFacts, type PeerRow } from "./route/node-methods.ts";
import { createRouter, type Router } from "./route/router.ts";
import { serveRpc } from "./route/rpc-callee.ts";
import type { StateStore } from "./store/types.ts";

export interface CallRoom {
  readonly agents: AgentList;
  readonly router: Router;
  readonly registry: DistributedRegistry;
  readonly anycast: Anycast;
  readonly advertiser: Advertiser;
  readonly forwarder: Forwarder;
}

export interface CallParts {
  readonly links: LinkRoom;
  readonly identity: Identity;
  readonly store: StateStore;
  /** The key of an agent, by name. */
  readonly identify: (name: string) => Promise<Identity>;
  readonly contextFor: (agent: SeatedAgent, signal: AbortSignal) => AgentContext;
  readonly draining: () => boolean;
  readonly facts: () => NodeFacts;
  readonly peers: () => readonly PeerRow[];
  /** The disk failed. */
  readonly onFatal: (error: unknown) => void;
  readonly undo: AsyncDisposableStack;
}

/** Makes and wires the parts; handlers answer from here on, the capability topic is joined by `joinRegistry`. */
export function openCalls(base: NodeBase, parts: CallParts): CallRoom {
  const { links, undo, identity } = parts;
  const { transport, reach, pacer } = links;
  const { clock } = base;
  const { peerId } = identity;
  const forwarder = createForwarder({ transport, clock, reach, pacer });
  undo.defer(() => forwarder.close());
  const onChange = () => {
    advertiser.changed();
    registry.touch();
  };
  const agents = openAgentList(base, parts, onChange);
  // A stop has ended them before; after a start that failed half-way nobody else does.
  undo.defer(() => agents.stopAll(0));
  const registryRoom = openRegistry(base, parts, { forwarder, agents });
  const { registry } = registryRoom;
  const advertiser = openAdvertiser(base, parts, { agents, registry });
  undo.defer(() => advertiser.stop());
  const nodeMethods = createNodeMethods({
    facts: parts.facts,
    agents,
    peers: parts.peers,
    peerId,
    record: (name) => advertiser.record(name),
    known: () => registry.known().filter((row) => !row.local),
  });
  const anycast = openAnycast(base, registryRoom, {
    links,
    call: (address, params, wait) => router.call(address, params, wait),
  });
  const { draining } = parts;
  const router: Router = createRouter({
    peerId,
    clock,
    agents,
    nodeMethods,
    forwarder,
    callCapability: anycast.call,
    draining,
  });
  undo.use(
    serveRpc({
      transport,
      clock,
      admit(caller) {
        links.bans.check(caller);
        links.rates.admit(caller);
      },
      accept: (to, caller) => router.accept(to, caller),
      dispatch: (call) => router.receive(call),
    }),
  );
  return { agents, router, registry, anycast, advertiser, forwarder };
}

function openAgentList(base: NodeBase, parts: CallParts, onChange: () => void): AgentList {
  return createAgentList({
    clock: base.clock,
    log: base.log.child("agents"),
    contextFor: parts.contextFor,
    async identify(name) {
      const agent = await parts.identify(name);
      parts.links.bindings.add({ name, signer: agent.signer });
      return agent;
    },
    onChange,
  });
}
