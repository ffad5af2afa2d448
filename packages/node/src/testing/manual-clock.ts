/** Time that moves only when a test says so. */

import type { Clock } from "../clock.ts";

export interface ManualClock extends Clock {
  /** Moves on, firing what falls due in order; whatever that sets off runs before the next timer. */
  advance(ms: number): Promise<void>;
  /** Shifts wall time alone, as when somebody sets the machine's clock. */
  shiftWall(ms: number): void;
  /** Timers that wait. */
  readonly pending: number;
}

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Turns of the event loop that work set off by a timer gets before time goes on. */
const TURNS = 4;

/** @param startMs - wall time at the start, ms since the epoch; default 2023-11-14T22:13:20Z */
export function manualClock(startMs: number = 1_700_000_000_000): ManualClock {
  const timers = new Set<Timer>();
  let nowMs = 0;
  let shiftMs = 0;
  let order = 0;

  const timer = (ms: number, fn: () => void): Disposable => {
    const entry: Timer = { dueMs: nowMs + Math.max(0, ms), order: order++, fn };
    timers.add(entry);
    return { [Symbol.dispose]: () => timers.delete(entry) };
  };
  const nextUntil = (endMs: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const entry of timers) {
      if (entry.dueMs > endMs) continue;
      const earlier =
        next === undefined ||
        entry.dueMs < next.dueMs ||
        (entry.dueMs === next.dueMs && entry.order < next.order);
      if (earlier) next = entry;
    }
    return next;
  };

  return {
    nowMs: () => startMs + shiftMs + nowMs,
    monotonicMs: () => nowMs,
    timer,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const entry = timer(ms, () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        });
        const onAbort = () => {
          entry[Symbol.dispose]();
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      for (let next = nextUntil(endMs); next !== undefined; next = nextUntil(endMs)) {
        timers.delete(next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.fn();
        await settle();
      }
      nowMs = endMs;
      await settle();
    },
    shiftWall(ms) {
      shiftMs += ms;
    },
    get pending() {
      return timers.size;
    },
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
