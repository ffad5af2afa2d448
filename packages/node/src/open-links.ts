/** Transport, gate and link room of a node, wired: from here on it can be linked and greeted. */

import { agentIdFromPeerId, loadCodecs, type ProtocolError } from "@gridmesh/protocol";
import { kindOf } from "./gate/addresses.ts";
import type { Bans } from "./gate/admit.ts";
import { createPacer, type Pacer } from "./gate/pace.ts";
import { featuresOf } from "./hello-offer.ts";
import { startAlerts, trusting } from "./link/alerts.ts";
import { createExtensions, type Extensions } from "./link/extensions.ts";
import { type HandoverTeller, provenHandover, startHandovers } from "./link/handovers.ts";
import { type HealthWatch, watchHealth } from "./link/health.ts";
import { type Heartbeats, startHeartbeats } from "./link/heartbeat.ts";
import { startGreeter } from "./link/hello.ts";
import { type Introducer, startIntroducer } from "./link/introduce.ts";
import { createReach, type Reach } from "./link/reach.ts";
import { createStrangers, type Strangers } from "./link/strangers.ts";
import { createSuccessions, type Successions } from "./link/successions.ts";
import {
  createSupervisor,
  type KnownPeerRow,
  type KnownPeerStore,
  knownPeers,
  profiles,
  type Supervisor,
  type Transport,
} from "./network/index.ts";
import type { Clock } from "./clock.ts";
import type { HomeKeys } from "./home-keys.ts";
import { nodeLimits } from "./limits.ts";
import { TimerSet } from "./network/timer-set.ts";
import type { PeerHint } from "./network/transport.ts";
import type { NodeBase } from "./node-options.ts";
import { type GateHooks, type GateRoom, openGate } from "./open-gate.ts";
import { Serve } from "./serve.ts";
import type { StateStore } from "./store/types.ts";

export interface LinkRoom extends Omit<GateRoom, "verifier" | "meter"> {
  readonly transport: Transport;
  readonly supervisor: Supervisor;
  readonly serve: Serve;
  readonly pacer: Pacer;
  readonly extensions: Extensions;
  readonly reach: Reach;
  readonly heartbeats: Heartbeats;
  readonly health: HealthWatch;
  readonly introducer: Introducer;
  readonly strangers: Strangers;
  readonly successions: Successions;
  readonly handovers: HandoverTeller;
  /** Told of each peer once both sides have greeted. */
  onGreeted(fn: (peerId: string) => void): Disposable;
  /** Told of each hello that is over, also that of a control stream opened anew. */
  onHello(fn: (peerId: string) => void): Disposable;
  /** Told of each peer that somebody named as a provider of a capability. */
  onProvider(fn: (hint: PeerHint, capability: string) => void): Disposable;
}

/** What the link room asks of the rooms above it. */
export interface LinkHooks extends GateHooks {
  readonly keys: HomeKeys;
  /** Searchable words of the node's agents. */
  readonly words: () => readonly string[];
  readonly status: () => "healthy" | "draining";
  /** Calls under way. */
  readonly active: () => number;
  /** Trades settled with a peer, as standing: at most ten. */
  readonly settledWith: (peerId: string) => number;
}

/** Slots a heartbeat counts: what one peer may have under way here. */
const CAPACITY = 64;
const OTHER_NETWORK_MS = 600_000;
const SILENT_MS = 60_000;
const PROTOCOLS = ["/gridmesh/control/1", "/gridmesh/rpc/1", "/gridmesh/trade/1", "/gridmesh/beckn/1"];

