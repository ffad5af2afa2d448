/** Peers that call on and on above their rate: one refusal is a misfortune, hundreds each second are none. */

import { limits } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";

export interface Overruns {
  /** Counts a call refused for its rate; true when there were too many in each of ten successive seconds. */
  note(peerId: string): boolean;
}

const SECONDS = 10;
const PEERS_KEPT = 1_024;

interface Run {
  readonly sinceS: number;
  readonly atS: number;
  readonly refused: number;
}

/** @param perSecond - refusals that an honest peer never meets: as many as it may send */
export function createOverruns(clock: Clock, perSecond: number = limits.messagesPerSecond): Overruns {
  const runs = new Map<string, Run>();
  return {
    note(peerId) {
      const nowS = Math.floor(clock.monotonicMs() / 1_000);
      const run = goneOn(runs.get(peerId), nowS, perSecond);
      runs.delete(peerId);
      const oldest = runs.keys().next();
      if (runs.size >= PEERS_KEPT && !oldest.done) runs.delete(oldest.value);
      if (run.refused >= perSecond && nowS - run.sinceS >= SECONDS - 1) return true;
      runs.set(peerId, run);
      return false;
    },
  };
}

/** A second with fewer refusals, or none, begins anew. */
function goneOn(run: Run | undefined, nowS: number, perSecond: number): Run {
  if (run?.atS === nowS) return { ...run, refused: run.refused + 1 };
  const isNext = run !== undefined && run.atS === nowS - 1 && run.refused >= perSecond;
  return { sinceS: isNext ? run.sinceS : nowS, atS: nowS, refused: 1 };
}
