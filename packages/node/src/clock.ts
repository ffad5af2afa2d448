/**
 * The ports that make everything above them deterministic: time and chance.
 * Only this file (and `network/libp2p/`) may touch the runtime's clock, timers or random source.
 */

import { randomBytes } from "node:crypto";

/** Wall time for freshness and records, monotonic time for timers. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Milliseconds on a clock that never jumps. */
  monotonicMs(): number;
  /** Calls `fn` once after `ms`; disposing it first cancels the call. */
  timer(ms: number, fn: () => void): Disposable;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A source of chance; seeded in simulations. */
export interface Random {
  bytes(length: number): Uint8Array;
  /** A uniform integer in 0 … bound − 1. */
  below(bound: number): number;
}

/** How long to wait, and what ends the wait early. */
export interface Wait {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function systemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    timer(ms, fn) {
      const handle = setTimeout(fn, ms);
      return { [Symbol.dispose]: () => clearTimeout(handle) };
    },
    sleep: (ms, signal) => sleepWith(ms, signal),
  };
}

function sleepWith(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(handle);
      reject(signal?.reason);
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

export function systemRandom(): Random {
  return {
    bytes: (length) => new Uint8Array(randomBytes(length)),
    below(bound) {
      // Rejection keeps the draw uniform for every bound.
      const limit = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const draw = randomBytes(4).readUInt32LE(0);
        if (draw < limit) return draw % bound;
      }
    },
  };
}
