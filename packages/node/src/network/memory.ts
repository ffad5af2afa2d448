/** The network seam without sockets: links, streams, gossip and provider records between nodes of one process. */

import assert from "node:assert/strict";
import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { allFailed, cutFailure, deniedFailure, DialCounts, type DialFailure } from "./dial-counts.ts";
import { MemoryGossip } from "./memory-gossip.ts";
import type { MemoryHub, MemoryStation } from "./memory-hub.ts";
import { MemoryLink } from "./memory-link.ts";
import { openMemoryRecord, sealMemoryRecord } from "./memory-record.ts";
import type { NetworkChoice, TransportContext } from "./network-choice.ts";
import { type NetworkEvents, networkEvents } from "./network-events.ts";
import type { NetworkSnapshot } from "./snapshot.ts";
import { StreamTable } from "./stream-table.ts";
import type { BoundedStream, StreamLimits } from "./stream-types.ts";
import type {
  Link,
  NetworkEvent,
  NetworkEventName,
  PeerHint,
  SignedHint,
  Transport,
  Verdict,
} from "./transport.ts";
import { waitFor } from "./waiting.ts";

/** How long a published message waits for a first subscriber. */
const PUBLISH_WAIT_MS = 3_000;
const SIGHT_MS = 300;
const PROVIDER_VALID_MS = 2 * 3_600_000;

export interface MemoryOptions {
  readonly hub: MemoryHub;
  readonly bootstrap?: readonly string[] | undefined;
  /** Do nodes of the hub sight each other on their own, as with multicast? Default false. */
  readonly mdns?: boolean | undefined;
}

/** The network without sockets, as a choice for `createNode`. */
export function memory(options: MemoryOptions): NetworkChoice {
  return {
    profile: "memory",
    bootstrap: options.bootstrap ?? [],
    mdns: options.mdns ?? false,
    dht: true,
    create: (context) => Promise.resolve(new MemoryTransport(options, context)),
  };
}

class MemoryTransport implements Transport, MemoryStation {
  readonly peerId: string;
  readonly sightsOthers: boolean;
  readonly gossip: MemoryGossip;
  readonly streams: StreamTable;
  readonly #hub: MemoryHub;
  readonly #clock: Clock;
  readonly #seed: Uint8Array;
  readonly #events: NetworkEvents;
  readonly #links = new Map<string, MemoryLink<MemoryTransport>>();
  readonly #dials = new DialCounts();
  readonly #bannedPeer: (peerId: string) => boolean;
  readonly #refused: Record<string, number> = {};
  #state: "new" | "started" | "stopped" = "new";

  constructor(options: MemoryOptions, context: TransportContext) {
    this.peerId = context.peerId;
    this.sightsOthers = options.mdns ?? false;
    this.#hub = options.hub;
    this.#clock = context.clock;
    this.#seed = context.seed;
    this.#bannedPeer = context.bannedPeer ?? (() => false);
    this.#events = networkEvents((error) => context.log.error("network-listener", String(error)));
    this.streams = new StreamTable({
      bounds: context.bounds,
      clock: context.clock,
      log: context.log,
      onActivity: (peerId) => this.#links.get(peerId)?.touch(),
    });
    this.gossip = new MemoryGossip({
      clock: context.clock,
      subscribers: (topic) => this.#subscribers(topic),
      send: (to, topic, data) => this.#gossipTo(to, topic, data),
    });
  }

  get started(): boolean {
    return this.#state === "started";
  }

