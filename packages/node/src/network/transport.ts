/** The seam to the network: everything the node knows of libp2p. */

import type { Wait } from "../clock.ts";
import type { NetworkSnapshot } from "./snapshot.ts";
import type { BoundedStream, StreamLimits } from "./stream-types.ts";

/** One authenticated connection to a peer. */
export interface Link {
  readonly peerId: string;
  /** The remote multiaddr. */
  readonly address: string;
  readonly inbound: boolean;
  readonly relayed: boolean;
  readonly openedAtMs: number;
  readonly lastByteMs: number;
}

/** Where a peer may be reached; a candidate, never a proof. */
export interface PeerHint {
  readonly peerId: string;
  readonly addresses: readonly string[];
}

/** A hint that its peer signed; of two the higher `seq` is newer. */
export interface SignedHint extends PeerHint {
  readonly seq: number;
}

/** What a validator says of a gossip message: forward it, drop it, drop it and penalise the relay. */
export type Verdict = "accept" | "ignore" | "reject";

export type NetworkEventName = "link" | "unlink" | "sighted" | "addresses" | "mesh";

export interface NetworkEvent {
  /** The peer concerned; absent for "addresses". */
  readonly peerId?: string;
  /** Multiaddrs of a sighted peer. */
  readonly addresses?: readonly string[];
  /** Who sighted it; absent: who does not say. */
  readonly by?: "mdns" | "dht";
  /** The topic of a "mesh" event. */
  readonly topic?: string;
  /** Why a link went. */
  readonly reason?: string;
}

export interface Transport {
  readonly peerId: string;
  /** Own multiaddrs, each ending in /p2p/<peerId>; complete once started. */
  addresses(): readonly string[];
  start(): Promise<void>;
  stop(options: { readonly deadlineMs: number }): Promise<void>;
  links(): readonly Link[];
  /** @throws PEER_UNREACHABLE with `data.attempts[{address, reason}]`. */
  dial(
    to: { readonly peerId?: string | undefined; readonly addresses: readonly string[] },
    wait: Wait,
  ): Promise<Link>;
  hangUp(peerId: string, reason: string): Promise<void>;
  /** Opens a stream on an existing link. @throws PEER_UNREACHABLE (no link), PROTOCOL_UNSUPPORTED, TOO_MANY_STREAMS. */
  open(peerId: string, protocol: string, wait: Wait): Promise<BoundedStream>;
  handle(protocol: string, limits: StreamLimits, on: (stream: BoundedStream, from: Link) => void): Disposable;
  /** Subscribes; the validator's verdict decides whether the message travels on. Accepted is delivered. */
  join(topic: string, validate: (from: string, data: Uint8Array) => Promise<Verdict>): Disposable;
  /** No recipient is told (0), not thrown. */
  publish(topic: string, data: Uint8Array): Promise<{ readonly recipients: number }>;
  /** Announces in the DHT that this node holds `key` (32 bytes, sha2-256). @throws DHT_FAILED. */
  provide(key: Uint8Array, wait: Wait): Promise<void>;
  withdraw(key: Uint8Array): Promise<void>;
  providers(key: Uint8Array, wait: Wait): AsyncIterable<PeerHint>;
  /** @throws DHT_FAILED, PEER_NOT_FOUND. */
  findPeer(peerId: string, wait: Wait): Promise<PeerHint>;
  /** Looks for peers near us in the DHT; those found are "sighted". Absent where there is no DHT. */
  explore?(wait: Wait): Promise<void>;
  /** Asks the local network at once who is there; absent where there is no multicast. */
  lookAround?(): void;
  /** Own addresses, signed by the node's key: the seam's peer record, to be told to others. */
  peerRecord(): Promise<Uint8Array>;
  /** What a peer record says, once its signature holds. @throws RECORD_INVALID. */
  openPeerRecord(record: Uint8Array): Promise<SignedHint>;
  /** Round trip in milliseconds. */
  ping(peerId: string, wait: Wait): Promise<number>;
  on(event: NetworkEventName, fn: (event: NetworkEvent) => void): Disposable;
  snapshot(): NetworkSnapshot;
}
