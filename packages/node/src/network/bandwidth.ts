/** Bytes a second, of the node and of each peer: buckets of one second's worth that hold reading and writing back. */

import type { Clock } from "../clock.ts";

/** Zero or absent: no bound. */
export interface BandwidthLimits {
  readonly inboundBytesPerSecond?: number | undefined;
  readonly outboundBytesPerSecond?: number | undefined;
  readonly inboundBytesPerSecondPerPeer?: number | undefined;
  readonly outboundBytesPerSecondPerPeer?: number | undefined;
}

export type Direction = "inbound" | "outbound";

/** What one stream may move in one direction. */
export interface ByteLane {
  /** Counts bytes that moved; more than there was credit for is owed. */
  spend(bytes: number): void;
  /** Milliseconds until some more may move; 0 when it may now. */
  waitMs(): number;
  /** Bytes that may move now. */
  room(): number;
}

/** Peers whose bucket is full again are forgotten above this number. */
const SWEEP_ABOVE = 1_024;

export class Bandwidth {
  readonly #clock: Clock;
  readonly #limits: BandwidthLimits;
  readonly #node = new Map<Direction, ByteBucket>();
  readonly #peers = new Map<string, ByteBucket>();

  constructor(clock: Clock, limits: BandwidthLimits = {}) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** The bound on a peer's streams in one direction; undefined where there is none. */
  lane(peerId: string, direction: Direction): ByteLane | undefined {
    const own = this.#limits[`${direction}BytesPerSecond`] ?? 0;
    const each = this.#limits[`${direction}BytesPerSecondPerPeer`] ?? 0;
    const buckets = [
      ...(own > 0 ? [bucketIn(this.#node, direction, () => new ByteBucket(this.#clock, own))] : []),
      ...(each > 0 ? [this.#ofPeer(`${direction} ${peerId}`, each)] : []),
    ];
    if (buckets.length === 0) return undefined;
    return {
      spend: (bytes) => {
        for (const bucket of buckets) bucket.spend(bytes);
      },
      waitMs: () => Math.max(...buckets.map((bucket) => bucket.waitMs())),
      room: () => Math.min(...buckets.map((bucket) => bucket.room())),
    };
  }

  #ofPeer(key: string, perSecond: number): ByteBucket {
    if (this.#peers.size > SWEEP_ABOVE) {
      for (const [known, bucket] of this.#peers) if (bucket.isFull()) this.#peers.delete(known);
    }
    return bucketIn(this.#peers, key, () => new ByteBucket(this.#clock, perSecond));
  }
}

function bucketIn<Key>(buckets: Map<Key, ByteBucket>, key: Key, create: () => ByteBucket): ByteBucket {
  const known = buckets.get(key);
  if (known !== undefined) return known;
  const fresh = create();
  buckets.set(key, fresh);
  return fresh;
}

class ByteBucket {
  readonly #clock: Clock;
  readonly #perSecond: number;
  #credit: number;
  #atMs: number;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#credit = perSecond;
    this.#atMs = clock.monotonicMs();
  }

  spend(bytes: number): void {
    this.#refill();
    this.#credit -= bytes;
  }

  waitMs(): number {
    this.#refill();
    // Not byte by byte: what a twentieth of a second earns is worth a message.
    const worth = this.#perSecond / 20;
    return this.#credit >= worth ? 0 : Math.ceil(((worth - this.#credit) * 1_000) / this.#perSecond);
  }

  room(): number {
    this.#refill();
    return Math.max(1, Math.floor(this.#credit));
  }

  isFull(): boolean {
    this.#refill();
    return this.#credit >= this.#perSecond;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    const earned = (Math.max(0, nowMs - this.#atMs) * this.#perSecond) / 1_000;
    this.#credit = Math.min(this.#perSecond, this.#credit + earned);
    this.#atMs = nowMs;
  }
}