  addresses(): readonly string[] {
    return this.started ? [this.#hub.inner.addressOf(this.peerId)] : [];
  }

  start(): Promise<void> {
    assert(this.#state === "new", "a transport starts once");
    this.#state = "started";
    this.#hub.inner.enter(this);
    this.#events.emit("addresses", {});
    // As with multicast, others are heard of a moment later.
    if (this.sightsOthers) this.#clock.timer(SIGHT_MS, () => this.#hub.inner.announce(this));
    return Promise.resolve();
  }

  stop(_options: { readonly deadlineMs: number }): Promise<void> {
    if (this.#state === "started") {
      for (const peerId of this.#links.keys()) this.cutFrom(peerId, "stopped");
      this.#hub.inner.leave(this);
    }
    this.#state = "stopped";
    return Promise.resolve();
  }

  links(): readonly Link[] {
    return [...this.#links.values()].map((link) => link.seenFrom(this.peerId));
  }

  async dial(
    to: { readonly peerId?: string | undefined; readonly addresses: readonly string[] },
    wait: Wait,
  ): Promise<Link> {
    assert(this.started, "dial needs a started transport");
    const known = to.peerId === undefined ? undefined : this.#links.get(to.peerId);
    if (known !== undefined) return known.seenFrom(this.peerId);
    const own = to.peerId === undefined ? [] : [this.#hub.inner.addressOf(to.peerId)];
    const attempts: { address: string; reason: string }[] = [];
    for (const address of to.addresses.length > 0 ? to.addresses : own) {
      await this.#travel(wait);
      const reached = this.#reach(address, to.peerId);
      const failure = "result" in reached ? reached : undefined;
      const peerId = this.#hub.inner.peerAt(address);
      const result = failure?.result ?? "linked";
      this.#dials.add({ result, peerId, address, nowMs: this.#clock.nowMs() });
      if (!("result" in reached)) {
        this.#dials.held(reached.peerId);
        return this.#linkWith(reached).seenFrom(this.peerId);
      }
      attempts.push({ address, reason: reached.reason });
    }
    throw allFailed(attempts);
  }

  hangUp(peerId: string, reason: string): Promise<void> {
    this.cutFrom(peerId, reason);
    return Promise.resolve();
  }

  async open(peerId: string, protocol: string, wait: Wait): Promise<BoundedStream> {
    const link = this.#links.get(peerId);
    if (link === undefined) throw new ProtocolError("PEER_UNREACHABLE", "no link to this peer");
    using place = this.streams.reserve(peerId, protocol);
    await this.#travel(wait, peerId);
    if (this.#links.get(peerId) !== link) throw new ProtocolError("STREAM_RESET", "the link went");
    const other = link.other(this.peerId);
    if (!other.streams.answers(protocol)) {
      throw new ProtocolError("PROTOCOL_UNSUPPORTED", `the peer does not answer ${protocol}`);
    }
    const pipe = link.openPipe(this.peerId, protocol);
    const stream = place.opened(pipe.opener);
    link.deliver(this.peerId, () => other.streams.accept(pipe.answerer, link.seenFrom(other.peerId)));
    return stream;
  }

  handle(
    protocol: string,
    limits: StreamLimits,
    on: (stream: BoundedStream, from: Link) => void,
  ): Disposable {
    return this.streams.handle(protocol, limits, on);
  }

  join(topic: string, validate: (from: string, data: Uint8Array) => Promise<Verdict>): Disposable {
    assert(!this.gossip.topics.has(topic), `${topic} is joined already`);
    this.gossip.topics.set(topic, validate);
    for (const link of this.#links.values()) this.#tellMesh(link.other(this.peerId), topic);
    return { [Symbol.dispose]: () => this.gossip.topics.delete(topic) };
  }

  async publish(topic: string, data: Uint8Array): Promise<{ readonly recipients: number }> {
    if (this.#links.size > 0 && this.#subscribers(topic).length === 0) await this.#firstSubscriber(topic);
    return { recipients: this.gossip.publish(topic, data) };
  }

  async provide(key: Uint8Array, wait: Wait): Promise<void> {
    await this.#travel(wait);
    this.#needLinks();
    const { providers } = this.#hub.inner;
    const name = Buffer.from(key).toString("hex");
    const known = providers.get(name) ?? new Map<string, number>();
    providers.set(name, known.set(this.peerId, this.#clock.nowMs() + PROVIDER_VALID_MS));
  }

  withdraw(key: Uint8Array): Promise<void> {
    this.#hub.inner.providers.get(Buffer.from(key).toString("hex"))?.delete(this.peerId);
    return Promise.resolve();
  }

  async *providers(key: Uint8Array, wait: Wait): AsyncIterable<PeerHint> {
    await this.#travel(wait);
    this.#needLinks();
    const known = this.#hub.inner.providers.get(Buffer.from(key).toString("hex")) ?? [];
    for (const [peerId, untilMs] of known) {
      if (untilMs < this.#clock.nowMs() || !this.#hub.reachable(this.peerId, peerId)) continue;
      yield { peerId, addresses: [this.#hub.inner.addressOf(peerId)] };
    }
  }

  async findPeer(peerId: string, wait: Wait): Promise<PeerHint> {
    await this.#travel(wait);
    this.#needLinks();
    const found = this.#hub.stations.has(peerId) && this.#hub.reachable(this.peerId, peerId);
    if (!found) throw new ProtocolError("PEER_NOT_FOUND", "no address is known for this peer");
    return { peerId, addresses: [this.#hub.inner.addressOf(peerId)] };
  }

  /** What a walk through the DHT shows: whom our neighbours are linked with. */
  async explore(wait: Wait): Promise<void> {
    await this.#travel(wait);
    for (const link of this.#links.values()) this.#sightThrough(link.other(this.peerId));
  }

  peerRecord(): Promise<Uint8Array> {
    const hint = { peerId: this.peerId, addresses: this.addresses(), seq: this.#clock.nowMs() };
    return Promise.resolve(sealMemoryRecord(this.#seed, hint));
  }

  async openPeerRecord(record: Uint8Array): Promise<SignedHint> {
    return await Promise.resolve(openMemoryRecord(record));
  }

  async ping(peerId: string, wait: Wait): Promise<number> {
    const link = this.#links.get(peerId);
    if (link === undefined) throw new ProtocolError("PEER_UNREACHABLE", "no link to this peer");
    const startMs = this.#clock.monotonicMs();
    await this.#travel(wait, peerId);
    link.touch();
    return this.#clock.monotonicMs() - startMs;
  }

  on(event: NetworkEventName, fn: (event: NetworkEvent) => void): Disposable {
    return this.#events.on(event, fn);
  }

  snapshot(): NetworkSnapshot {
    return {
      links: this.#links.size,
      connections: this.#links.size,
      topics: [...this.gossip.topics.keys()].map((topic) => {
        const subscribers = this.#subscribers(topic).length;
        return { topic, meshPeers: subscribers, subscribers };
      }),
      dhtTablePeers: this.#links.size,
      streamsOpen: this.streams.streams,
      unreadBytes: this.streams.unreadBytes(),
      refused: { ...this.streams.refused, ...this.#refused },
      streamsByProtocol: this.streams.byProtocol(),
      streamResets: this.streams.resets(),
      streamResetPeers: this.streams.resetPeers(),
      dials: this.#dials.ended(),
      cutDials: this.#dials.cut(),
      crowds: [],
      dht: {
        mode: "server",
        learns: "all",
        tablePeers: this.#links.size,
        ownAddresses: this.addresses().length,
      },
      multicast: null,
      reach: null,
    };
  }

  sighted(hint: PeerHint): void {
    if (hint.peerId !== this.peerId) this.#events.emit("sighted", hint);
  }

  cutFrom(peerId: string, reason: string): void {
    const link = this.#links.get(peerId);
    if (link === undefined) return;
    this.#links.delete(peerId);
    link.cut();
    this.#events.emit("unlink", { peerId, reason });
    link.other(this.peerId).cutFrom(this.peerId, reason);
  }

  /** The station behind an address, or why it cannot be reached. */
  #reach(address: string, wanted: string | undefined): MemoryTransport | DialFailure {
    const peerId = this.#hub.inner.peerAt(address);
    const station = peerId === undefined ? undefined : this.#hub.stations.get(peerId);
    if (station === undefined) return { result: "refused", reason: "connection refused" };
    if (station.peerId === this.peerId) {
      return { result: "own-address", reason: "the address is our own" };
    }
    if (!this.#hub.reachable(this.peerId, station.peerId)) return { result: "no-route", reason: "no route" };
    const named = /\/p2p\/([^/]+)$/u.exec(address)?.[1] ?? wanted;
    if (named !== undefined && named !== station.peerId) {
      return { result: "wrong-peer", reason: `another peer answers: ${station.peerId}` };
    }
    if (this.#hub.inner.chance("dialFailPercent")) return { result: "failed", reason: "connection reset" };
    const other = station as MemoryTransport;
    if (this.#isBanned(other.peerId)) return deniedFailure;
    return other.#isBanned(this.peerId) ? cutFailure : other;
  }

  #isBanned(peerId: string): boolean {
    if (!this.#bannedPeer(peerId)) return false;
    this.#refused["banned-peer"] = (this.#refused["banned-peer"] ?? 0) + 1;
    return true;
  }

  #linkWith(other: MemoryTransport): MemoryLink<MemoryTransport> {
    const known = this.#links.get(other.peerId);
    if (known !== undefined) return known;
    const link = new MemoryLink({ dialer: this, answerer: other, clock: this.#clock, hub: this.#hub });
    this.#links.set(other.peerId, link);
    other.#links.set(this.peerId, link);
    for (const [one, two] of [[this, other] as const, [other, this] as const]) {
      one.#events.emit("link", { peerId: two.peerId, addresses: two.addresses() });
      one.#sightThrough(two);
      for (const topic of one.gossip.topics.keys()) one.#tellMesh(two, topic);
    }
    return link;
  }

  #sightThrough(neighbour: MemoryTransport): void {
    for (const peerId of neighbour.#links.keys()) {
      this.sighted({ peerId, addresses: [this.#hub.inner.addressOf(peerId)] });
    }
  }

  #tellMesh(other: MemoryTransport, topic: string): void {
    if (!other.gossip.topics.has(topic)) return;
    this.#events.emit("mesh", { peerId: other.peerId, topic });
    other.#events.emit("mesh", { peerId: this.peerId, topic });
  }

  #subscribers(topic: string): readonly string[] {
    return [...this.#links.keys()].filter((peerId) => {
      const other = this.#links.get(peerId)?.other(this.peerId);
      return other?.gossip.topics.has(topic) === true;
    });
  }

  async #firstSubscriber(topic: string): Promise<void> {
    const found = waitFor<void>(this.#clock, { timeoutMs: PUBLISH_WAIT_MS }, (waiter) => {
      const listener = this.on("mesh", (event) => {
        if (event.topic === topic || this.#subscribers(topic).length > 0) waiter.resolve();
      });
      return () => listener[Symbol.dispose]();
    });
    await found.catch(() => undefined);
  }

  #gossipTo(to: string, topic: string, data: Uint8Array): void {
    const link = this.#links.get(to);
    if (link === undefined || this.#hub.inner.chance("lossPercent")) return;
    const other = link.other(this.peerId);
    const copies = this.#hub.inner.chance("duplicatePercent") ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      link.deliver(this.peerId, () => {
        link.touch();
        void other.gossip.receive(this.peerId, topic, data.slice());
      });
    }
  }

  #needLinks(): void {
    if (this.#links.size === 0) throw new ProtocolError("DHT_FAILED", "no peer to ask");
  }

  /** The time one hop takes; for ever when the peer, or we, are mute. */
  async #travel(wait: Wait, to?: string): Promise<void> {
    const { inner } = this.#hub;
    const delayMs = inner.delayMs();
    const lost = inner.isMute(this.peerId) || (to !== undefined && inner.isMute(to));
    await waitFor<undefined>(this.#clock, wait, (waiter) => {
      if (lost) return undefined;
      if (delayMs === 0) {
        waiter.resolve(undefined);
        return undefined;
      }
      const timer = this.#clock.timer(delayMs, () => waiter.resolve(undefined));
      return () => timer[Symbol.dispose]();
    });
  }
}
