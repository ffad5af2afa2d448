import type { Clock } from "../clock.ts";
import type { TimerSet } from "./timer-set.ts";

const POLL_MS = 5_000;
/** Wall time ahead of monotonic time by this much: the machine slept. */
const SLEPT_MS = 30_000;

/** Calls `onWake` within five seconds after the machine slept. */
export function watchWake(clock: Clock, timers: TimerSet, onWake: () => void): void {
  const offset = () => clock.nowMs() - clock.monotonicMs();
  let before = offset();
  timers.every(POLL_MS, () => {
    const now = offset();
    if (Math.abs(now - before) > SLEPT_MS) onWake();
    before = now;
  });
}
