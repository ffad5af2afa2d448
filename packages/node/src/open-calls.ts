/** Agents, router, rpc stream and registry of a node, wired. */

import {
  type JsonValue,
  parseAddress,
  sha256,
  toProtocolError,
  uuidV7,
  verifyBinding,
} from "@gridmesh/protocol";
import type { AgentContext } from "./agent.ts";
import { type CallMeter, createCallMeter } from "./call-meter.ts";
import { type AccessJudge, createAccess } from "./gate/access.ts";
import { createOverruns, type Overruns } from "./gate/overruns.ts";
import { type AgentList, createAgentList, type SeatedAgent } from "./host/agent-list.ts";
import { ChildRoom } from "./host/children.ts";
import { createStateSeal } from "./host/mcp-state.ts";
import type { Identity } from "./identity.ts";
import { nodeLimits } from "./limits.ts";
import type { NodeBase } from "./node-options.ts";
import type { LinkRoom } from "./open-links.ts";
import { openAdvertiser, openAnycast, openRegistry } from "./open-registry.ts";
import type { Advertiser } from "./registry/advertise.ts";
import { withAlternatives } from "./registry/alternatives.ts";
import type { Anycast } from "./registry/anycast.ts";
import type { DistributedRegistry } from "./registry/registry.ts";
import type { AgentRow } from "./registry/types.ts";
import { AgentDoor } from "./route/agent-door.ts";
import { createAudit } from "./route/audit.ts";
import { createNames } from "./route/call-names.ts";
import { Expiry } from "./route/expiry.ts";
import { createFarChannels } from "./route/far-channels.ts";
import { createForwarder, type Forwarder } from "./route/forward.ts";
import { createNodeMethods, type NodeFacts, type PeerRow } from "./route/node-methods.ts";
import { createRouter, type Router } from "./route/router.ts";
import { type RefusedCall, serveRpc } from "./route/rpc-callee.ts";
import { isObject } from "./route/rpc-lines.ts";
import type { StateStore } from "./store/types.ts";
import { countAnswered } from "./words.ts";

export interface CallRoom {
  readonly agents: AgentList;
  readonly router: Router;
  readonly registry: DistributedRegistry;
  readonly anycast: Anycast;
  readonly advertiser: Advertiser;
  readonly forwarder: Forwarder;
  readonly children: ChildRoom | undefined;
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
  const meter = createCallMeter(base.metrics);
  const forwarder = createForwarder({ transport, clock, reach, pacer, meter });
  undo.defer(() => forwarder.close());
  const farChannels = createFarChannels({ transport, clock, reach, pacer, onDrop: () => meter.dropped() });
  undo.defer(() => farChannels.close());
  const onChange = () => {
    advertiser.changed();
    registry.touch();
  };
  const children = openChildren(base, parts);
  const access = createAccess(clock, base.access);
  const agents = openAgentList(base, { ...parts, children, access }, onChange);
  // A stop has ended them before; after a start that failed half-way nobody else does.
  undo.defer(() => agents.stopAll(0));
  const registryRoom = openRegistry(base, parts, { forwarder, agents });
  const { registry } = registryRoom;
  const advertiser = openAdvertiser(base, parts, { agents, registry });
  undo.defer(() => advertiser.stop());
  const nodeMethods = createNodeMethods({
    clock,
    facts: parts.facts,
    agents,
    access,
    peers: parts.peers,
    peerId,
    record: (name) => advertiser.record(name),
    known: () => registry.known().filter((row) => !row.local),
    knownRecord: (agentId) => registry.message(agentId),
    others: registry.others,
    onLookUp: (asker, capability) => introduceProviders(parts.links, registry, { asker, capability }),
  });
  const anycast = openAnycast(base, registryRoom, {
    links,
    call: (address, params, wait) => router.call(address, params, wait),
  });
  const router: Router = createRouter({
    peerId,
    clock,
    agents,
    door: openDoor(base, { agents, access, undo }),
    nodeMethods,
    forwarder,
    farChannels,
    names: createNames({
      pseudonym: (name) => pseudonymOf(peerId, name),
      bindingOf: (agentId) => bindingOf(links, agentId),
    }),
    forwardFor: new Set(base.forwardFor),
    callCapability: anycast.call,
    resolveCapability: (capability, wait) => anycast.resolve(capability, wait),
    draining: parts.draining,
    meter,
  });
  answerPeers(base, parts, { router, agents, access, registry, meter });
  return { agents, router, registry, anycast, advertiser, forwarder, children };
}

/** The same for the same name of this node, and not the name. */
function pseudonymOf(peerId: string, name: string): string {
  return Buffer.from(sha256(Buffer.from(`${peerId} ${name}`)))
    .toString("base64url")
    .slice(0, 22);
}

function bindingOf({ bindings }: LinkRoom, agentId: string): JsonValue | undefined {
  const binding = bindings.of(agentId);
  return binding === undefined ? undefined : { ...binding };
}

function openDoor(
  { clock, log }: NodeBase,
  parts: { readonly agents: AgentList; readonly access: AccessJudge; readonly undo: AsyncDisposableStack },
): AgentDoor {
  const { agents, access, undo } = parts;
  const expiry = undo.use(new Expiry(clock));
  return new AgentDoor({ clock, agents, access, expiry, audit: createAudit(log.child("audit")) });
}

