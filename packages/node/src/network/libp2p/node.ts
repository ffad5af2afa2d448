/** The network seam over libp2p. */

import type { Connection } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { ProtocolError } from "@gridmesh/protocol";
import type { Wait } from "../../clock.ts";
import type { NetworkSnapshot } from "../snapshot.ts";
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
import type { Dht } from "./dht.ts";
import { describe } from "./dial-errors.ts";
import { Dials, type DialTarget } from "./dials.ts";
import { keyFromSeed } from "./key.ts";
import type { TransportParts } from "./parts.ts";
import { openPeerRecord, sealPeerRecord } from "./peer-record.ts";
import { stopWithin } from "./shutdown.ts";
import { linkOf, openFailure, Streams } from "./streams.ts";
import { Twins } from "./twins.ts";
import { snapshotOf } from "./views.ts";

export class Libp2pTransport implements Transport {
  readonly peerId: string;
  readonly #parts: TransportParts;
  readonly #streams: Streams;
  readonly #dials: Dials;
  readonly #twins: Twins;
  /** Why a link goes, when we know before it does. */
  readonly #reasons = new Map<string, string>();

  constructor(parts: TransportParts) {
    const { node, links, gater, context } = parts;
    const { clock, log } = context;
    this.#parts = parts;
    this.peerId = context.peerId;
    const linkTo = (connection: Connection) => this.#linkOf(connection);
    this.#streams = new Streams({ node, links, clock, log, bounds: parts.context.bounds, linkOf: linkTo });
    this.#dials = new Dials({ node, links, gater, clock, linkOf: linkTo });
    this.#twins = twinsOf(parts, this.#streams);
    node.addEventListener("connection:open", ({ detail }) => this.#onOpen(detail));
    node.addEventListener("connection:close", ({ detail }) => this.#onClose(detail));
    let told = "";
    node.addEventListener("self:peer:update", () => {
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
      const inUse = /EADDRINUSE(?:\D*? (\S+:\d+))?/u.exec(describe(error));
      throw new ProtocolError(
        inUse === null ? "CONFIG_INVALID" : "PORT_IN_USE",
        inUse === null ? "the node cannot listen" : `another program listens on ${inUse[1] ?? "this port"}`,
        { cause: error },
      );
    }
    this.#parts.reach?.start();
    this.#parts.gossip.ways.start();
  }

  async stop(options: { readonly deadlineMs: number }): Promise<void> {
    this.#twins.stop();
    await stopWithin(this.#parts, options.deadlineMs);
  }

  links(): readonly Link[] {
    return this.#parts.links.all();
  }

  dial(to: DialTarget, wait: Wait): Promise<Link> {
    return this.#dials.dial(to, wait);
  }

  async hangUp(peerId: string, reason: string): Promise<void> {
    const { links, context } = this.#parts;
    this.#reasons.set(peerId, reason);
    using limit = waitSignal(context.clock, { timeoutMs: 1_000 });
    await Promise.all(
      links.connections(peerId).map(async (connection) => {
        // A graceful close would tell the other side an end that our streams never had. An aborted one leaves the list.
        const standing = [...connection.streams];
        for (const stream of standing) stream.abort(new Error(reason));
        try {
          await connection.close({ signal: limit.signal });
        } catch {
          connection.abort(new Error(reason));
        }
      }),
    );
    this.#reasons.delete(peerId);
  }

  open(peerId: string, protocol: string, wait: Wait): Promise<BoundedStream> {
    return this.#streams.open(peerId, protocol, wait);
  }

  handle(
    protocol: string,
    limits: StreamLimits,
    on: (stream: BoundedStream, from: Link) => void,
  ): Disposable {
    return this.#streams.handle(protocol, limits, on);
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
    const { multicast, dht } = this.#parts;
    multicast?.query();
    await dht?.explore(wait);
  }

  lookAround(): void {
    this.#parts.multicast?.query();
  }

  async peerRecord(): Promise<Uint8Array> {
    const { node, context } = this.#parts;
    return await sealPeerRecord(keyFromSeed(context.seed), node.getMultiaddrs(), context.clock.nowMs());
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
    return snapshotOf(this.#parts, this.#streams.table, this.#dials);
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
    else this.#twins.opened(peerId);
  }

  #onClose(connection: Connection): void {
    const { links, gater, events, reach } = this.#parts;
    const peerId = connection.remotePeer.toString();
    if (connection.direction === "inbound") gater.closed(connection.remoteAddr);
    reach?.closed(connection);
    if (connection.direction === "outbound" && !this.#reasons.has(peerId)) this.#dials.closed(connection);
    if (!links.remove(connection)) return;
    const reason = this.#reasons.get(peerId) ?? "closed";
    events.emit("unlink", { peerId, reason });
  }
}

/** Where others dial us to prove an address, their connections have time to end by themselves. */
const SETTLE_MS = 1_000;
const PROVING_SETTLE_MS = 5_000;

function twinsOf({ context, links, reach, gossip }: TransportParts, streams: Streams): Twins {
  return new Twins({
    self: context.peerId,
    links,
    clock: context.clock,
    log: context.log,
    settleMs: reach === undefined ? SETTLE_MS : PROVING_SETTLE_MS,
    isStanding: (protocol) => streams.table.limitsOf(protocol).unmetered === true,
    isOurs: (stream) => streams.isOwn(stream),
    leave: (connection) => streams.leave(connection),
    stay: (connection) => streams.stay(connection),
    moveGossip: (peerId, to) => gossip.ways.move(peerId, to),
  });
}
