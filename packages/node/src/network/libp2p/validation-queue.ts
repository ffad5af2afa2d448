import type { Clock } from "../../clock.ts";
import type { Verdict } from "../transport.ts";

/** Messages of one topic that wait for their verdict; the oldest makes room. */
const MAX_WAITING = 1_024;
/** Verdicts sought at once. */
const AT_ONCE = 64;
/** A verdict later than this is none. */
const ANSWER_MS = 100;

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

/** Bounds the work that one topic's messages make; it never throws, and load rejects nobody. */
export class ValidationQueue {
  readonly #options: ValidationQueueOptions;
  readonly #waiting: Waiting[] = [];
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
    const { clock, validate, onIgnored } = this.#options;
    return new Promise((resolve) => {
      let answered = false;
      const answer = (verdict: Verdict) => {
        answered = true;
        timer[Symbol.dispose]();
        resolve(verdict);
      };
      const timer = clock.timer(ANSWER_MS, () => {
        onIgnored("gossip-late");
        answer("ignore");
      });
      (async () => await validate(from, data))().then(answer, () => {
        if (answered) return;
        onIgnored("gossip-failed");
        answer("ignore");
      });
    });
  }
}
