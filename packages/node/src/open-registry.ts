/** The registry of a node, wired: what it tells, what it hears, whom it asks, and calls to whoever offers a capability. */

import { canonicalBytes, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { withHandovers } from "./link/handovers.ts";
import type { AgentList } from "./host/agent-list.ts";
import type { Identity } from "./identity.ts";
import { nodeLimits } from "./limits.ts";
import { createLateness } from "./message-meter.ts";
import type { NodeBase } from "./node-options.ts";
import type { LinkRoom } from "./open-links.ts";
import { type Advertised, type Advertiser, createAdvertiser } from "./registry/advertise.ts";
import { type Anycast, createAnycast } from "./registry/anycast.ts";
import { createRecordCache } from "./registry/cache.ts";
import { claimsOf } from "./claims.ts";
import { repeatOnce } from "./registry/debut.ts";
import { createEquivocations } from "./registry/equivocations.ts";
import { recordTopic } from "./registry/heard.ts";
import { keepRecords, type RecordKeeper } from "./registry/keep.ts";
import { createWordProvider } from "./registry/provide.ts";
import { openRecord, readProven, sealRecord } from "./registry/record.ts";
import { capabilityKey, createRegistry, type DistributedRegistry } from "./registry/registry.ts";
import { createStandings, type Standings } from "./registry/standings.ts";
import { createPeerTeller } from "./registry/tell-peers.ts";
import type { AgentRow } from "./registry/types.ts";
import type { Forwarder } from "./route/forward.ts";
import type { Router } from "./route/router.ts";
import type { StateStore } from "./store/types.ts";

/** Calls one agent takes at once before it counts as full. */
const SLOTS = nodeLimits.rpcInFlight;

export interface RegistryParts {
  readonly links: LinkRoom;
  readonly identity: Identity;
  readonly store: StateStore;
  /** The disk failed. */
  readonly onFatal: (error: unknown) => void;
  readonly undo: AsyncDisposableStack;
}

export interface RegistryRoom {
  readonly registry: DistributedRegistry;
  readonly standings: Standings;
}

interface Rooms {
  readonly forwarder: Forwarder;
  readonly agents: AgentList;
}

/** Records, own and others', and the queries over them. */
export function openRegistry(base: NodeBase, parts: RegistryParts, rooms: Rooms): RegistryRoom {
  const { clock, network, engine, metrics } = base;
  const { links, store, identity, undo } = parts;
  const { transport, bans } = links;
  const cache = createRecordCache({
    clock,
    linksHeard: () => new Map(transport.links().map(({ peerId, lastByteMs }) => [peerId, lastByteMs])),
  });
  undo.use(transport.on("unlink", ({ peerId }) => peerId !== undefined && cache.unlinked(peerId)));
  undo.use(metrics.read("registry_records", () => [{ labels: {}, value: cache.size }]));
  const standings = createStandings({ clock, free: (agentId) => 1 - (cache.record(agentId)?.load ?? 0) });
  undo.use(
    links.successions.onChange(({ subject, oldId, newId, undone }) => {
      if (subject !== "agent" || undone) return;
      standings.succeed(oldId, newId);
      // It is told anew under its new key.
      cache.drop(oldId);
    }),
  );
  const open = (bytes: Uint8Array) => openRecord(bytes, { network, engine, nowS: nowS(base) });
  let keeper: RecordKeeper | undefined;
  const registry = createRegistry({
    network,
    peerId: identity.peerId,
    clock,
    log: base.log.child("registry"),
    transport,
    dht: base.choice.dht,
    cache,
    equivocations: equivocationsOf(base, parts),
    own: () => ownRows(base, identity.peerId, rooms.agents),
    call: (nodeId, call, wait) => rooms.forwarder.call(nodeId, call, wait),
    greeted: () => greetedBy(links),
    peerRecord: (peerId) => links.introducer.recordOf(peerId),
    openPeerRecord: (text) => links.introducer.openRecord(text),
    settling: () => isSettling(base, links),
    open,
    banned: (subject) => bans.banned(subject),
    offence: (peer, code) => void bans.offence(peer, code),
    cost: (row) => standings.cost(row),
    onNamed: (fn) => links.onProvider(fn),
    notice: (hint) => links.supervisor.notice(hint),
    remembered: (word) => keeper?.remembered(word) ?? [],
    onLookUp: (scope, seconds) => metrics.histogram("registry_lookup_seconds", { scope }).observe(seconds),
  });
  keeper = undo.use(
    keepRecords({
      store,
      clock,
      open,
      take(record) {
        if (!bans.banned(record.agentId)) registry.take(record, false);
      },
      records: () => cache.records(),
      onFatal: parts.onFatal,
    }),
  );
  undo.use(takeRecords(base, links, registry));
  return { registry, standings };
}

function ownRows({ clock }: NodeBase, peerId: string, agents: AgentList): readonly AgentRow[] {
  const validUntil = Math.floor(clock.nowMs() / 1_000) + nodeLimits.recordValidS;
  return agents.seated().map(({ hosted }) => ({
    name: hosted.name,
    agentId: hosted.agentId,
    nodeId: peerId,
    address: `${peerId}:${hosted.name}`,
    capabilities: hosted.capabilities,
    presence: hosted.state === "ready" ? "live" : "suspect",
    local: true,
    confirmed: true,
    validUntil,
    protocols: ["mcp", "a2a", "plain"],
    eras: [],
  }));
}

/** Who signed two contents under one number is banned; the node it names has said nothing by that. */
function equivocationsOf({ clock, log }: NodeBase, { store, links, undo, onFatal }: RegistryParts) {
  const proofs = createEquivocations(clock, store.equivocations());
  undo.use(
    proofs.onAdd((proof) => {
      const { agentId, nodeId, seq } = proof;
      log.warn("registry.equivocation", `${agentId} signed two records ${seq}`, { agentId, nodeId });
      const evidence = Buffer.concat([proof.first, Buffer.from("\n"), proof.second]);
      if (!links.bans.banned(agentId)) links.bans.ban(agentId, "EQUIVOCATION", { evidence });
      try {
        store.saveEquivocation(proof, nodeLimits.equivocations);
      } catch (error) {
        onFatal(error);
      }
    }),
  );
  return proofs;
}

/** No link yet though there are ways to one, or a link whose hello is not over. */
function isSettling({ choice }: NodeBase, { transport, serve }: LinkRoom): boolean {
  if (transport.links().length === 0) return choice.bootstrap.length > 0 || choice.mdns;
  return serve.sessions().some((session) => session.agreement === undefined);
}

function greetedBy({ serve }: LinkRoom): readonly string[] {
  return serve
    .sessions()
    .filter(({ agreement }) => agreement !== undefined)
    .map(({ peerId }) => peerId);
}

/** What this node says of its agents. */
export function openAdvertiser(
  base: NodeBase,
  parts: RegistryParts,
  { agents, registry }: { readonly agents: AgentList; readonly registry: DistributedRegistry },
): Advertiser {
  const { clock, random, network, choice } = base;
  const { links, store, undo } = parts;
  const log = base.log.child("registry");
  const visible = () =>
    agents.seated().filter(({ hosted }) => hosted.access !== "private" && hosted.state === "ready");
  const teller = undo.use(
    createPeerTeller({ exchange: links.serve, log, records: () => advertiser.records() }),
  );
  undo.use(links.onHello((peerId) => teller.greet(peerId)));
  const words = createWordProvider({
    transport: links.transport,
    dht: choice.dht,
    clock,
    random,
    log,
    words: () => visible().flatMap(({ hosted }) => hosted.capabilities),
    keyOf: (word) => capabilityKey(network, word),
  });
  const advertiser: Advertiser = createAdvertiser({
    topic: topicOf(base),
    transport: links.transport,
    clock,
    random,
    log,
    words,
    agents: () => visible().map(({ hosted }) => advertisedOf(hosted)),
    known: () => registry.size,
    tellPeers: (record) => teller.tell(record),
    seal(agent, validS) {
      const seat = links.bindings.signerOf(agent.agentId);
      const inFlight = agents.get(agent.name)?.inFlight ?? 0;
      // Numbers follow wall time: also a node that lost its memory is not taken for an older self.
      const seq = store.nextSeq(`record ${agent.agentId}`, clock.nowMs());
      const { name, status, words: capabilities, claims, under } = agent;
      const told = { name, status, capabilities, claims, under, seq, validS };
      const load = { queueDepth: inFlight, load: Math.min(1, inFlight / SLOTS) };
      return sealRecord({ network, random, ...seat, nowS: nowS(base), ...told, ...load });
    },
  });
  const repeat = () => advertiser.repeat();
  undo.use(repeatOnce({ transport: links.transport, clock, random, repeat }));
  return advertiser;
}

function advertisedOf(hosted: ReturnType<AgentList["list"]>[number]): Advertised {
  const { name, agentId, capabilities, definition } = hosted;
  const { claims } = definition;
  return {
    name,
    agentId,
    words: capabilities,
    status: "available",
    claims: claimsOf(claims),
    under: claims?.capabilities,
  };
}

/** Calls by capability. */
export function openAnycast(
  base: NodeBase,
  { registry, standings }: RegistryRoom,
  parts: { readonly links: LinkRoom; readonly call: Router["call"] },
): Anycast {
  const { clock, random, metrics } = base;
  return createAnycast({
    registry,
    clock,
    random,
    standings,
    call: parts.call,
    reach: (nodeId, wait) => parts.links.reach(nodeId, wait),
    idempotentTools: new Set(base.idempotentTools),
    onTry: (result) => metrics.count("anycast_tries_total", { result }),
  });
}

/** Takes the records that linked peers tell of their own agents; the ladder has proven them and their binding. */
function takeRecords(base: NodeBase, { serve, bans }: LinkRoom, registry: DistributedRegistry): Disposable {
  return serve.handle("control", "capability_advertisement", (received) => {
    const record = readProven(received, canonicalBytes(received.message), nowS(base));
    if (bans.banned(record.agentId)) throw new ProtocolError("PEER_BANNED", "the agent's key is banned");
    registry.take(record, true);
    return Promise.resolve(undefined);
  });
}

/** Listens to others' records on gossip, and hears of each greeted peer's own. */
export function joinRegistry(base: NodeBase, links: LinkRoom, registry: DistributedRegistry): Disposable {
  const { network, engine, clock } = base;
  const log = base.log.child("registry");
  const stack = new DisposableStack();
  const end = new AbortController();
  stack.defer(() => end.abort());
  const late = createLateness(base.metrics, "capability");
  const records = recordTopic({
    network,
    engine,
    clock,
    known: (agentId) => registry.record(agentId),
    take(record) {
      registry.take(record, false);
      late(clock.nowMs() - (record.validUntil * 1_000 - record.lifeMs));
    },
  });
  const { successions } = links;
  const topic = withHandovers(records, { network, engine, clock, successions });
  stack.use(links.transport.join(topicOf(base), links.gossip.validator(topic)));
  stack.use(links.transport.on("mesh", () => links.handovers.publish()));
  const meet = (peerId: string): void => {
    const told = (error: unknown) => {
      const { code, message } = toProtocolError(error, "INTERNAL_ERROR");
      log.debug("registry.unasked", message, { peer: peerId, code });
    };
    registry.stir();
    links.handovers.publish();
    links.introducer.meet(peerId).catch(told);
    fetchAtGreeting(base, { links, registry, signal: end.signal }, peerId).catch(told);
  };
  stack.use(links.onGreeted(meet));
  // A transport listens before it has started: those who came in between are met now.
  for (const { peerId, agreement } of links.serve.sessions()) if (agreement !== undefined) meet(peerId);
  return stack;
}

/** Asks whoever did not tell; tries again while the link lives: at greeting both sides are often at their busiest. */
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
  if ((await rooms.registry.toldBy(peerId, rooms.signal)) || session.ended !== undefined) return;
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
  return Math.floor(base.clock.nowMs() / 1_000);
}
