/** Agents, router, rpc stream and registry of a node, wired. */

import {
  canonicalBytes,
  type JsonObject,
  type SealedMessage,
  toProtocolError,
  verdictOf,
} from "@gridmesh/protocol";
import type { AgentContext } from "./agent.ts";
import { type AgentList, createAgentList, type SeatedAgent } from "./host/agent-list.ts";
import type { Identity } from "./identity.ts";
import { nodeLimits } from "./limits.ts";
import type { Verdict } from "./network/index.ts";
import type { NodeBase } from "./node-options.ts";
import type { LinkRoom } from "./open-links.ts";
import { type Advertised, type Advertiser, createAdvertiser } from "./registry/advertise.ts";
import { createAnycast } from "./registry/anycast.ts";
import { createRecordCache } from "./registry/cache.ts";
import { type AgentRecord, openRecord, readRecord, sealRecord } from "./registry/record.ts";
import { createRegistry, type DistributedRegistry } from "./registry/registry.ts";
import { createPeerTeller } from "./registry/tell-peers.ts";
import type { AgentRow } from "./registry/types.ts";
import { createForwarder, type Forwarder } from "./route/forward.ts";
import { createNodeMethods, type NodeFacts, type PeerRow } from "./route/node-methods.ts";
import { createRouter, type Router } from "./route/router.ts";
import { serveRpc } from "./route/rpc-callee.ts";
import type { StateStore } from "./store/types.ts";

export interface CallRoom {
  readonly agents: AgentList;
  readonly router: Router;
  readonly registry: DistributedRegistry;
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
  readonly undo: AsyncDisposableStack;
}

const CAPABILITY_BYTES = 16 * 1024;

