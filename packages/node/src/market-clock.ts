/**
 * Market time: what slots, prices and households live by. It may run faster than wall time, or stand still;
 * network time-outs and message freshness never follow it.
 */

import type { Clock } from "./clock.ts";

export interface MarketClock {
  /** Milliseconds since the Unix epoch, on the market's calendar. */
  nowMs(): number;
  readonly speed: number;
  readonly paused: boolean;
  /** Calls `fn` once market time reaches `atMs`; waits while paused, follows changes of speed. */
  at(atMs: number, fn: () => void): Disposable;
  /** Market time was `marketMs` when wall time was `atWallMs`; from there on it runs at `speed`. */
  set(state: MarketClockState): void;
  /** Told after every `set`. */
  onChange(fn: () => void): Disposable;
}

export interface MarketClockState {
  readonly marketMs: number;
  readonly atWallMs: number;
  /** Market milliseconds per wall millisecond, 1 … 10,000. */
  readonly speed: number;
  readonly paused: boolean;
}

interface Alarm {
  readonly atMs: number;
  readonly fn: () => void;
  timer: Disposable | undefined;
}

/** Market time over a wall clock; by default both are the same. */
export function marketClock(clock: Clock, initial?: Partial<MarketClockState>): MarketClock {
  const wallMs = clock.nowMs();
  let state: MarketClockState = { marketMs: wallMs, atWallMs: wallMs, speed: 1, paused: false, ...initial };
  const alarms = new Set<Alarm>();
  const listeners = new Set<() => void>();

  const nowMs = () =>
    state.paused
      ? state.marketMs
      : Math.floor(state.marketMs + (clock.nowMs() - state.atWallMs) * state.speed);

  const arm = (alarm: Alarm) => {
    alarm.timer?.[Symbol.dispose]();
    alarm.timer = undefined;
    if (state.paused) return;
    const waitMs = Math.max(0, Math.ceil((alarm.atMs - nowMs()) / state.speed));
    // Timers hold at most 2^31 − 1 ms; a longer wait is re-armed on the way.
    alarm.timer = clock.timer(Math.min(waitMs, 2 ** 30), () => {
      if (nowMs() < alarm.atMs) return arm(alarm);
      alarms.delete(alarm);
      alarm.fn();
    });
  };

  return {
    nowMs,
    get speed() {
      return state.speed;
    },
    get paused() {
      return state.paused;
    },
    at(atMs, fn) {
      const alarm: Alarm = { atMs, fn, timer: undefined };
      alarms.add(alarm);
      arm(alarm);
      return {
        [Symbol.dispose]() {
          alarms.delete(alarm);
          alarm.timer?.[Symbol.dispose]();
        },
      };
    },
    set(next) {
      state = next;
      for (const alarm of alarms) arm(alarm);
      for (const fn of listeners) fn();
    },
    onChange(fn) {
      listeners.add(fn);
      return { [Symbol.dispose]: () => listeners.delete(fn) };
    },
  };
}