/** Makes and wires the parts; nothing is dialled yet. Undo is added to `undo` in order. */
export async function openLinks(
  base: NodeBase,
  hooks: LinkHooks,
  undo: AsyncDisposableStack,
): Promise<LinkRoom> {
  const { network, clock, random, log } = base;
  const { identity, store } = hooks;
  const gate = openGate(base, hooks, undo);
  const { bans, rates, nonces, gossip, bindings } = gate;
  const transport = await openTransport(base, hooks, bans);
  const supervisor = openSupervisor(base, store, transport);
  const reach = createReach({ transport, clock, bans, connect: (to, wait) => supervisor.reach(to, wait) });
  const extensions = createExtensions(() => nonces.flush());
  const isTrusted = trusting(base.trustedAlerts);
  const onStuck = (to: string) => void transport.hangUp(to, "OVERLOADED");
  const pacer = createPacer(clock, { allowed: base.messageRates, onStuck });
  const serve = undo.use(
    new Serve({
      ...gate,
      network,
      transport,
      clock,
      random,
      log: log.child("serve"),
      signer: identity.signer,
      pacer,
      reach,
      extensions,
      isTrusted,
      codecs: await loadCodecs(featuresOf(base.offer)),
      version: base.offer.preferred_version,
    }),
  );
  undo.use(leaveBanned(bans, { transport, supervisor, clock }));
  undo.use(
    startAlerts({
      exchange: serve,
      extensions,
      bans,
      signer: identity.signer,
      clock,
      log: log.child("link"),
      isTrusted,
    }),
  );
  const successions = openSuccessions(base, hooks, { bans, supervisor, undo });
  const own = { transport, supervisor, serve, pacer, extensions, reach, successions };
  const parts = { ...own, bans, rates, nonces, gossip, bindings };
  const topic = `gridmesh/${network}/capability`;
  const told = { exchange: serve, transport, successions, own: hooks.keys.handovers, topic };
  const handovers = undo.use(startHandovers({ ...told, log: log.child("link") }));
  const talk = startTalk(base, hooks, { ...own, undo });
  undo.use(talk.onHello((peerId) => handovers.greet(peerId)));
  return { ...parts, ...talk, handovers };
}

/** Handovers of others, and the own ones among them: whoever signs a rival of those is met too. */
function openSuccessions(
  base: NodeBase,
  { store, keys, onFatal }: LinkHooks,
  { bans, supervisor, undo }: Pick<LinkRoom, "bans" | "supervisor"> & { readonly undo: AsyncDisposableStack },
): Successions {
  const { network, engine, clock } = base;
  const log = base.log.child("link");
  const isRelied = (peer: string) =>
    supervisor.peers().some(({ peerId, peerClass }) => peerId === peer && peerClass !== "neighbour");
  const by = { network, engine, store, clock, log, bans, onFatal, isRelied };
  const successions = undo.use(createSuccessions(by));
  for (const handover of keys.handovers) successions.take(provenHandover(handover));
  return successions;
}

function openTransport(base: NodeBase, hooks: LinkHooks, bans: Bans): Promise<Transport> {
  const { choice, network, clock, random, log } = base;
  const { peerId, seed } = hooks.identity;
  return choice.create({
    seed,
    peerId,
    network,
    clock,
    random,
    log: log.child("network"),
    bounds: base.streams,
    bannedPeer: (id) => bans.banned(id),
    bannedIp: (ip) => bans.bannedIp(ip),
    onFlood: (ip) => bans.flood(ip),
    standing: (id) => hooks.settledWith(id) - bans.points(id),
  });
}

function openSupervisor(base: NodeBase, store: StateStore, transport: Transport): Supervisor {
  const { choice, clock, random, log, links } = base;
  const profile = profiles[choice.profile];
  return createSupervisor({
    transport,
    clock,
    random,
    log: log.child("network"),
    bootstrap: choice.bootstrap,
    staticPeers: links.static,
    knownPeers: knownPeers({ store: peerStore(store), clock }),
    minLinks: links.min,
    targetLinks: links.target,
    maxLinks: choice.maxLinks ?? profile.maxLinks,
    learnsPrivate: profile.privateAddresses,
  });
}

/** A banned peer is left for as long as its ban lasts, however it came; one whose ban was lifted is not. */
function leaveBanned(
  bans: Bans,
  { transport, supervisor, clock }: Pick<LinkRoom, "transport" | "supervisor"> & { readonly clock: Clock },
): Disposable {
  const stack = new DisposableStack();
  const timers = stack.use(new TimerSet(clock));
  const leave = (peerId: string) => {
    if (!bans.banned(peerId)) return;
    void supervisor.park(peerId, bans.left(peerId).data.retry_after_ms, "banned");
  };
  stack.use(transport.on("link", ({ peerId }) => void (peerId === undefined || leave(peerId))));
  stack.use(
    bans.onChange((subject, ban) => {
      if (kindOf(subject) !== "peer") return;
      if (ban === undefined) void supervisor.park(subject, 0, "no longer banned");
      // Whoever is banned for a message is told so first.
      else timers.after(2 * nodeLimits.errorFlushMs, () => leave(subject));
    }),
  );
  return stack;
}

