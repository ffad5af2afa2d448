/** Keeps the words of this node's agents in the DHT, as pointers to who can be asked. */

import { isProtocolError } from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Transport } from "../network/transport.ts";
import { withPrefixes } from "../words.ts";

export interface WordProviderOptions {
  readonly transport: Transport;
  readonly dht: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Words of the agents that others may see, in order of registration. */
  readonly words: () => readonly string[];
  /** Where the DHT keeps who offers a word. */
  readonly keyOf: (word: string) => Uint8Array;
}

export interface WordProvider {
  /** The words may be others now. */
  changed(): void;
  /** Takes all of them back. */
  withdraw(): Promise<void>;
  stop(): void;
}

const PROVIDE_MS = 5_000;
const RETRY_MAX_MS = 60_000;
/** Where links never end to come, they are waited for no longer. */
const PUT_OFF_MS = 10_000;
const GROWN_MS = 300_000;

export function createWordProvider(options: WordProviderOptions): WordProvider {
  return new Provider(options);
}

class Provider implements WordProvider {
  readonly #options: WordProviderOptions;
  /** Words somebody may keep for us. */
  readonly #provided = new Set<string>();
  /** Of them those the network as it is now was told. */
  readonly #told = new Set<string>();
  readonly #links: Disposable;
  #soon: Disposable | undefined;
  /** Monotonic time from which on new links put nothing off. */
  #noLaterMs = 0;
  #growth: Disposable | undefined;
  #stopped = false;
  #leftOut = 0;
  #running = false;
  /** Rounds in a row that the DHT did not take. */
  #failures = 0;

  constructor(options: WordProviderOptions) {
    this.#options = options;
    // Words can be provided once somebody is there to keep them.
    this.#links = options.transport.on("link", () => this.#linked());
  }

  #linked(): void {
    if (this.#soon !== undefined && this.#options.clock.monotonicMs() < this.#noLaterMs) {
      this.#soon[Symbol.dispose]();
      this.#soon = undefined;
      this.#arm(nodeLimits.provideSettleMs);
    } else this.changed();
  }

  /** While links still come, each word would have to move again; and all at once they are a storm of queries. */
  changed(): void {
    this.#later(nodeLimits.provideSettleMs);
  }

  #later(settleMs: number): void {
    if (this.#stopped || !this.#options.dht || this.#running || this.#soon !== undefined) return;
    this.#noLaterMs = this.#options.clock.monotonicMs() + PUT_OFF_MS;
    this.#arm(settleMs);
  }

  #arm(settleMs: number): void {
    const { clock, random } = this.#options;
    this.#soon = clock.timer(settleMs + random.below(settleMs), () => {
      this.#soon = undefined;
      void this.#run();
    });
  }

  /** One round at a time; what changed meanwhile is seen by the next. */
  async #run(): Promise<void> {
    // The next link begins anew.
    if (this.#options.transport.links().length === 0) return;
    this.#running = true;
    try {
      this.#failures = (await this.#provide()) ? 0 : this.#failures + 1;
    } finally {
      this.#running = false;
    }
    if (this.#failures > 0)
      this.#later(Math.min(nodeLimits.provideSettleMs * 2 ** this.#failures, RETRY_MAX_MS));
    else if (this.#differs()) this.changed();
    else this.#growth ??= this.#options.clock.timer(GROWN_MS, () => this.#tellAgain());
  }

  /** Those who keep the words were the closest of a young network: once it has grown, others are. */
  #tellAgain(): void {
    this.#told.clear();
    this.changed();
  }

  #differs(): boolean {
    const wanted = this.#wanted();
    return wanted.size !== this.#provided.size || [...wanted].some((word) => !this.#told.has(word));
  }

  async withdraw(): Promise<void> {
    this.stop();
    const { transport, keyOf } = this.#options;
    const words = [...this.#provided];
    this.#provided.clear();
    await Promise.allSettled(words.map((word) => transport.withdraw(keyOf(word))));
  }

  stop(): void {
    this.#stopped = true;
    this.#links[Symbol.dispose]();
    this.#soon?.[Symbol.dispose]();
    this.#growth?.[Symbol.dispose]();
  }

  /** False when the DHT did not take it. */
  async #provide(): Promise<boolean> {
    const { transport, log, keyOf } = this.#options;
    const words = this.#wanted();
    for (const word of [...this.#provided].filter((one) => !words.has(one))) {
      this.#provided.delete(word);
      this.#told.delete(word);
      await transport.withdraw(keyOf(word)).catch(() => undefined);
    }
    for (const word of words) {
      if (this.#stopped) return true;
      if (this.#told.has(word)) continue;
      this.#provided.add(word);
      try {
        await transport.provide(keyOf(word), { timeoutMs: PROVIDE_MS });
        this.#told.add(word);
      } catch (error) {
        if (!isProtocolError(error)) throw error;
        log.debug("registry.provide", error.message, { word, code: error.code });
        return false;
      }
    }
    return true;
  }

  /** Others keep no more than 256 provider records of one node. */
  #wanted(): ReadonlySet<string> {
    const words = [...new Set(this.#options.words().flatMap(withPrefixes))];
    const leftOut = Math.max(0, words.length - nodeLimits.wordsProvided);
    if (leftOut > this.#leftOut) {
      const why = `${leftOut} words of the agents here cannot be looked up in the DHT: a node has ${nodeLimits.wordsProvided}`;
      this.#options.log.warn("registry.words", why, { words: words.length });
    }
    this.#leftOut = leftOut;
    return new Set(words.slice(0, nodeLimits.wordsProvided));
  }
}
