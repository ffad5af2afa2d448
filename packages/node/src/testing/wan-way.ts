/** One direction of a wide-area link. */

import type { Socket } from "node:net";
import type { Clock, Random } from "../clock.ts";

export interface WanConditions {
  /** One way, in milliseconds. */
  readonly delayMs: number;
  /** Up to so much more, drawn for each chunk; order is kept. */
  readonly jitterMs: number;
  /** Shared by all connections of the link, each way; 0: no limit. */
  readonly bytesPerSecond: number;
}

/** What a connection may have on its way before its sender is held up. */
const IN_FLIGHT_BYTES = 16 * 1024 * 1024;

/** Something on its way: bytes, or the sender's end, or its death. */
interface Parcel {
  readonly dueMs: number;
  readonly what: Buffer | "end" | "reset";
}

/** One direction of the link, for all its connections: they share its rate and its black hole. */
export class WanWay implements Disposable {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lanes = new Set<Lane>();
  #conditions: WanConditions;
  #stopped = false;
  /** When the bytes sent so far will have passed the narrowest place. */
  #freeMs = 0;
  bytes = 0;

  constructor(conditions: WanConditions, clock: Clock, random: Random) {
    this.#conditions = conditions;
    this.#clock = clock;
    this.#random = random;
  }

  get clock(): Clock {
    return this.#clock;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  set(conditions: Partial<WanConditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
  }

  stop(): void {
    this.#stopped = true;
  }

  go(): void {
    this.#stopped = false;
    for (const lane of this.#lanes) lane.deliver();
  }

  carry(from: Socket, to: Socket): void {
    const lane = new Lane(this, from, to);
    this.#lanes.add(lane);
    // The sender learns of it by the other direction, if that one carries anything.
    to.once("close", () => {
      this.#lanes.delete(lane);
      lane[Symbol.dispose]();
    });
  }

  /** Monotonic time at which a chunk of this size arrives. */
  arrivalMs(bytes: number): number {
    const { delayMs, jitterMs, bytesPerSecond } = this.#conditions;
    const nowMs = this.#clock.monotonicMs();
    const startMs = Math.max(nowMs, this.#freeMs);
    this.#freeMs = bytesPerSecond > 0 ? startMs + (bytes * 1_000) / bytesPerSecond : nowMs;
    return this.#freeMs + delayMs + (jitterMs > 0 ? this.#random.below(Math.ceil(jitterMs) + 1) : 0);
  }

  [Symbol.dispose](): void {
    for (const lane of this.#lanes) lane[Symbol.dispose]();
    this.#lanes.clear();
  }
}

/** One connection's share of a direction. */
class Lane implements Disposable {
  readonly #way: WanWay;
  readonly #from: Socket;
  readonly #to: Socket;
  #queue: Parcel[] = [];
  #head = 0;
  #queuedBytes = 0;
  #lastDueMs = 0;
  #full = false;
  #over = false;
  #timer: Disposable | undefined;

  constructor(way: WanWay, from: Socket, to: Socket) {
    this.#way = way;
    this.#from = from;
    this.#to = to;
    from.on("data", (chunk: Buffer) => this.#send(chunk, chunk.length));
    from.on("end", () => this.#send("end", 0));
    from.on("error", () => this.#send("reset", 0));
    from.on("close", (broken) => this.#send(broken ? "reset" : "end", 0));
    to.on("drain", () => {
      this.#full = false;
      this.deliver();
    });
  }

  #send(what: Parcel["what"], bytes: number): void {
    if (this.#over) return;
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#way.arrivalMs(bytes));
    this.#queue.push({ dueMs: this.#lastDueMs, what });
    this.#queuedBytes += bytes;
    if (this.#queuedBytes >= IN_FLIGHT_BYTES) this.#from.pause();
    if (this.#timer === undefined) this.deliver();
  }

  /** Puts out what is due and waits for the rest. */
  deliver(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    while (!this.#full && !this.#way.isStopped) {
      const next = this.#queue[this.#head];
      if (next === undefined) break;
      const leftMs = next.dueMs - this.#way.clock.monotonicMs();
      if (leftMs > 0.5) {
        this.#timer = this.#way.clock.timer(leftMs, () => this.deliver());
        break;
      }
      this.#head += 1;
      this.#put(next.what);
    }
    if (this.#head === this.#queue.length || this.#head > 1_024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (this.#queuedBytes < IN_FLIGHT_BYTES && this.#from.isPaused()) this.#from.resume();
  }

  #put(what: Parcel["what"]): void {
    if (this.#to.destroyed) return;
    if (what === "reset") this.#to.resetAndDestroy();
    else if (what === "end") this.#to.end();
    else {
      this.#queuedBytes -= what.length;
      this.#way.bytes += what.length;
      this.#full = !this.#to.write(what);
    }
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#timer?.[Symbol.dispose]();
    this.#queue = [];
    this.#head = 0;
    if (this.#from.isPaused()) this.#from.resume();
  }
}
