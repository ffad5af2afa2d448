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
  /** Is the machine so busy with others that this process waited for it when it last had work? Where there is none: no. */
  crowded?(): boolean;
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
    crowded: crowding(),
  };
}

/** So much work tells enough; with less of the processor than this part of its time others were served meanwhile. */
const TELLING_MS = 50;
const OWN_SHARE = 0.6;

/** Compares how long the event loop was at work with the processor time it got. */
function crowding(): () => boolean {
  const usedMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  };
  let active = performance.eventLoopUtilization().active;
  let used = usedMs();
  let crowded = false;
  return () => {
    const [activeNow, usedNow] = [performance.eventLoopUtilization().active, usedMs()];
    if (activeNow - active < TELLING_MS) return crowded;
    crowded = usedNow - used < OWN_SHARE * (activeNow - active);
    [active, used] = [activeNow, usedNow];
    return crowded;
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
