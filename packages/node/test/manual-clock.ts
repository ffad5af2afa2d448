import type { Clock, Random } from "../src/clock.ts";

interface Alarm {
  readonly atMs: number;
  readonly fn: () => void;
}

/** Time that moves when told. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #wallMs: number;
  readonly #alarms = new Set<Alarm>();

  constructor(wallMs = Date.UTC(2025, 0, 1)) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  timer(ms: number, fn: () => void): Disposable {
    const alarm = { atMs: this.#nowMs + Math.max(0, ms), fn };
    this.#alarms.add(alarm);
    return { [Symbol.dispose]: () => this.#alarms.delete(alarm) };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const timer = this.timer(ms, resolve);
      signal?.addEventListener("abort", () => {
        timer[Symbol.dispose]();
        reject(signal.reason);
      });
    });
  }

  /** The machine slept: wall time went on, monotonic time did not. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  /** The loop stands still: time passes, alarms wait. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets `ms` pass, alarm by alarm. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      let next: Alarm | undefined;
      for (const alarm of this.#alarms) if (next === undefined || alarm.atMs < next.atMs) next = alarm;
      if (next === undefined || next.atMs > endMs) break;
      this.#alarms.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fn();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

/** Lets everything that waits for no timer happen. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** A random source of one seed. */
export function seededRandom(seed: number): Random {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  const draw = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  return {
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(draw() * 256)),
    below: (bound) => Math.floor(draw() * bound),
  };
}
