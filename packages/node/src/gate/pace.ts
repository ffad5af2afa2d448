/** The other side's rate limit, kept on ours: an honest node waits instead of being refused. */

import {
  type BucketRates,
  DualBucket,
  isProtocolError,
  peerRates,
  type Priority,
  PriorityQueue,
  ProtocolError,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";

/** Tries of one message that the other side found too many. */
const TRIES = 5;

/** Sends again, later, what was refused as one too many: such a message was not acted on. */
export async function patiently<T>(clock: Clock, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const waitMs = againAfterMs(error, attempt);
      if (waitMs === undefined) throw error;
      await clock.sleep(waitMs, signal);
    }
  }
}

/** How long to wait before the next try of what failed at its `attempt`th; undefined: it is not tried again. */
export function againAfterMs(error: unknown, attempt: number): number | undefined {
  if (!isProtocolError(error) || error.code !== "RATE_LIMITED" || attempt >= TRIES) return undefined;
  const told = error.data?.["retry_after_ms"];
  const waitMs = typeof told === "number" ? told : 0;
  return Math.min(Math.max(waitMs, MIN_WAIT_MS) * attempt, MAX_WAIT_MS);
}

/** A message that is to go out. */
interface Parcel {
  readonly priority: Priority;
  readonly bytes: number;
  readonly signal: AbortSignal;
}

export interface Pacer {
  /** Resolves when one more call may go to this peer, in the order of asking; rejects with the signal's reason. */
  turn(peerId: string, signal: AbortSignal): Promise<void>;
  /** Takes a turn that is there at once and that nobody waits for; false: ask for one. */
  tryTurn(peerId: string): boolean;
  /**
   * Writes a message when its turn has come, the more urgent ones first; it keeps its place until it is written.
   * @throws OVERLOADED when too many wait: the oldest low ones go first, then normal ones; what `write` throws.
   */
  send<T>(peerId: string, parcel: Parcel, write: () => Promise<T>): Promise<T>;
  /** Messages that wait for this peer. */
  waiting(peerId: string): number;
}

/** Below what the peer allows: messages sent apart arrive together when its event loop was held up. */
const SHARE = 0.9;
const PEAK_SHARE = 0.5;
const SWEEP_ABOVE = 1_024;
const MIN_WAIT_MS = 50;
const MAX_WAIT_MS = 2_000;
/** Messages of one peer handed to its streams at once; the others keep their order here. */
const WRITES_AT_ONCE = 16;

/** Somebody who waits for a turn. */
interface Waiter {
  readonly go: () => void;
  readonly fail: (error: unknown) => void;
  isOver: boolean;
}

interface Wanted {
  readonly signal: AbortSignal;
  readonly queue: (waiter: Waiter) => void;
  /** Called in the same step in which the turn is given. */
  readonly onGo: () => void;
}

interface Lane {
  readonly bucket: DualBucket;
  readonly messages: PriorityQueue<Waiter>;
  readonly calls: Waiter[];
  /** Was the last turn a call's? The other kind goes next. */
  wasCall: boolean;
  writing: number;
  /** Whose turn it is as soon as the bucket allows. */
  held: Waiter | undefined;
  timer: Disposable | undefined;
}

export interface PacerOptions {
  /** What the peers admit; default the protocol's. */
  readonly allowed?: BucketRates | undefined;
  /** Told of a peer towards which nothing but critical messages wait, too many of them. */
  readonly onStuck?: ((peerId: string) => void) | undefined;
}

export function createPacer(clock: Clock, options: PacerOptions = {}): Pacer {
  return new Lanes(clock, options);
}

class Lanes implements Pacer {
  readonly #clock: Clock;
  readonly #allowed: BucketRates;
  readonly #onStuck: (peerId: string) => void;
  readonly #lanes = new Map<string, Lane>();

  constructor(clock: Clock, { allowed = peerRates, onStuck = () => undefined }: PacerOptions) {
    this.#clock = clock;
    this.#allowed = allowed;
    this.#onStuck = onStuck;
  }

  turn(peerId: string, signal: AbortSignal): Promise<void> {
    const lane = this.#laneOf(peerId);
    return this.#wait(lane, { signal, queue: (waiter) => lane.calls.push(waiter), onGo: () => undefined });
  }

