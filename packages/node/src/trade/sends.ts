/** Sending again until the state says it is done: 300 ms, doubled to 10 s, ± 25 %, and at once when a peer is back. */

import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import { isProtocolError } from "@gridmesh/protocol";

const FIRST_MS = 300;
const MAX_MS = 10_000;
/** Requests to one peer at a time; the rest waits its turn. */
const PER_PEER = 8;

export interface Errand {
  /** One errand per key. */
  readonly key: string;
  readonly peerId: string;
  /** Looks at the state and says what it calls for; true when nothing is left to say. A throw is tried again. */
  attempt(signal: AbortSignal): Promise<boolean>;
}

export interface Sends {
  /** Begins an errand unless one of this key runs. */
  want(errand: Errand, delayMs?: number): void;
  /** The peer is back: everything for it at once. */
  wake(peerId: string): void;
  running(): number;
  stop(): void;
}

interface Running {
  readonly errand: Errand;
  delayMs: number;
  timer: Disposable | undefined;
  busy: boolean;
}

interface Queue {
  readonly errands: Set<Running>;
  readonly waiting: Running[];
  inFlight: number;
}

export function createSends(ports: {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): Sends {
  const { clock, random, log } = ports;
  const running = new Map<string, Running>();
  const queues = new Map<string, Queue>();
  const stopping = new AbortController();

  const queueOf = (peerId: string) => {
    let queue = queues.get(peerId);
    if (queue === undefined) queues.set(peerId, (queue = { errands: new Set(), waiting: [], inFlight: 0 }));
    return queue;
  };

  const later = (it: Running, delayMs: number) => {
    it.timer?.[Symbol.dispose]();
    it.timer = clock.timer(delayMs, () => due(it));
  };

  const due = (it: Running) => {
    if (it.busy || stopping.signal.aborted) return;
    it.busy = true;
    const queue = queueOf(it.errand.peerId);
    if (queue.inFlight >= PER_PEER) queue.waiting.push(it);
    else void run(it, queue);
  };

  const run = async (it: Running, queue: Queue) => {
    queue.inFlight += 1;
    const done = await it.errand.attempt(stopping.signal).catch((error: unknown) => {
      const code = isProtocolError(error) ? error.code : String(error);
      log.debug("trade.retry", `${it.errand.key}: ${code}`, { peer: it.errand.peerId, code });
      return false;
    });
    queue.inFlight -= 1;
    it.busy = false;
    if (done) {
      running.delete(it.errand.key);
      queue.errands.delete(it);
    } else if (!stopping.signal.aborted) {
      // ± 25 %, so that two nodes that failed together do not come back together.
      later(it, Math.round((it.delayMs * (750 + random.below(501))) / 1000));
      it.delayMs = Math.min(it.delayMs * 2, MAX_MS);
    }
    const next = queue.waiting.shift();
    if (next !== undefined && !stopping.signal.aborted) void run(next, queue);
    if (queue.errands.size === 0) queues.delete(it.errand.peerId);
  };

  return {
    want(errand, delayMs = 0) {
      if (running.has(errand.key) || stopping.signal.aborted) return;
      const it: Running = { errand, delayMs: FIRST_MS, timer: undefined, busy: false };
      running.set(errand.key, it);
      queueOf(errand.peerId).errands.add(it);
      later(it, delayMs);
    },
    wake(peerId) {
      for (const it of queues.get(peerId)?.errands ?? []) {
        it.delayMs = FIRST_MS;
        if (!it.busy) later(it, 0);
      }
    },
    running: () => running.size,
    stop() {
      stopping.abort();
      for (const it of running.values()) it.timer?.[Symbol.dispose]();
    },
  };
}
