/** The network seam over libp2p. */

import assert from "node:assert/strict";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { ProtocolError } from "@gridmesh/protocol";
import type { Wait } from "../../clock.ts";
import type { TransportContext } from "../network-choice.ts";
import { type NetworkEvents, networkEvents } from "../network-events.ts";
import type { NetworkProfile } from "../profiles.ts";
import type { NetworkSnapshot } from "../snapshot.ts";
import { StreamTable } from "../stream-table.ts";
import type { BoundedStream, StreamLimits } from "../stream-types.ts";
import type {
  Link,
  NetworkEvent,
  NetworkEventName,
  PeerHint,
  SignedHint,
  Transport,
  Verdict,
} from "../transport.ts";
import { waitSignal } from "../waiting.ts";
import { type Dht, dhtOver } from "./dht.ts";
import { describe, dialReason } from "./dial-errors.ts";
import { Gater } from "./gater.ts";
import { type Gossip, gossipOver } from "./gossip.ts";
import { GuardedDatastore } from "./guarded-datastore.ts";
import { LinkTable } from "./links.ts";
import { createLibp2pNode, type Services } from "./options.ts";
import { openPeerRecord, sealPeerRecord } from "./peer-record.ts";
import { linkOf, rawStream } from "./streams.ts";

export interface TransportSettings {
  readonly profile: NetworkProfile;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly mdns: boolean;
  readonly dht: "auto" | "server" | "client" | undefined;
}

export async function createLibp2pTransport(
  settings: TransportSettings,
  context: TransportContext,
): Promise<Transport> {
  const { clock, log } = context;
  const events = networkEvents((error) => log.error("network-listener", describe(error)));
  const links = new LinkTable(clock);
  const gater = new Gater({
    profile: settings.profile,
    monotonicMs: () => clock.monotonicMs(),
    inbound: () =>
      links
        .connections()
        .filter(({ direction }) => direction === "inbound")
        .map(({ remoteAddr }) => remoteAddr),
  });
  const datastore = new GuardedDatastore();
  const onSighted = (hint: PeerHint) => {
    if (hint.peerId !== context.peerId && hint.addresses.length > 0) events.emit("sighted", hint);
  };
  const node = await createLibp2pNode({
    ...settings,
    seed: context.seed,
    network: context.network,
    gater,
    datastore,
    onSighted,
  });
  assert.equal(node.peerId.toString(), context.peerId, "the seed and the PeerId belong together");
  const gossip = gossipOver({
    service: node.services.pubsub,
    clock,
    hasLinks: () => links.size > 0,
    onMessage: (from) => links.touch(from),
    emitMesh: (event) => events.emit("mesh", event),
  });
  const service = node.services.dht;
  const dht =
    service === undefined ? undefined : dhtOver({ service, peerId: context.peerId, clock, gater, onSighted });
  return new Libp2pTransport({ context, node, events, links, gater, datastore, gossip, dht });
}

interface TransportParts {
  readonly context: TransportContext;
  readonly node: Libp2p<Services>;
  readonly events: NetworkEvents;
  readonly links: LinkTable;
  readonly gater: Gater;
  readonly datastore: GuardedDatastore;
  readonly gossip: Gossip;
  readonly dht: Dht | undefined;
}

class Libp2pTransport implements Transport {
  readonly peerId: string;
  readonly #parts: TransportParts;
  readonly #streams: StreamTable;
  /** Why a link goes, when we know before it does. */
  readonly #reasons = new Map<string, string>();

