/** What a node is made of, before it begins. */

import type { BucketRates, FeatureStances, HelloOffer, VerifyEngine } from "@gridmesh/protocol";
import type { Access } from "./agent.ts";
import type { BecknSettings } from "./beckn/types.ts";
import type { Clock, Random } from "./clock.ts";
import type { Observation } from "./findings.ts";
import type { AccessOptions } from "./gate/access.ts";
import type { ChildrenOptions } from "./host/children.ts";
import type { AgentSource } from "./host/host-agent.ts";
import type { KeyLock } from "./identity.ts";
import type { Log } from "./log.ts";
import type { MarketClock } from "./market-clock.ts";
import type { Metrics } from "./metrics.ts";
import type { NetworkChoice } from "./network/network-choice.ts";
import type { StreamBounds } from "./network/stream-table.ts";
import type { JournalDisk } from "./trade/disk.ts";

/** An agent to host from the start. */
export interface NodeAgent {
  readonly name: string;
  readonly definition: AgentSource;
  /** Default `network`. */
  readonly access?: Access | undefined;
}

/** Whom a node keeps links with. */
export interface LinkOptions {
  /** Links below which the node seeks more; default 4. */
  readonly min?: number | undefined;
  /** Links at which it stops to seek; default 12. */
  readonly target?: number | undefined;
  /** Multiaddrs redialled for ever, as those of bootstrap peers. */
  readonly static?: readonly string[] | undefined;
  /** Are links kept to peers that say no hello? Default false. */
  readonly allowForeign?: boolean | undefined;
}

export interface NodeOptions {
  /** `libp2p(…)` or `memory(…)`. */
  readonly network: NetworkChoice;
  /** Default `gridmesh`; nodes of other names are not talked to. */
  readonly networkName?: string | undefined;
  /** Folder of keys, state and journal; absent: everything in memory. */
  readonly home?: string | undefined;
  /** Of the keys of the home, `keyLock(passphrase)`; absent: they lie there in clear. */
  readonly lock?: KeyLock | undefined;
  /** In order of registration. */
  readonly agents?: readonly NodeAgent[] | undefined;
  /** Lets agents be programs of their own; absent: they are refused. */
  readonly children?: ChildrenOptions | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Default: wall time. */
  readonly market?: MarketClock | undefined;
  readonly log?: Log | undefined;
  /** Ed25519 seed of a node without a home, 32 bytes; default random. */
  readonly seed?: Uint8Array | undefined;
  /** Journal of a node without a home; default in memory, gone with the node. */
  readonly journal?: JournalDisk | undefined;
  /** Told to peers in hello; default `gridmesh/<version>`. */
  readonly software?: string | undefined;
  readonly links?: LinkOptions | undefined;
  /** Which revisions of Beckn are spoken, and how closely messages are read; see the defaults of each. */
  readonly beckn?: BecknSettings | undefined;
  /** Parts of the protocol: `off`, `optional` or `required`; default encryption required, cbor optional. */
  readonly features?: FeatureStances | undefined;
  /** PeerIds or agent_ids whose security alerts are acted upon; default nobody's. */
  readonly trustedAlerts?: readonly string[] | undefined;
  /** Versions of the protocol to speak, the preferred one first; default all of this code. */
  readonly protocolVersions?: readonly string[] | undefined;
  /**
   * Unread bytes of all streams and of one peer's (default 256 and 8 MiB), and bytes a second in and out, of the node
   * and per peer (default 0: no bound); control and trade streams are not held back.
   */
  readonly streams?: StreamBounds | undefined;
  /**
   * Messages and calls a peer may send here, and the pace kept towards peers; default 100 a second. Both ends must be
   * given the same, so it is for closed networks and measurements.
   */
  readonly messageRates?: BucketRates | undefined;
  /** Tools a call by capability may repeat elsewhere when nobody knows whether it happened; their own hints are claims. */
  readonly idempotentTools?: readonly string[] | undefined;
  /** PeerIds whose calls of other nodes are passed on; default nobody's: callers reach each other themselves. */
  readonly forwardFor?: readonly string[] | undefined;
  /** Who may ask what of which agent; the first rule that fits goes before the agent's own access. */
  readonly access?: AccessOptions | undefined;
  /** What the program around the node sees of its machine; asked whenever findings are. */
  readonly observe?: (() => readonly Observation[]) | undefined;
}

/** The options with every default filled in. */
export interface NodeBase {
  readonly choice: NetworkChoice;
  readonly network: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly market: MarketClock;
  readonly log: Log;
  readonly engine: VerifyEngine;
  readonly metrics: Metrics;
  readonly links: LinkOptions;
  readonly streams: StreamBounds;
  readonly settings: BecknSettings;
  /** What is told of this node in every hello. */
  readonly offer: HelloOffer;
  readonly trustedAlerts: readonly string[];
  readonly messageRates: BucketRates | undefined;
  readonly idempotentTools: readonly string[];
  readonly access: AccessOptions;
  readonly forwardFor: readonly string[];
  readonly observe: () => readonly Observation[];
  readonly children: ChildrenOptions | undefined;
}
