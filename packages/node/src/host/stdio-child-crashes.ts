/** How often an agent's processes died lately, and how long the next start waits for it. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";

export interface CrashLog {
  note(): void;
  /** Until the next start may be tried. */
  waitMs(): number;
  /** Died too often: it stays down until it is added again. */
  readonly failed: boolean;
  readonly total: number;
  /** @throws AGENT_START_FAILED once it has failed, AGENT_UNAVAILABLE when the next start is far. */
  check(): void;
}

const JITTER_PERCENT = 25;

export function crashLog(options: {
  readonly agent: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly onFailed: () => void;
}): CrashLog {
  const { agent, clock, random, onFailed } = options;
  let times: number[] = [];
  let inRow = 0;
  let nextMs = 0;
  let failed = false;
  let total = 0;
  const waitMs = () => Math.max(0, nextMs - clock.monotonicMs());
  return {
    waitMs,
    get failed() {
      return failed;
    },
    get total() {
      return total;
    },
    note() {
      const nowMs = clock.monotonicMs();
      total += 1;
      const last = times.at(-1);
      inRow = last === undefined || nowMs - last > nodeLimits.childCrashWindowMs ? 1 : inRow + 1;
      times = [...times.filter((atMs) => nowMs - atMs < nodeLimits.childCrashWindowMs), nowMs];
      const plainMs = Math.min(nodeLimits.childBackoffMs * 2 ** (inRow - 1), nodeLimits.childBackoffMaxMs);
      const percent = 100 - JITTER_PERCENT + random.below(2 * JITTER_PERCENT + 1);
      nextMs = nowMs + (plainMs * percent) / 100;
      if (failed || times.length < nodeLimits.childCrashes) return;
      failed = true;
      onFailed();
    },
    check() {
      if (failed) throw new ProtocolError("AGENT_START_FAILED", `agent ${agent} crashed too often`);
      const leftMs = Math.ceil(waitMs());
      if (leftMs <= nodeLimits.childStartMs) return;
      const data = { retry_after_ms: leftMs };
      throw new ProtocolError("AGENT_UNAVAILABLE", `agent ${agent} crashed and starts again later`, { data });
    },
  };
}
