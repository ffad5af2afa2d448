/** How a greeted peer is, by its silence: it says something at least every fifteen seconds. */

import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { TimerSet } from "../network/timer-set.ts";
import type { PeerSession } from "./session.ts";

type PeerHealth = "healthy" | "suspect" | "dead";

export interface HealthWatch extends Disposable {
  /** Undefined for a peer that is not greeted. */
  of(peerId: string): PeerHealth | undefined;
  /** Told of each change. */
  onChange(fn: (peerId: string, health: PeerHealth) => void): Disposable;
}

export interface HealthOptions {
  readonly clock: Clock;
  readonly sessions: () => readonly PeerSession[];
}

const ROUND_MS = 5_000;
/** A round this much too late says that our own loop stood still, not the peers. */
const OWN_LAG_MS = 2_000;

export function watchHealth({ clock, sessions }: HealthOptions): HealthWatch {
  const known = new Map<string, PeerHealth>();
  const listeners = new Set<(peerId: string, health: PeerHealth) => void>();
  const timers = new TimerSet(clock);
  let dueMs = clock.monotonicMs() + ROUND_MS;
  const look = () => {
    const nowMs = clock.monotonicMs();
    const lagMs = nowMs - dueMs;
    dueMs = nowMs + ROUND_MS;
    const greeted = sessions().filter((session) => session.agreement !== undefined);
    if (lagMs > OWN_LAG_MS) for (const session of greeted) session.heardMs += lagMs;
    const here = new Set(greeted.map(({ peerId }) => peerId));
    for (const peerId of known.keys()) if (!here.has(peerId)) known.delete(peerId);
    for (const { peerId, heardMs } of greeted) {
      const health = healthAfter(nowMs - heardMs);
      if ((known.get(peerId) ?? "healthy") === health) continue;
      known.set(peerId, health);
      for (const fn of listeners) fn(peerId, health);
    }
  };
  timers.every(ROUND_MS, look);
  return {
    of(peerId) {
      const session = sessions().find((one) => one.peerId === peerId && one.agreement !== undefined);
      return session === undefined ? undefined : (known.get(peerId) ?? "healthy");
    },
    onChange(fn) {
      listeners.add(fn);
      return { [Symbol.dispose]: () => listeners.delete(fn) };
    },
    [Symbol.dispose]: () => timers[Symbol.dispose](),
  };
}

function healthAfter(silentMs: number): PeerHealth {
  if (silentMs >= nodeLimits.goneMs) return "dead";
  return silentMs >= nodeLimits.suspectMs ? "suspect" : "healthy";
}
