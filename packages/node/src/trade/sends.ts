/** Sending again until the state says it is done: 300 ms, doubled to 10 s, ± 25 %, and at once when a peer is back. */

import { isProtocolError } from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";

const FIRST_MS = 300;
const MAX_MS = 10_000;
/** Errands to one peer at a time, whose documents may share a message; the rest waits its turn. */
const PER_PEER = 16;

interface Errand {
  /** One errand per key. */
  readonly key: string;
  readonly peerId: string;
  /**
   * Looks at the state and says what it calls for; true when nothing is left to say, a number when there will be after
   * so many ms. A throw is tried again.
   */
  attempt(signal: AbortSignal): Promise<boolean | number>;
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
  /** Wanted while it was busy: what it looked at may have changed since. */
  again: boolean;
}

interface Queue {
  readonly errands: Set<Running>;
  readonly waiting: Running[];
  inFlight: number;
}

export function createSends(ports: Ports): Sends {
  return new ErrandRunner(ports);
}

interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

class ErrandRunner implements Sends {
  readonly #ports: Ports;
  readonly #running = new Map<string, Running>();
  readonly #queues = new Map<string, Queue>();
  readonly #stopping = new AbortController();

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  want(errand: Errand, delayMs = 0): void {
    const known = this.#running.get(errand.key);
    if (known?.busy === true) known.again = true;
    if (known !== undefined || this.#stopping.signal.aborted) return;
    const it: Running = { errand, delayMs: FIRST_MS, timer: undefined, busy: false, again: false };
    this.#running.set(errand.key, it);
    this.#queueOf(errand.peerId).errands.add(it);
    this.#later(it, delayMs);
  }

  wake(peerId: string): void {
    for (const it of this.#queues.get(peerId)?.errands ?? []) {
      it.delayMs = FIRST_MS;
      if (!it.busy) this.#later(it, 0);
    }
  }

  running(): number {
    return this.#running.size;
  }

  stop(): void {
    this.#stopping.abort();
    for (const it of this.#running.values()) it.timer?.[Symbol.dispose]();
  }

  #queueOf(peerId: string): Queue {
    let queue = this.#queues.get(peerId);
    if (queue === undefined) {
      queue = { errands: new Set(), waiting: [], inFlight: 0 };
      this.#queues.set(peerId, queue);
    }
    return queue;
  }

  #later(it: Running, delayMs: number): void {
    it.timer?.[Symbol.dispose]();
    it.timer = this.#ports.clock.timer(delayMs, () => this.#due(it));
  }

  #due(it: Running): void {
    if (it.busy || this.#stopping.signal.aborted) return;
    it.busy = true;
    const queue = this.#queueOf(it.errand.peerId);
    if (queue.inFlight >= PER_PEER) queue.waiting.push(it);
    else void this.#run(it, queue);
  }

  async #run(it: Running, queue: Queue): Promise<void> {
    queue.inFlight += 1;
    it.again = false;
    const done = await this.#attempt(it.errand);
    queue.inFlight -= 1;
    it.busy = false;
    if (done === true && !it.again) {
      this.#running.delete(it.errand.key);
      queue.errands.delete(it);
    } else if (!this.#stopping.signal.aborted && done !== false) {
      it.delayMs = FIRST_MS;
      this.#later(it, done === true ? 0 : done);
    } else if (!this.#stopping.signal.aborted) {
      // ± 25 %, so that two nodes that failed together do not come back together.
      this.#later(it, Math.round((it.delayMs * (750 + this.#ports.random.below(501))) / 1000));
      it.delayMs = Math.min(it.delayMs * 2, MAX_MS);
    }
    const next = queue.waiting.shift();
    if (next !== undefined && !this.#stopping.signal.aborted) void this.#run(next, queue);
    if (queue.errands.size === 0) this.#queues.delete(it.errand.peerId);
  }

  async #attempt(errand: Errand): Promise<boolean | number> {
    try {
      return await errand.attempt(this.#stopping.signal);
    } catch (error) {
      const code = isProtocolError(error) ? error.code : "unexpected";
      const fields = { peer: errand.peerId, code };
      if (isProtocolError(error)) this.#ports.log.debug("trade.retry", `${errand.key}: ${code}`, fields);
      else this.#ports.log.error("trade.retry", `${errand.key}: ${String(error)}`, fields);
      return false;
    }
  }
}
