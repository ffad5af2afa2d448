/** Connections refused for coming too fast, by address: what makes an address banned. */

import { nodeLimits } from "../limits.ts";

export interface Floods {
  /** Counts a refused connection; true when that makes a flood. */
  note(ip: string, nowMs: number): boolean;
}

const ADDRESSES_KEPT = 4_096;

interface Count {
  refused: number;
  sinceMs: number;
}

/** One flood is so many refusals within one window. */
export function createFloods(): Floods {
  const counts = new Map<string, Count>();
  return {
    note(ip, nowMs) {
      const known = counts.get(ip);
      const running = known !== undefined && nowMs - known.sinceMs < nodeLimits.floodWindowMs;
      const count = running ? known : { refused: 0, sinceMs: nowMs };
      count.refused += 1;
      counts.delete(ip);
      const oldest = counts.keys().next();
      if (counts.size >= ADDRESSES_KEPT && !oldest.done) counts.delete(oldest.value);
      if (count.refused >= nodeLimits.floodRefusals) return true;
      counts.set(ip, count);
      return false;
    },
  };
}