/** Makes and wires the parts; handlers answer from here on, the capability topic is joined by `joinRegistry`. */
export function openCalls(base: NodeBase, parts: CallParts): CallRoom {
  const { links, undo, identity } = parts;
  const { transport, reach, pacer } = links;
  const { clock, random } = base;
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
  const registry = openRegistry(base, parts, { forwarder, agents });
  const advertiser = openAdvertiser(base, parts, agents);
  undo.defer(() => advertiser.stop());
  undo.use(takeRecords(base, links, registry));
  const nodeMethods = createNodeMethods({
    facts: parts.facts,
    agents,
    peers: parts.peers,
    peerId,
    record: (name) => advertiser.record(name),
    known: () => registry.known().filter((row) => !row.local),
  });
  const callCapability = createAnycast({
    registry,
    clock,
    random,
    call: (address, params, wait) => router.call(address, params, wait),
  });
  const { draining } = parts;
  const router: Router = createRouter({
    peerId,
    clock,
    agents,
    nodeMethods,
    forwarder,
    callCapability,
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
  return { agents, router, registry, advertiser, forwarder };
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

function openRegistry(
  base: NodeBase,
  parts: CallParts,
  rooms: { readonly forwarder: Forwarder; readonly agents: AgentList },
): DistributedRegistry {
  const { clock, network, engine } = base;
  const { transport } = parts.links;
  const { peerId } = parts.identity;
  const cache = createRecordCache({
    clock,
    linkHeardMs: (nodeId) => transport.links().find((link) => link.peerId === nodeId)?.lastByteMs,
  });
  const own = (): readonly AgentRow[] =>
    rooms.agents.seated().map(({ hosted }) => ({
      name: hosted.name,
      agentId: hosted.agentId,
      nodeId: peerId,
      address: `${peerId}:${hosted.name}`,
      capabilities: hosted.capabilities,
      presence: hosted.state === "ready" ? "live" : "suspect",
      local: true,
      validUntil: Math.floor(clock.nowMs() / 1000) + nodeLimits.recordValidS,
    }));
  return createRegistry({
    network,
    peerId,
    clock,
    log: base.log.child("registry"),
    transport,
    dht: base.choice.dht,
    cache,
    own,
    call: (nodeId, call, wait) => rooms.forwarder.call(nodeId, call, wait),
    settling: () => isSettling(base, parts.links),
    open: (message) => openRecord(canonicalBytes(message), { network, engine, nowS: nowS(base) }),
  });
}

/** No link yet though there are ways to one, or a link whose hello is not over. */
function isSettling({ choice }: NodeBase, { transport, serve }: LinkRoom): boolean {
  if (transport.links().length === 0) return choice.bootstrap.length > 0 || choice.mdns;
  return serve.sessions().some((session) => session.agreement === undefined);
}

function openAdvertiser(base: NodeBase, parts: CallParts, agents: AgentList): Advertiser {
  const { clock, random, network, choice } = base;
  const { links, store } = parts;
  const visible = (): readonly Advertised[] =>
    agents
      .seated()
      .filter(({ hosted }) => hosted.access !== "private" && hosted.state === "ready")
      .map(({ hosted }) => ({
        name: hosted.name,
        agentId: hosted.agentId,
        words: hosted.capabilities,
        status: "available",
      }));
  const teller = parts.undo.use(
    createPeerTeller({
      exchange: links.serve,
      log: base.log.child("registry"),
      records: () => advertiser.records(),
    }),
  );
  parts.undo.use(links.onHello((peerId) => teller.greet(peerId)));
  const advertiser: Advertiser = createAdvertiser({
    network,
    topic: topicOf(base),
    transport: links.transport,
    dht: choice.dht,
    clock,
    random,
    log: base.log.child("registry"),
    agents: visible,
    tellPeers: (record) => teller.tell(record),
    seal(agent): SealedMessage {
      const seat = links.bindings.signerOf(agent.agentId);
      return sealRecord({
        network,
        random,
        ...seat,
        nowS: nowS(base),
        name: agent.name,
        seq: store.nextSeq(`record ${agent.agentId}`),
        status: agent.status,
        capabilities: agent.words,
      });
    },
  });
  return advertiser;
}

/** Takes the records that linked peers tell of their own agents; the ladder has proven them and their binding. */
function takeRecords(base: NodeBase, links: LinkRoom, registry: DistributedRegistry): Disposable {
  return links.serve.handle("control", "capability_advertisement", ({ message }) => {
    registry.take(readRecord(message as JsonObject, nowS(base)));
    return Promise.resolve(undefined);
  });
}

/** Listens to others' records on gossip, and asks each greeted peer for its own. */
export function joinRegistry(base: NodeBase, links: LinkRoom, registry: DistributedRegistry): Disposable {
  const { network, engine } = base;
  const log = base.log.child("registry");
  const stack = new DisposableStack();
  const end = new AbortController();
  stack.defer(() => end.abort());
  const take = (data: Uint8Array): Verdict => {
    if (data.length > CAPABILITY_BYTES) return "reject";
    let record: AgentRecord | undefined;
    try {
      record = openRecord(data, { network, engine, nowS: nowS(base) });
      links.bans.check(record.agentId);
      registry.take(record);
      return "accept";
    } catch (error) {
      const { code } = toProtocolError(error, "INTERNAL_ERROR");
      log.debug("registry.refused", code, { code });
      // Who signed two contents is banned, whoever carried them; on gossip the node it names has said nothing to it.
      if (code === "EQUIVOCATION" && record !== undefined) links.bans.ban(record.agentId, code);
      return verdictOf(code);
    }
  };
  stack.use(links.transport.join(topicOf(base), (_from, data) => Promise.resolve(take(data))));
  const meet = (peerId: string): void => {
    const told = (error: unknown) => {
      const { code, message } = toProtocolError(error, "INTERNAL_ERROR");
      log.debug("registry.unasked", message, { peer: peerId, code });
    };
    links.introducer.meet(peerId).catch(told);
    fetchAtGreeting(base, { links, registry, signal: end.signal }, peerId).catch(told);
  };
  stack.use(links.onGreeted(meet));
  // A transport listens before it has started: those who came in between are met now.
  for (const { peerId, agreement } of links.serve.sessions()) if (agreement !== undefined) meet(peerId);
  return stack;
}

/** Tries again while the link lives: at greeting both sides are often at their busiest. */
async function fetchAtGreeting(
  { clock }: NodeBase,
  rooms: {
    readonly links: LinkRoom;
    readonly registry: DistributedRegistry;
    readonly signal: AbortSignal;
  },
  peerId: string,
): Promise<void> {
  const session = rooms.links.serve.session(peerId);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await rooms.registry.fetch(peerId, { timeoutMs: nodeLimits.fetchTimeoutMs });
    } catch (error) {
      if (attempt === nodeLimits.greetFetches || session.ended !== undefined) throw error;
    }
    await clock.sleep(nodeLimits.greetFetchAgainMs * 2 ** (attempt - 1), rooms.signal);
    if (session.ended !== undefined) return;
  }
}

function topicOf(base: NodeBase): string {
  return `gridmesh/${base.network}/capability`;
}

function nowS(base: NodeBase): number {
  return Math.floor(base.clock.nowMs() / 1000);
}
