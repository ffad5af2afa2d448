/** Asks whoever the DHT names: every word at once, the union of their providers, eight of them at a time. */

import { messageOf } from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { PeerHint } from "../network/transport.ts";

export interface ProviderSearch {
  readonly log: Log;
  /** Who may have this word. */
  readonly providers: (word: string, wait: Wait) => AsyncIterable<PeerHint>;
  /** Need this peer not be asked: it is this node, has told all, or said that it has nothing? */
  readonly isKnown: (peerId: string, word: string) => boolean;
  /** Told where a peer may be reached, before it is asked. */
  readonly notice: (hint: PeerHint) => void;
  /** Told of providers that somebody names while the search lasts. */
  readonly onNamed?: (fn: (hint: PeerHint, word: string) => void) => Disposable;
  /** Asks a peer for the records of its agents. */
  readonly fetch: (peerId: string, wait: Wait) => Promise<void>;
}

/** Yields whenever more may be known; ends when every provider answered or failed, or with the signal. */
export async function* askProviders(
  search: ProviderSearch,
  words: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<void> {
  const end = new AbortController();
  const stop = () => end.abort(signal.reason);
  if (signal.aborted) return;
  signal.addEventListener("abort", stop, { once: true });
  const harvest = new Harvest(search, end.signal);
  using _named = search.onNamed?.((hint, word) => {
    if (words.includes(word)) harvest.offer(hint, word);
  });
  try {
    // Choosing one word of many would lose matches silently.
    for (const word of words) harvest.lookUp(word);
    while (await harvest.news()) yield;
  } finally {
    signal.removeEventListener("abort", stop);
    end.abort();
  }
}

class Harvest {
  readonly #search: ProviderSearch;
  readonly #signal: AbortSignal;
  readonly #seen = new Set<string>();
  readonly #waiting: string[] = [];
  #lookUps = 0;
  #fetches = 0;
  /** Fetches that ended since the last look. */
  #fresh = 0;
  #wake: () => void = () => undefined;

  constructor(search: ProviderSearch, signal: AbortSignal) {
    this.#search = search;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake(), { once: true });
  }

  lookUp(word: string): void {
    this.#lookUps += 1;
    void this.#walk(word).finally(() => {
      this.#lookUps -= 1;
      this.#wake();
    });
  }

  /** True at news, false at the end. */
  async news(): Promise<boolean> {
    for (;;) {
      if (this.#fresh > 0) {
        this.#fresh = 0;
        return true;
      }
      const idle = this.#lookUps === 0 && this.#fetches === 0 && this.#waiting.length === 0;
      if (idle || this.#signal.aborted) return false;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  async #walk(word: string): Promise<void> {
    const { providers, log } = this.#search;
    try {
      const wait = { timeoutMs: nodeLimits.findTimeoutMs, signal: this.#signal };
      for await (const hint of providers(word, wait)) this.offer(hint, word);
    } catch (error) {
      // The DHT is one source of several: without it the search ends with what the others gave.
      log.debug("registry.dht", messageOf(error), { word });
    }
  }

  offer(hint: PeerHint, word: string): void {
    const { isKnown, notice } = this.#search;
    const { peerId } = hint;
    if (this.#seen.has(peerId) || isKnown(peerId, word)) return;
    this.#seen.add(peerId);
    notice(hint);
    this.#waiting.push(peerId);
    this.#fetchMore();
  }

  #fetchMore(): void {
    while (this.#fetches < nodeLimits.fetchesAtOnce && !this.#signal.aborted) {
      const peerId = this.#waiting.shift();
      if (peerId === undefined) return;
      this.#fetches += 1;
      void this.#fetch(peerId);
    }
  }

  async #fetch(peerId: string): Promise<void> {
    const { fetch, log } = this.#search;
    try {
      await fetch(peerId, { timeoutMs: nodeLimits.fetchTimeoutMs, signal: this.#signal });
    } catch (error) {
      log.debug("registry.fetch", messageOf(error), { peer: peerId });
    }
    this.#fetches -= 1;
    this.#fresh += 1;
    this.#fetchMore();
    this.#wake();
  }
}