  tryTurn(peerId: string): boolean {
    const lane = this.#laneOf(peerId);
    return isQuiet(lane) && lane.bucket.take(this.#clock.monotonicMs()) === 0;
  }

  async send<T>(peerId: string, parcel: Parcel, write: () => Promise<T>): Promise<T> {
    const { priority, bytes, signal } = parcel;
    const lane = this.#laneOf(peerId);
    const queue = (waiter: Waiter) => {
      const at = { priority, bytes, nowMs: this.#clock.monotonicMs() };
      const { dropped, isFull } = lane.messages.push(waiter, at);
      for (const one of dropped) {
        one.fail(new ProtocolError("OVERLOADED", "too many messages wait for this peer"));
      }
      if (isFull) this.#onStuck(peerId);
    };
    const onGo = () => (lane.writing += 1);
    await this.#wait(lane, { signal, queue, onGo });
    try {
      return await write();
    } finally {
      lane.writing -= 1;
      this.#pump(lane);
    }
  }

  waiting(peerId: string): number {
    return this.#lanes.get(peerId)?.messages.size ?? 0;
  }

  #wait(lane: Lane, { signal, queue, onGo }: Wanted): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => waiter.fail(signal.reason);
      const end = () => {
        waiter.isOver = true;
        signal.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = {
        isOver: false,
        go() {
          end();
          onGo();
          resolve();
        },
        fail(error) {
          end();
          reject(error);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      queue(waiter);
      this.#pump(lane);
    });
  }

  /** Lets go whoever may; waits for the bucket where it has nothing left. */
  #pump(lane: Lane): void {
    while (lane.timer === undefined) {
      const chosen = lane.held ?? this.#next(lane);
      lane.held = undefined;
      if (chosen === undefined) return;
      if (chosen.isOver) continue;
      const waitMs = lane.bucket.take(this.#clock.monotonicMs());
      if (waitMs === 0) {
        chosen.go();
        continue;
      }
      lane.held = chosen;
      lane.timer = this.#clock.timer(waitMs, () => {
        lane.timer = undefined;
        this.#pump(lane);
      });
    }
  }

  /** Whose turn it is; calls and messages take turns where both wait. */
  #next(lane: Lane): Waiter | undefined {
    const isBusy = lane.writing >= WRITES_AT_ONCE;
    const message = () => (isBusy ? undefined : lane.messages.shift(this.#clock.monotonicMs()));
    if (lane.wasCall) {
      const chosen = message();
      lane.wasCall = chosen === undefined;
      return chosen ?? lane.calls.shift();
    }
    const call = lane.calls.shift();
    lane.wasCall = call !== undefined;
    return call ?? message();
  }

  #laneOf(peerId: string): Lane {
    const known = this.#lanes.get(peerId);
    if (known !== undefined) return known;
    const nowMs = this.#clock.monotonicMs();
    if (this.#lanes.size >= SWEEP_ABOVE) this.#sweep(nowMs);
    const { perSecond, burst, peakPerSecond, peakBurst } = this.#allowed;
    const bucket = new DualBucket(nowMs, {
      perSecond: perSecond * SHARE,
      burst: burst * SHARE,
      peakPerSecond: peakPerSecond * PEAK_SHARE,
      peakBurst: peakBurst * PEAK_SHARE,
    });
    const fresh: Lane = {
      bucket,
      messages: new PriorityQueue(),
      calls: [],
      wasCall: false,
      writing: 0,
      held: undefined,
      timer: undefined,
    };
    this.#lanes.set(peerId, fresh);
    return fresh;
  }

  /** A lane in which nothing waits and nothing is owed is as good as a fresh one. */
  #sweep(nowMs: number): void {
    for (const [peerId, lane] of this.#lanes) {
      const isIdle = isQuiet(lane) && lane.writing === 0;
      if (isIdle && lane.bucket.isFull(nowMs)) this.#lanes.delete(peerId);
    }
  }
}

/** Does nobody wait? */
function isQuiet({ messages, calls, held }: Lane): boolean {
  return messages.size === 0 && calls.length === 0 && held === undefined;
}