interface AnsweringRooms {
  readonly router: Router;
  readonly agents: AgentList;
  readonly access: AccessJudge;
  readonly registry: DistributedRegistry;
  readonly meter: CallMeter;
}

/** Takes calls and channels of peers from here on. */
function answerPeers(base: NodeBase, { links, identity, undo }: CallParts, rooms: AnsweringRooms): void {
  const { clock } = base;
  const { router, meter } = rooms;
  const { peerId } = identity;
  const overruns = createOverruns(clock, base.messageRates?.perSecond);
  undo.use(
    serveRpc({
      transport: links.transport,
      clock,
      meter,
      admit: (caller) => admitCall(links, overruns, caller),
      accept: (to, caller) => router.accept(to, caller),
      open: (opening, context) => router.admit(opening, context),
      bound: (binding, from) => boundAgent(base, binding, from),
      refuseWhenDraining: () => router.refuseWhenDraining(),
      dispatch: (call) => router.receive(call),
      refusal: (call, error) => withAlternatives(error, () => alternativesTo(call, { ...rooms, peerId })),
    }),
  );
}

/** What a stream's opening line says of the calling agent counts only if it holds for this very peer. */
function boundAgent(
  { network, engine, clock }: NodeBase,
  binding: JsonValue | undefined,
  peerId: string,
): string | undefined {
  const agentId = isObject(binding) ? binding["agent_id"] : undefined;
  if (typeof agentId !== "string") return undefined;
  try {
    const nowS = Math.floor(clock.nowMs() / 1_000);
    return verifyBinding(binding, { network, engine, nowS, agentId, peerId }).agent_id;
  } catch {
    return undefined;
  }
}

/** @throws PEER_BANNED, RATE_LIMITED, OVERLOADED. */
function admitCall({ bans, rates }: LinkRoom, overruns: Overruns, caller: string): void {
  bans.check(caller);
  try {
    rates.admit(caller);
  } catch (error) {
    const { code } = toProtocolError(error, "INTERNAL_ERROR");
    if (code === "RATE_LIMITED" && overruns.note(caller)) bans.ban(caller, code);
    throw error;
  }
}

/** Whoever looks for a capability is told of linked nodes that have it: sooner than the DHT could. */
function introduceProviders(
  { introducer, transport }: LinkRoom,
  registry: DistributedRegistry,
  { asker, capability }: { readonly asker: string; readonly capability: string },
): void {
  const linked = new Set(transport.links().map(({ peerId }) => peerId));
  const nodes = registry
    .answering([capability])
    .filter((row) => !row.local && row.confirmed && row.presence === "live")
    .map(({ nodeId }) => nodeId)
    .filter((nodeId) => nodeId !== asker && linked.has(nodeId));
  for (const introduced of [...new Set(nodes)].slice(0, nodeLimits.introducedAtOnce)) {
    // What is not told now, another peer or the DHT tells.
    void introducer.introduce(asker, { introduced, reason: "capability", capability }).catch(() => false);
  }
}

/** Live agents of others that offer all that the refused one does; of one the caller may not see, nothing is told. */
function alternativesTo(
  { to, method, caller }: RefusedCall,
  here: {
    readonly agents: AgentList;
    readonly access: AccessJudge;
    readonly registry: DistributedRegistry;
    readonly peerId: string;
  },
): readonly AgentRow[] {
  const agent = here.agents.get(to === "node" ? agentIn(method) : to);
  if (agent === undefined || agent.capabilities.length === 0 || !here.access.sees(agent, caller)) return [];
  const isSeen = (name: string) => {
    const other = here.agents.get(name);
    return other !== undefined && here.access.sees(other, caller);
  };
  return here.registry
    .answering(agent.capabilities)
    .filter((row) => row.presence === "live" && row.agentId !== agent.agentId && row.nodeId !== caller.peerId)
    .filter((row) => !row.local || isSeen(row.name))
    .filter((row) => countAnswered(row.capabilities, agent.capabilities) === agent.capabilities.length);
}

/** The agent of a full address; "" where there is none. */
function agentIn(method: string): string {
  try {
    const address = parseAddress(method);
    return address.kind === "agent" ? address.agent : "";
  } catch {
    return "";
  }
}

function openChildren(base: NodeBase, { store, undo }: CallParts): ChildRoom | undefined {
  const { children: options, clock, random, log, metrics } = base;
  if (options === undefined) return undefined;
  const children = new ChildRoom({ ...options, clock, random, store, log: log.child("agents") });
  undo.use(metrics.read("children", () => [{ labels: {}, value: children.size }]));
  undo.use(metrics.read("child_restarts_total", () => [{ labels: {}, value: children.restarts }]));
  return children;
}

function openAgentList(
  base: NodeBase,
  parts: CallParts & Pick<CallRoom, "children"> & { readonly access: AccessJudge },
  onChange: () => void,
): AgentList {
  return createAgentList({
    nodeId: parts.identity.peerId,
    clock: base.clock,
    random: base.random,
    access: parts.access,
    log: base.log.child("agents"),
    contextFor: parts.contextFor,
    async identify(name) {
      const agent = await parts.identify(name);
      parts.links.bindings.add({ name, signer: agent.signer });
      return agent;
    },
    onChange,
    parts: {
      children: parts.children,
      seal: createStateSeal({ key: () => base.random.bytes(32), clock: base.clock }),
      newId: () => uuidV7(base.clock.nowMs(), base.random),
    },
  });
}
