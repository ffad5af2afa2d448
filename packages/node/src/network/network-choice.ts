import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import type { ProfileName } from "./profiles.ts";
import type { StreamBounds } from "./stream-table.ts";
import type { Transport } from "./transport.ts";

/** What a transport is given by its node. */
export interface TransportContext {
  /** The node's Ed25519 seed, 32 bytes. */
  readonly seed: Uint8Array;
  readonly peerId: string;
  /** The network's name. */
  readonly network: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What all streams may hold and move together; defaults where left out. */
  readonly bounds?: StreamBounds | undefined;
  /** Whom the connection gater turns away in both directions; asked before every dial and handshake. */
  readonly bannedPeer?: ((peerId: string) => boolean) | undefined;
  /** Addresses turned away before any handshake. */
  readonly bannedIp?: ((ip: string) => boolean) | undefined;
  /** To be told of each connection from an address that was refused for coming too fast. */
  readonly onFlood?: ((ip: string) => void) | undefined;
  /** Standing from what a peer did beyond gossip: settled trades raise it (≤ 10), offences lower it; feeds P5. */
  readonly standing?: ((peerId: string) => number) | undefined;
}

/** How a node reaches others; made by `libp2p()` or `memory()`. */
export interface NetworkChoice {
  readonly profile: ProfileName;
  /** Links in all; default the profile's. */
  readonly maxLinks?: number | undefined;
  /** Multiaddrs of bootstrap peers. */
  readonly bootstrap: readonly string[];
  readonly mdns: boolean;
  readonly dht: boolean;
  create(context: TransportContext): Promise<Transport>;
}
