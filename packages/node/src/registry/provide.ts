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

export function createWordProvider(options: WordProviderOptions): WordProvider {
  return new Provider(options);
}

class Provider implements WordProvider {
  readonly #options: WordProviderOptions;
  readonly #provided = new Set<string>();
  readonly #links: Disposable;
  #soon: Disposable | undefined;
  #stopped = false;
  #leftOut = 0;

  constructor(options: WordProviderOptions) {
    this.#options = options;
    // Words can be provided once somebody is there to keep them.
    this.#links = options.transport.on("link", () => this.changed());
  }

  /** While links still come, each word would have to move again; and all at once they are a storm of queries. */
  changed(): void {
    if (this.#stopped || !this.#options.dht) return;
    const { clock, random } = this.#options;
    const waitMs = nodeLimits.provideSettleMs + random.below(nodeLimits.provideSettleMs);
    this.#soon ??= clock.timer(waitMs, () => {
      this.#soon = undefined;
      void this.#provide();
    });
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
  }

  async #provide(): Promise<void> {
    const { transport, log, keyOf } = this.#options;
    if (this.#stopped || transport.links().length === 0) return;
    const words = this.#wanted();
    for (const word of [...this.#provided].filter((one) => !words.has(one))) {
      this.#provided.delete(word);
      await transport.withdraw(keyOf(word));
    }
    for (const word of words) {
      if (this.#stopped) return;
      if (this.#provided.has(word)) continue;
      this.#provided.add(word);
      try {
        await transport.provide(keyOf(word), { timeoutMs: PROVIDE_MS });
      } catch (error) {
        // The next link tries again.
        this.#provided.delete(word);
        if (!isProtocolError(error)) throw error;
        log.debug("registry.provide", error.message, { word, code: error.code });
        return;
      }
    }
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
