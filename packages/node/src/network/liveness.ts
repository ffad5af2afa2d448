import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Transport } from "./transport.ts";

const ROUND_MS = 5_000;
/** A round this much too late says that our own loop stood still, not the peer. */
const OWN_LAG_MS = 2_000;
const SILENT_MS = 20_000;
const PING_MS = 10_000;
const MAX_MISSES = 3;
const DEAD_MS = 60_000;

export interface LivenessOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
}

/** Pings silent links and hangs up the dead: three misses and a minute of silence, both. */
export function watchLiveness(options: LivenessOptions): Disposable {
  const { transport, clock, log } = options;
  const misses = new Map<string, number>();
  const pinging = new Set<string>();
  let stopped = false;
  let timer: Disposable | undefined;

  const check = async (peerId: string, silentMs: number) => {
    pinging.add(peerId);
    const startMs = clock.monotonicMs();
    try {
      await transport.ping(peerId, { timeoutMs: PING_MS });
      misses.delete(peerId);
    } catch {
      // Judged by our own lag: a time-out that took far longer than it should proves nothing.
      if (clock.monotonicMs() - startMs > PING_MS + OWN_LAG_MS) return;
      const count = (misses.get(peerId) ?? 0) + 1;
      misses.set(peerId, count);
      if (count < MAX_MISSES || silentMs < DEAD_MS) return;
      misses.delete(peerId);
      log.info("link-dead", "no answer to three pings", { peer: peerId });
      await transport.hangUp(peerId, "no answer");
    } finally {
      pinging.delete(peerId);
    }
  };

  const round = (dueMs: number) => {
    if (stopped) return;
    const lagMs = clock.monotonicMs() - dueMs;
    const links = transport.links();
    for (const peerId of misses.keys()) {
      if (!links.some((link) => link.peerId === peerId)) misses.delete(peerId);
    }
    for (const link of lagMs > OWN_LAG_MS ? [] : links) {
      const silentMs = clock.nowMs() - link.lastByteMs;
      if (silentMs >= SILENT_MS && !pinging.has(link.peerId)) void check(link.peerId, silentMs);
    }
    next();
  };
  const next = () => {
    const dueMs = clock.monotonicMs() + ROUND_MS;
    timer = clock.timer(ROUND_MS, () => round(dueMs));
  };
  next();
  return {
    [Symbol.dispose]() {
      stopped = true;
      timer?.[Symbol.dispose]();
    },
  };
}
