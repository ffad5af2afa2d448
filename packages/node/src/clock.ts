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

/** The longest time the runtime counts; more it takes for a millisecond. */
const LONGEST_MS = 2 ** 31 - 1;

export function systemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    timer: startTimer,
    sleep: (ms, signal) => sleepWith(ms, signal),
  };
}

function startTimer(ms: number, fn: () => void): Disposable {
  let rest: Disposable | undefined;
  const handle = setTimeout(
    () => {
      if (ms > LONGEST_MS) rest = startTimer(ms - LONGEST_MS, fn);
      else fn();
    },
    Math.min(ms, LONGEST_MS),
  );
  return {
    [Symbol.dispose]() {
      clearTimeout(handle);
      rest?.[Symbol.dispose]();
    },
  };
}

function sleepWith(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer[Symbol.dispose]();
      reject(signal?.reason);
    };
    const timer = startTimer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
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
