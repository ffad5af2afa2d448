import type { Clock, Random, Wait } from "../clock.ts";
import type { Log } from "../log.ts";
import type { KnownPeers, PeerSource } from "./known-peers.ts";
import type { PeerEntry } from "./peer-table.ts";
import type { PeerClass } from "./redial.ts";
import type { Link, PeerHint, Transport } from "./transport.ts";
import type { Interfaces } from "./wake.ts";

export interface SupervisorOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Multiaddrs redialled for ever. */
  readonly bootstrap: readonly string[];
  /** As bootstrap, from `peers.static`. */
  readonly staticPeers?: readonly string[] | undefined;
  readonly knownPeers: KnownPeers;
  /** Seek below this number of links; default 4. */
  readonly minLinks?: number | undefined;
  /** Stop seeking at this number of links; default 12. */
  readonly targetLinks?: number | undefined;
  /** Above this number, less the places of anchors, neighbours are parted from; default 128. */
  readonly maxLinks?: number | undefined;
  /** Are addresses that a stranger told dialled also when they lead into a LAN or nowhere? Default true. */
  readonly learnsPrivate?: boolean | undefined;
  /** The machine's addresses; default those of this machine. */
  readonly interfaces?: Interfaces | undefined;
}

export interface PeerView {
  readonly peerId: string | undefined;
  readonly addresses: readonly string[];
  readonly peerClass: PeerClass;
  /** What its link is worth when there are too many: 100 anchor, 80 partner, 0 … 40 neighbour. */
  readonly tag: number;
  readonly state: PeerEntry["state"];
  readonly source: PeerSource;
  readonly fails: number;
  /** The last failed dial, address by address. */
  readonly attempts: PeerEntry["attempts"];
  /** Wall time of the next dial. */
  readonly nextDialMs: number | undefined;
  readonly link: Link | undefined;
}

export interface SupervisorState {
  readonly links: number;
  readonly seeking: boolean;
  /** Since when there is no link at all, wall time; undefined when there is one. */
  readonly isolatedSinceMs: number | undefined;
  readonly dials: { readonly started: number; readonly failed: number };
  readonly anchors: readonly PeerView[];
}

export interface Supervisor {
  /** Loads the book and begins to dial; needs a started transport. */
  start(): Promise<void>;
  /** Ends every wait and saves the book; links stay. */
  stop(): Promise<void>;
  peers(): readonly PeerView[];
  /** Dials a multiaddr or a PeerId now; ends a `disconnect`. @throws PEER_UNREACHABLE, PEER_NOT_FOUND. */
  connect(target: string, wait?: Wait): Promise<Link>;
  /**
   * The link to a peer, dialled if there is none; a parked peer is left alone.
   * @throws PEER_UNREACHABLE, PEER_NOT_FOUND, DHT_FAILED.
   */
  reach(peerId: string, wait?: Wait): Promise<Link>;
  /** Somebody named a peer: `reach` knows where to look for it; nothing is dialled. */
  notice(hint: PeerHint): void;
  /** Hangs up and stays away until `connect`. */
  disconnect(peerId: string): Promise<void>;
  /** A candidate told by somebody: dialled when links are wanted. */
  introduce(hint: PeerHint): void;
  /** Keeps the link to this peer while held, for an open order, lease or subscription. */
  partner(peerId: string, why: string): Disposable;
  /** Leaves a peer alone for a while: banned, of another network, without hello. */
  park(peerId: string, forMs: number, reason: string): Promise<void>;
  state(): SupervisorState;
}
