/** Second tries must not double the load of those that are left: a share of the calls of the last seconds, and a few. */

import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";

export interface FailoverBudget {
  /** Counts a call. */
  call(): void;
  /** Counts a second try; false when there are too many already. */
  failOver(): boolean;
}

interface Second {
  readonly atS: number;
  calls: number;
  failovers: number;
}

export function createFailoverBudget(clock: Clock): FailoverBudget {
  const seconds: Second[] = [];
  const now = (): Second => {
    const atS = Math.floor(clock.monotonicMs() / 1_000);
    const windowS = nodeLimits.failoverWindowMs / 1_000;
    while (seconds.length > 0 && atS - (seconds[0]?.atS ?? 0) >= windowS) seconds.shift();
    const last = seconds.at(-1);
    if (last?.atS === atS) return last;
    const fresh = { atS, calls: 0, failovers: 0 };
    seconds.push(fresh);
    return fresh;
  };
  return {
    call() {
      now().calls += 1;
    },
    failOver() {
      const current = now();
      let calls = 0;
      let failovers = 0;
      for (const second of seconds) {
        calls += second.calls;
        failovers += second.failovers;
      }
      const allowed = (calls * nodeLimits.failoverPercent) / 100 + nodeLimits.failoverSpare;
      if (failovers + 1 > allowed) return false;
      current.failovers += 1;
      return true;
    },
  };
}