type Talk = Pick<
  LinkRoom,
  "heartbeats" | "health" | "introducer" | "strangers" | "onGreeted" | "onHello" | "onProvider"
>;

interface TalkParts extends Pick<LinkRoom, "transport" | "supervisor" | "serve" | "successions"> {
  readonly undo: AsyncDisposableStack;
}

/** Hello, heartbeats and introductions with whoever is linked. */
function startTalk(base: NodeBase, hooks: LinkHooks, parts: TalkParts): Talk {
  const { network, clock, random } = base;
  const { transport, supervisor, serve, successions, undo } = parts;
  const { signer, peerId } = hooks.identity;
  const { nextKeyHash } = hooks.keys;
  const greeted = new Set<(peerId: string) => void>();
  const helloed = new Set<(peerId: string) => void>();
  const named = new Set<(hint: PeerHint, capability: string) => void>();
  const strangers = createStrangers(clock);
  const isAnchor = (to: string) => supervisor.state().anchors.some((anchor) => anchor.peerId === to);
  const log = base.log.child("link");
  const introducer = undo.use(
    startIntroducer({
      network,
      peerId,
      transport,
      exchange: serve,
      signer,
      clock,
      words: hooks.words,
      protocols: PROTOCOLS,
      tellsPrivate: profiles[base.choice.profile].privateAddresses,
      isDraining: () => hooks.status() === "draining",
      isAnchor,
      onHint: (hint) => supervisor.introduce(hint),
      onProvider: (...told) => named.forEach((fn) => fn(...told)),
    }),
  );
  const onForeign = (stranger: string, error: ProtocolError) => {
    if (error.code === "NETWORK_MISMATCH") strangers.met(stranger, error.message);
    // Busy, banned for a while, late: another time it may be willing.
    const mayChange = error.code === "HELLO_REQUIRED" || error.retryable;
    const parkMs = mayChange ? SILENT_MS : OTHER_NETWORK_MS;
    void supervisor.park(stranger, parkMs, error.code);
  };
  const onGreeted = (session: { readonly peerId: string }) => {
    strangers.forget(session.peerId);
    for (const fn of greeted) fn(session.peerId);
  };
  const onHello = (session: { readonly peerId: string }) => helloed.forEach((fn) => fn(session.peerId));
  const onPromise = (of: string, hash: string) => successions.promise(agentIdFromPeerId(of), hash);
  const keeps = (to: string) => base.links.allowForeign === true || isAnchor(to);
  const told = { nextKeyHash, onPromise, onGreeted, onHello, onForeign, keeps };
  undo.use(startGreeter({ offer: base.offer, transport, exchange: serve, signer, clock, log, ...told }));
  const state = () => loadOf(hooks);
  const heartbeats = undo.use(startHeartbeats({ exchange: serve, signer, clock, random, state }));
  const health = undo.use(watchHealth({ clock, sessions: () => serve.sessions() }));
  return {
    heartbeats,
    health,
    introducer,
    strangers,
    onGreeted: (fn) => listenIn(greeted, fn),
    onHello: (fn) => listenIn(helloed, fn),
    onProvider: (fn) => listenIn(named, fn),
  };
}

/** What a heartbeat says of this node. */
function loadOf(hooks: LinkHooks) {
  const active = hooks.active();
  return { status: hooks.status(), active, free: Math.max(0, 1 - active / CAPACITY) };
}

function listenIn<T>(listeners: Set<T>, fn: T): Disposable {
  listeners.add(fn);
  return { [Symbol.dispose]: () => listeners.delete(fn) };
}

function peerStore(store: StateStore): KnownPeerStore {
  return {
    load: () => Promise.resolve(store.peers() as readonly KnownPeerRow[]),
    save(rows) {
      store.savePeers(rows);
      return Promise.resolve();
    },
  };
}
