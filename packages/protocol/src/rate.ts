/** How many messages a peer may send: a sustained rate with a burst, and a peak no second may pass. */

import { limits } from "./limits.ts";

export interface BucketRates {
  /** Sustained, and how many may be saved up. */
  readonly perSecond: number;
  readonly burst: number;
  /** Ceiling of the burst, and its slack. */
  readonly peakPerSecond: number;
  readonly peakBurst: number;
}

/** What one peer may send, unless both ends agreed on something else. */
export const peerRates: BucketRates = {
  perSecond: limits.messagesPerSecond,
  burst: limits.messageBurst,
  peakPerSecond: limits.messagePeakPerSecond,
  peakBurst: limits.messagePeakBurst,
};

/** Two token buckets that must both agree; counts thousandths, so that whole milliseconds add up exactly. */
export class DualBucket {
  readonly #rates: BucketRates;
  #sustained: number;
  #peak: number;
  #atMs: number;

  /** @param nowMs - monotonic milliseconds; both buckets start full */
  constructor(nowMs: number, rates: Partial<BucketRates> = {}) {
    this.#rates = { ...peerRates, ...rates };
    this.#sustained = this.#rates.burst * 1_000;
    this.#peak = this.#rates.peakBurst * 1_000;
    this.#atMs = nowMs;
  }

  /** Takes one message's token: 0 when it may pass, else the milliseconds after which it may. */
  take(nowMs: number): number {
    this.#refill(nowMs);
    if (this.#sustained >= 1_000 && this.#peak >= 1_000) {
      this.#sustained -= 1_000;
      this.#peak -= 1_000;
      return 0;
    }
    const sustainedMs = (1_000 - this.#sustained) / this.#rates.perSecond;
    const peakMs = (1_000 - this.#peak) / this.#rates.peakPerSecond;
    return Math.max(1, Math.ceil(Math.max(sustainedMs, peakMs)));
  }

  /** Nothing is owed: a forgotten bucket and a fresh one are the same. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#sustained === this.#rates.burst * 1_000 && this.#peak === this.#rates.peakBurst * 1_000;
  }

  #refill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = Math.max(this.#atMs, nowMs);
    const { perSecond, burst, peakPerSecond, peakBurst } = this.#rates;
    this.#sustained = Math.min(burst * 1_000, this.#sustained + passedMs * perSecond);
    this.#peak = Math.min(peakBurst * 1_000, this.#peak + passedMs * peakPerSecond);
  }
}
