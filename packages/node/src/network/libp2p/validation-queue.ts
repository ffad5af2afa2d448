import type { Clock } from "../../clock.ts";
import type { Verdict } from "../transport.ts";

/** Messages of one topic that wait for their verdict; the oldest makes room. */
const MAX_WAITING = 1_024;
/** Verdicts sought at once. */
const AT_ONCE = 64;
/**
 * A verdict that takes longer, in ticks of a clock that counts a stalled event loop as one of them, is none. The gate
 * answers after 100 ms of its own work; this is for one that never does, and more, since what is dropped never comes again.
 */
const ANSWER_MS = 1_000;
const TICK_MS = 100;

export type Validate = (from: string, data: Uint8Array) => Promise<Verdict>;

export interface ValidationQueueOptions {
  readonly clock: Clock;
  readonly validate: Validate;
  /** Told of each message that got no verdict, by rule. */
  readonly onIgnored: (rule: "gossip-queue" | "gossip-late" | "gossip-failed") => void;
}

interface Waiting {
  readonly from: string;
  readonly data: Uint8Array;
  readonly resolve: (verdict: Verdict) => void;
}

interface Asked {
  ticks: number;
  readonly late: () => void;
}

/** Bounds the work that one topic's messages make; it never throws, and load rejects nobody. */
export class ValidationQueue {
  readonly #options: ValidationQueueOptions;
  readonly #waiting: Waiting[] = [];
  readonly #asked = new Set<Asked>();
  #ticking = false;
  #running = 0;

  constructor(options: ValidationQueueOptions) {
    this.#options = options;
  }

  verdictOf(from: string, data: Uint8Array): Promise<Verdict> {
    if (this.#running < AT_ONCE) return this.#run(from, data);
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    this.#waiting.push({ from, data, resolve });
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift()?.resolve("ignore");
      this.#options.onIgnored("gossip-queue");
    }
    return promise;
  }

  async #run(from: string, data: Uint8Array): Promise<Verdict> {
    this.#running += 1;
    try {
      return await this.#inTime(from, data);
    } finally {
      this.#running -= 1;
      const next = this.#waiting.shift();
      if (next !== undefined) void this.#run(next.from, next.data).then(next.resolve);
    }
  }

  #inTime(from: string, data: Uint8Array): Promise<Verdict> {
    const { validate, onIgnored } = this.#options;
    return new Promise((resolve) => {
      const answer = (verdict: Verdict) => {
        this.#asked.delete(asked);
        resolve(verdict);
      };
      const late = () => {
        onIgnored("gossip-late");
        answer("ignore");
      };
      const asked = { ticks: 0, late };
      this.#asked.add(asked);
      if (!this.#ticking) this.#tickLater();
      (async () => await validate(from, data))().then(answer, () => {
        if (!this.#asked.has(asked)) return;
        onIgnored("gossip-failed");
        answer("ignore");
      });
    });
  }

  #tickLater(): void {
    this.#ticking = true;
    this.#options.clock.timer(TICK_MS, () => {
      this.#ticking = false;
      if (this.#asked.size === 0) return;
      this.#tickLater();
      for (const asked of this.#asked) {
        asked.ticks += 1;
        if (asked.ticks * TICK_MS >= ANSWER_MS) asked.late();
      }
    });
  }
}
