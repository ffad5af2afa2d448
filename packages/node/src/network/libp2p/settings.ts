import type { MetricSink } from "../metric-sink.ts";
import type { NetworkProfile } from "../profiles.ts";
import type { PeerHint } from "../transport.ts";
import type { AddressRanges } from "./address-rules.ts";

/** A choice's options, checked and complete. */
export interface TransportSettings {
  readonly profile: NetworkProfile;
  readonly listen: readonly string[];
  readonly announce: readonly string[];
  readonly mdns: boolean;
  readonly dht: "auto" | "server" | "client" | undefined;
  /** Bootstrap and static peers that are named by their addresses. */
  readonly anchors: readonly PeerHint[];
  /** Address ranges that escape the limits per address, as texts and as a set. */
  readonly trusted: readonly string[];
  readonly trustedRanges: AddressRanges;
  /** The private network's key file, as text. */
  readonly psk: string | undefined;
  readonly reach: ReachSettings;
  readonly streamWindowBytes: number;
  readonly memoryLatencyMs: number;
  readonly metrics: MetricSettings;
}

export interface ReachSettings {
  /** `serve`: other nodes are reached through this one. */
  readonly relay: "off" | "use" | "serve";
  /** Ask others which own addresses they can dial. */
  readonly autonat: boolean;
  readonly holePunch: boolean;
  readonly upnp: boolean;
  readonly quic: boolean;
  readonly tls: boolean;
  /** Linked for so long and dialled by nobody: time to ask a relay for a place. */
  readonly relayAfterMs: number;
}

export interface MetricSettings {
  /** Where gossip's own metrics go. */
  readonly gossip?: MetricSink | undefined;
  /** A prom-client registry that libp2p's own metrics join. */
  readonly libp2pRegistry?: object | undefined;
}
