import type { GossipSub } from "@libp2p/gossipsub";
import type { Connection, PeerId } from "@libp2p/interface";
import type { Clock } from "../../clock.ts";
import { TimerSet } from "../timer-set.ts";
import type { GossipStream, SpeakingStreams } from "./gossip-streams.ts";
import type { LinkTable } from "./links.ts";

/** A stream goes a moment before the link that carried it: what still stands after it is another. */
const SETTLE_MS = 50;
const LOOK_MS = 5_000;
/** Whoever refuses our stream again and again is asked this seldom in the end. */
const MAX_PAUSE_MS = 160_000;

/** What the instance has beyond its published type. */
interface GossipInside {
  readonly peers: ReadonlyMap<string, PeerId>;
  isStarted(): boolean;
  readonly streamsInbound: ReadonlyMap<string, GossipStream>;
  onPeerConnected(peerId: PeerId, connection: Connection): void;
  handlePeerReadStreamError(error: Error, peerId: PeerId): void;
  readonly metrics?: {
    readonly peersPerProtocol: { inc(labels: { readonly protocol: string }, by: number): void };
  } | null;
}

export interface GossipWaysOptions {
  readonly service: GossipSub;
  readonly speaking: SpeakingStreams;
  readonly links: LinkTable;
  readonly clock: Clock;
}

interface Missing {
  readonly pauseMs: number;
  /** Monotonic ms before which no stream is opened again. */
  readonly notBeforeMs: number;
}

/**
 * Keeps a stream to everybody with whom we gossip. The library opens one when a connection does, and never another:
 * where that stream or its connection goes and the link stands, it would be silent without a sign.
 */
export class GossipWays {
  readonly #options: GossipWaysOptions;
  readonly #inside: GossipInside;
  readonly #missing = new Map<string, Missing>();
  readonly #timers: TimerSet;

  constructor(options: GossipWaysOptions) {
    this.#options = options;
    this.#inside = options.service as unknown as GossipInside;
    this.#timers = new TimerSet(options.clock);
    this.#keepReplaced();
    options.speaking.onGone = (peerId) => this.#onGone(peerId);
    options.speaking.onReplaced = ({ rawStream }) => {
      // The library counts a stream out where it ends as the peer's own.
      const { protocol = "" } = rawStream ?? {};
      this.#inside.metrics?.peersPerProtocol.inc({ protocol }, -1);
    };
  }

  start(): void {
    this.#timers.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#timers[Symbol.dispose]();
  }

  /** Speaks over this connection as soon as a stream there has opened; nothing is lost on the way. */
  move(peerId: string, to: Connection): void {
    const { speaking } = this.#options;
    const raw = speaking.rawOf(peerId);
    if (raw === undefined || to.streams.includes(raw)) return speaking.stay(peerId);
    speaking.letMove(peerId);
    this.#inside.onPeerConnected(to.remotePeer, to);
  }

  /** A stream that breaks once its peer speaks over another is no reason to forget the peer. */
  #keepReplaced(): void {
    const inside = this.#inside;
    const forget = inside.handlePeerReadStreamError.bind(inside);
    inside.handlePeerReadStreamError = (error, peerId) => {
      const { rawStream } = inside.streamsInbound.get(peerId.toString()) ?? {};
      if (rawStream?.status !== "open") forget(error, peerId);
    };
  }

  #onGone(peerId: string): void {
    if (!this.#inside.isStarted()) return;
    if (!this.#missing.has(peerId)) this.#missing.set(peerId, { pauseMs: 0, notBeforeMs: 0 });
    this.#timers.after(SETTLE_MS, () => this.#reopen(peerId));
  }

  #look(): void {
    if (!this.#inside.isStarted()) return;
    for (const peerId of new Set([...this.#missing.keys(), ...this.#inside.peers.keys()])) {
      this.#reopen(peerId);
    }
  }

  #reopen(peerId: string): void {
    const { speaking, links, clock } = this.#options;
    const connection = links.connectionTo(peerId);
    const nowMs = clock.monotonicMs();
    if (connection === undefined) return void this.#missing.delete(peerId);
    const { pauseMs, notBeforeMs } = this.#missing.get(peerId) ?? { pauseMs: 0, notBeforeMs: 0 };
    if (nowMs < notBeforeMs) return;
    // One that has stood since the last look is a good one.
    if (speaking.rawOf(peerId) !== undefined) return void this.#missing.delete(peerId);
    if (connection.limits !== undefined || connection.status !== "open") return;
    const nextMs = Math.min(MAX_PAUSE_MS, Math.max(LOOK_MS, 2 * pauseMs));
    this.#missing.set(peerId, { pauseMs: nextMs, notBeforeMs: nowMs + nextMs });
    this.#inside.onPeerConnected(connection.remotePeer, connection);
  }
}
