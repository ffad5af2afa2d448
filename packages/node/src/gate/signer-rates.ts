/** How often one signer may speak on a topic: looked up before its signature is checked, counted after it held. */

import { ProtocolError } from "@gridmesh/protocol";

/** What a signer may publish: sustained, and how many at once. */
export interface SignerRate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Level {
  tokens: number;
  atMs: number;
}

/** Levels of signers that owe nothing are dropped above this. */
const SWEEP_ABOVE = 4_096;
const MAX_SIGNERS = 20_000;

/** Buckets by signer; a forged name costs its owner nothing. */
export class SignerRates {
  readonly #rate: SignerRate;
  readonly #levels = new Map<string, Level>();

  constructor(rate: SignerRate) {
    this.#rate = rate;
  }

  get size(): number {
    return this.#levels.size;
  }

  /** @throws RATE_LIMITED (`data.retry_after_ms`) when this signer has nothing left. */
  check(signerId: string, nowMs: number): void {
    const tokens = this.#tokens(signerId, nowMs);
    if (tokens >= 1) return;
    const { perSecond } = this.#rate;
    throw new ProtocolError("RATE_LIMITED", `${signerId} says more than ${perSecond} a second`, {
      data: { retry_after_ms: Math.ceil(((1 - tokens) * 1_000) / perSecond) },
    });
  }

  /** Counts a message whose signature held. @throws RATE_LIMITED, OVERLOADED when too many signers speak at once. */
  take(signerId: string, nowMs: number): void {
    this.check(signerId, nowMs);
    const tokens = this.#tokens(signerId, nowMs) - 1;
    if (!this.#levels.has(signerId)) this.#makeRoom(nowMs);
    this.#levels.set(signerId, { tokens, atMs: nowMs });
  }

  #tokens(signerId: string, nowMs: number): number {
    const { perSecond, burst } = this.#rate;
    const level = this.#levels.get(signerId);
    if (level === undefined) return burst;
    return Math.min(burst, level.tokens + ((nowMs - level.atMs) * perSecond) / 1_000);
  }

  #makeRoom(nowMs: number): void {
    if (this.#levels.size < SWEEP_ABOVE) return;
    for (const signerId of this.#levels.keys()) {
      if (this.#tokens(signerId, nowMs) >= this.#rate.burst) this.#levels.delete(signerId);
    }
    if (this.#levels.size < MAX_SIGNERS) return;
    throw new ProtocolError("OVERLOADED", "too many signers at once");
  }
}