  constructor(parts: TransportParts) {
    this.#parts = parts;
    this.peerId = parts.context.peerId;
    this.#streams = new StreamTable({
      clock: parts.context.clock,
      log: parts.context.log,
      onActivity: (peerId) => parts.links.touch(peerId),
    });
    parts.node.addEventListener("connection:open", ({ detail }) => this.#onOpen(detail));
    parts.node.addEventListener("connection:close", ({ detail }) => this.#onClose(detail));
    let told = "";
    parts.node.addEventListener("self:peer:update", () => {
      // The event also comes for protocols; only addresses matter here.
      const addresses = this.addresses().join(" ");
      if (addresses !== told) parts.events.emit("addresses", {});
      told = addresses;
    });
  }

  addresses(): readonly string[] {
    return this.#parts.node.getMultiaddrs().map((address) => address.toString());
  }

  async start(): Promise<void> {
    try {
      await this.#parts.node.start();
    } catch (error) {
      const inUse = /EADDRINUSE/u.test(describe(error));
      throw new ProtocolError(
        inUse ? "PORT_IN_USE" : "CONFIG_INVALID",
        inUse ? "another program listens on this port" : "the node cannot listen",
        { cause: error },
      );
    }
  }

  async stop(options: { readonly deadlineMs: number }): Promise<void> {
    const { node, links, context } = this.#parts;
    const late = Promise.withResolvers<"late">();
    using _ = context.clock.timer(options.deadlineMs, () => late.resolve("late"));
    const stopped = (async () => {
      await node.stop();
    })().catch((error: unknown) => context.log.warn("stop", describe(error)));
    if ((await Promise.race([stopped, late.promise])) !== "late") return;
    context.log.warn("stop-forced", "the network did not stop in time: its connections are destroyed");
    for (const connection of links.connections()) connection.abort(new Error("stopped"));
  }

  links(): readonly Link[] {
    return this.#parts.links.all();
  }

  async dial(
    to: { readonly peerId?: string | undefined; readonly addresses: readonly string[] },
    wait: Wait,
  ): Promise<Link> {
    const known = to.peerId === undefined ? undefined : this.#parts.links.link(to.peerId);
    if (known !== undefined) return known;
    using limit = waitSignal(this.#parts.context.clock, wait);
    const attempts: { address: string; reason: string }[] = [];
    for (const address of await this.#addressesOf(to)) {
      const reached = await this.#dialOne(address, to.peerId, limit.signal);
      if (typeof reached !== "string") return reached;
      attempts.push({ address, reason: reached });
      if (limit.signal.aborted) break;
    }
    throw new ProtocolError("PEER_UNREACHABLE", "every address failed", { data: { attempts } });
  }

  async hangUp(peerId: string, reason: string): Promise<void> {
    const { links, context } = this.#parts;
    this.#reasons.set(peerId, reason);
    using limit = waitSignal(context.clock, { timeoutMs: 1_000 });
    await Promise.all(
      links.connections(peerId).map(async (connection) => {
        // A graceful close would tell the other side an end that our streams never had.
        for (const stream of connection.streams) stream.abort(new Error(reason));
        try {
          await connection.close({ signal: limit.signal });
        } catch {
          connection.abort(new Error(reason));
        }
      }),
    );
    this.#reasons.delete(peerId);
  }

  async open(peerId: string, protocol: string, wait: Wait): Promise<BoundedStream> {
    const connection = this.#parts.links.connectionTo(peerId);
    if (connection === undefined) throw new ProtocolError("PEER_UNREACHABLE", "no link to this peer");
    using place = this.#streams.reserve(peerId, protocol);
    using limit = waitSignal(this.#parts.context.clock, { timeoutMs: 10_000, ...wait });
    const { maxInboundPerPeer, relayed } = this.#streams.limitsOf(protocol);
    let stream: Stream;
    try {
      stream = await connection.newStream(protocol, {
        signal: limit.signal,
        maxOutboundStreams: 2 * maxInboundPerPeer,
        runOnLimitedConnection: relayed,
      });
    } catch (error) {
      throw openFailure(error, limit.signal);
    }
    return place.opened(rawStream(stream));
  }

  handle(
    protocol: string,
    limits: StreamLimits,
    on: (stream: BoundedStream, from: Link) => void,
  ): Disposable {
    const { node, context } = this.#parts;
    const held = this.#streams.handle(protocol, limits, on);
    const failed = (error: unknown) => context.log.error("handle", describe(error), { protocol });
    const onStream = (stream: Stream, connection: Connection) => {
      this.#streams.accept(rawStream(stream), this.#linkOf(connection));
    };
    node
      .handle(protocol, onStream, {
        maxInboundStreams: 2 * limits.maxInboundPerPeer,
        maxOutboundStreams: 2 * limits.maxInboundPerPeer,
        runOnLimitedConnection: limits.relayed,
      })
      .catch(failed);
    return {
      [Symbol.dispose]() {
        held[Symbol.dispose]();
        node.unhandle(protocol).catch(failed);
      },
    };
  }

  join(topic: string, validate: (from: string, data: Uint8Array) => Promise<Verdict>): Disposable {
    return this.#parts.gossip.join(topic, validate);
  }

  publish(topic: string, data: Uint8Array): Promise<{ readonly recipients: number }> {
    return this.#parts.gossip.publish(topic, data);
  }

  async provide(key: Uint8Array, wait: Wait): Promise<void> {
    await this.#dht().provide(key, wait);
  }

  async withdraw(key: Uint8Array): Promise<void> {
    await this.#dht().withdraw(key);
  }

  async *providers(key: Uint8Array, wait: Wait): AsyncIterable<PeerHint> {
    yield* this.#dht().providers(key, wait);
  }

  async findPeer(peerId: string, wait: Wait): Promise<PeerHint> {
    return await this.#dht().findPeer(peerId, wait);
  }

  async explore(wait: Wait): Promise<void> {
    await this.#parts.dht?.explore(wait);
  }

  async peerRecord(): Promise<Uint8Array> {
    const { node, context } = this.#parts;
    const key = await generateKeyPairFromSeed("Ed25519", context.seed);
    return await sealPeerRecord(key, node.getMultiaddrs(), context.clock.nowMs());
  }

  openPeerRecord(record: Uint8Array): Promise<SignedHint> {
    return openPeerRecord(record);
  }

  async ping(peerId: string, wait: Wait): Promise<number> {
    const { links, node, context } = this.#parts;
    if (links.connectionTo(peerId) === undefined) {
      throw new ProtocolError("PEER_UNREACHABLE", "no link to this peer");
    }
    using limit = waitSignal(context.clock, wait);
    try {
      const ms = await node.services.ping.ping(peerIdFromString(peerId), { signal: limit.signal });
      links.touch(peerId);
      return ms;
    } catch (error) {
      throw openFailure(error, limit.signal);
    }
  }

  on(event: NetworkEventName, fn: (event: NetworkEvent) => void): Disposable {
    return this.#parts.events.on(event, fn);
  }

  snapshot(): NetworkSnapshot {
    const { links, gossip, dht, gater, datastore } = this.#parts;
    const refusedByDht = Object.entries(datastore.refused).map(([rule, count]) => [`dht-${rule}`, count]);
    return {
      links: links.size,
      topics: gossip.topics(),
      dhtTablePeers: dht?.tablePeers ?? null,
      streamsOpen: this.#streams.streams,
      unreadBytes: this.#streams.unreadBytes(),
      refused: { ...gater.refused, ...this.#streams.refused, ...Object.fromEntries(refusedByDht) },
      streamsByProtocol: {},
      streamResets: {},
      dials: {},
      cutDials: [],
      crowds: [],
      dht: null,
      multicast: null,
      reach: null,
    };
  }

  #dht(): Dht {
    const { dht } = this.#parts;
    if (dht === undefined) throw new ProtocolError("DHT_FAILED", "this node runs without the DHT");
    return dht;
  }

  #linkOf(connection: Connection): Link {
    const nowMs = this.#parts.context.clock.nowMs();
    return (
      this.#parts.links.link(connection.remotePeer.toString()) ??
      linkOf(connection, { openedAtMs: nowMs, lastByteMs: nowMs })
    );
  }

  #onOpen(connection: Connection): void {
    const { links, gater, events } = this.#parts;
    if (connection.direction === "inbound") gater.opened(connection.remoteAddr);
    const address = connection.remoteAddr.toString();
    const peerId = connection.remotePeer.toString();
    if (links.add(connection)) events.emit("link", { peerId, addresses: [address] });
  }

  #onClose(connection: Connection): void {
    const peerId = connection.remotePeer.toString();
    if (!this.#parts.links.remove(connection)) return;
    const reason = this.#reasons.get(peerId) ?? "closed";
    this.#parts.events.emit("unlink", { peerId, reason });
  }

  /** The addresses to try, in order; those libp2p knows when none were given. */
  async #addressesOf(to: {
    readonly peerId?: string | undefined;
    readonly addresses: readonly string[];
  }): Promise<readonly string[]> {
    if (to.addresses.length > 0 || to.peerId === undefined) return to.addresses;
    const known = await this.#parts.node.peerStore.get(peerIdFromString(to.peerId)).catch(() => undefined);
    const addresses = (known?.addresses ?? []).map((address) => address.multiaddr.toString());
    if (addresses.length === 0)
      throw new ProtocolError("PEER_NOT_FOUND", "no address is known for this peer");
    return addresses;
  }

  /** A link, or why this address failed. */
  async #dialOne(text: string, peerId: string | undefined, signal: AbortSignal): Promise<Link | string> {
    const { node, gater } = this.#parts;
    let target: Multiaddr;
    try {
      target = multiaddr(text);
      const named = target.getComponents().findLast(({ name }) => name === "p2p")?.value;
      if (named === undefined && peerId !== undefined) target = target.encapsulate(`/p2p/${peerId}`);
      else if (peerId !== undefined && named !== peerId) return `the address names another peer: ${named}`;
    } catch (error) {
      return `not a multiaddr: ${describe(error)}`;
    }
    const dialled = target.getComponents().findLast(({ name }) => name === "p2p")?.value;
    using _ = gater.allowDial(dialled ?? "");
    try {
      const connection = await node.dial(target, { signal });
      // A connection can close while libp2p still opens it.
      if (connection.status !== "open") return "closed right after it opened";
      return this.#linkOf(connection);
    } catch (error) {
      return signal.aborted ? "no answer in time" : dialReason(error);
    }
  }
}

function openFailure(error: unknown, signal: AbortSignal): ProtocolError {
  if (signal.reason instanceof ProtocolError) return signal.reason;
  const name = error instanceof Error ? error.name : "";
  if (name === "UnsupportedProtocolError") {
    return new ProtocolError("PROTOCOL_UNSUPPORTED", "the peer does not answer this protocol", {
      cause: error,
    });
  }
  if (name.startsWith("TooMany")) {
    return new ProtocolError("TOO_MANY_STREAMS", "too many streams to this peer", { cause: error });
  }
  return new ProtocolError("STREAM_RESET", "the stream did not open", { cause: error });
}
