import type { Clock } from "../clock.ts";

/** Timers that end together. */
export class TimerSet implements Disposable {
  readonly #clock: Clock;
  readonly #timers = new Set<Disposable>();
  #over = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(ms: number, fn: () => void): void {
    if (this.#over) return;
    const timer = this.#clock.timer(ms, () => {
      this.#timers.delete(timer);
      fn();
    });
    this.#timers.add(timer);
  }

  every(ms: number, fn: () => void): void {
    this.after(ms, () => {
      fn();
      this.every(ms, fn);
    });
  }

  [Symbol.dispose](): void {
    this.#over = true;
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers.clear();
  }
}
