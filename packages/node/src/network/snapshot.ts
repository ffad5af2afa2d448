/** What a transport knows of its own state: counters and facts for `doctor` and the metrics, never for decisions. */

export interface TopicView {
  readonly topic: string;
  readonly meshPeers: number;
  readonly subscribers: number;
}

/** How the DHT stands; null where the node runs without one. */
export interface DhtView {
  readonly mode: "client" | "server";
  /** Which addresses of others enter the table. */
  readonly learns: "public" | "all";
  readonly tablePeers: number;
  /** Own addresses a provider record of ours would carry. */
  readonly ownAddresses: number;
}

/** Dials to one peer that ended before the handshake did. */
export interface CutDials {
  readonly peerId: string;
  readonly address: string;
  readonly count: number;
  /** Wall ms of the last. */
  readonly lastMs: number;
}

/** Peers that share one IP address. */
export interface Crowd {
  readonly ip: string;
  readonly links: number;
  /** The lowest gossip score among them. */
  readonly lowestScore: number;
}

/** Multicast discovery; null where it is off. */
export interface MulticastView {
  /** Is there a route to 224.0.0.0/4? undefined where this system does not tell. */
  readonly route: boolean | undefined;
  /** Own queries sent, and heard back. */
  readonly sent: number;
  readonly heard: number;
  /** Monotonic ms since an own query was last heard. */
  readonly silentMs: number;
}

export interface ReachView {
  /** What others could confirm; "unknown" until they did. */
  readonly reachable: "unknown" | "yes" | "no";
  /** Relays that hold a place for us. */
  readonly relays: number;
  /** Own announced addresses that anyone on the internet could dial. */
  readonly publicAddresses: number;
  /** Relayed links ended by their relay's limits. */
  readonly relayLimited: number;
}

export interface NetworkSnapshot {
  readonly links: number;
  /** Connections that stand; more than links where a peer has two. */
  readonly connections: number;
  readonly topics: readonly TopicView[];
  readonly dhtTablePeers: number | null;
  readonly streamsOpen: number;
  readonly unreadBytes: number;
  /** Connections, streams and records turned away, by rule. */
  readonly refused: Readonly<Record<string, number>>;
  readonly streamsByProtocol: Readonly<Record<string, number>>;
  /** Streams that ended by a reset, by `<protocol> <reason>`. */
  readonly streamResets: Readonly<Record<string, number>>;
  /** Whose stream the last of each was, by the same key. */
  readonly streamResetPeers: Readonly<Record<string, string>>;
  /** Dials by how they ended, `linked` among them. */
  readonly dials: Readonly<Record<string, number>>;
  readonly cutDials: readonly CutDials[];
  readonly crowds: readonly Crowd[];
  readonly dht: DhtView | null;
  readonly multicast: MulticastView | null;
  readonly reach: ReachView | null;
}
