/**
 * Asks the network: linked peers at once, beside them the DHT for every word, and eight at a time of whoever these name;
 * the union of all.
 */

import { messageOf } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { PeerHint } from "../network/transport.ts";
import { LinkedRound, type LinkedSearch } from "./linked.ts";

export interface ProviderSearch extends Pick<LinkedSearch, "log" | "greeted" | "answered" | "missing"> {
  readonly clock: Clock;
  /** Who may have this word; undefined without a DHT. */
  readonly providers: ((word: string, wait: Wait) => AsyncIterable<PeerHint>) | undefined;
  /** Need this peer not be asked: it is this node, has told all, or said that it has nothing? */
  readonly isKnown: (peerId: string, word: string) => boolean;
  /** Told where a peer may be reached, before it is asked. */
  readonly notice: (hint: PeerHint) => void;
  /** Told of providers that somebody names while the search lasts. */
  readonly onNamed?: ((fn: (hint: PeerHint, word: string) => void) => Disposable) | undefined;
  /** Asks a peer for the records of its agents that answer one of the words. */
  readonly fetch: (peerId: string, words: readonly string[], wait: Wait) => Promise<unknown>;
  /** Asks a linked peer for its agents and those it knows. */
  readonly askLinked: LinkedSearch["ask"];
  /** Is the node still meeting its first peers, so that silence proves nothing? */
  readonly settling: () => boolean;
  /** Do peers that are asked or were just greeted have yet to tell what they have? */
  readonly isTold: () => boolean;
  /** Told when something may be known or somebody may be asked that was not before. */
  readonly onStir: (fn: () => void) => Disposable;
}

/** Who still meets first peers is looked at again this often. */
const TURN_MS = 100;
/** Providers asked at once while linked peers have yet to answer. */
const BESIDE_LINKED = 2;

/** Yields whenever more may be known; ends when everybody answered or failed, or with the signal. */
export async function* askProviders(
  search: ProviderSearch,
  words: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<void> {
  const end = new AbortController();
  const stop = () => end.abort(signal.reason);
  if (signal.aborted) return;
  signal.addEventListener("abort", stop, { once: true });
  const harvest = new Harvest(search, words, end.signal);
  using _named = search.onNamed?.((hint, word) => {
    if (words.includes(word)) harvest.offer(hint, word);
  });
  using _stir = search.onStir(() => harvest.stir());
  try {
    while (await harvest.news()) yield;
  } finally {
    signal.removeEventListener("abort", stop);
    end.abort();
  }
}

class Harvest {
  readonly #search: ProviderSearch;
  readonly #words: readonly string[];
  readonly #signal: AbortSignal;
  readonly #linked: LinkedRound;
  readonly #seen = new Set<string>();
  readonly #waiting: string[] = [];
  #walksBegun = false;
  #walks = 0;
  #fetches = 0;
  /** May more be known than at the last look? */
  #fresh = false;
  #wake: () => void = () => undefined;

  constructor(search: ProviderSearch, words: readonly string[], signal: AbortSignal) {
    this.#search = search;
    this.#words = words;
    this.#signal = signal;
    const { clock, log, answered, missing, askLinked: ask } = search;
    // Who was named as a provider is asked as one.
    const greeted = () => search.greeted().filter((peerId) => !this.#seen.has(peerId));
    const onHint = (hint: PeerHint, word: string) => this.offer(hint, word);
    const onAnswer = () => {
      this.#fetchMore();
      this.#note();
    };
    const onPatienceEnd = () => this.#fetchMore();
    const linked = { clock, log, greeted, answered, missing, ask, onHint, onAnswer, onPatienceEnd };
    this.#linked = new LinkedRound(linked, signal);
    signal.addEventListener("abort", () => this.#wake(), { once: true });
  }

  /** True at news, false at the end. */
  async news(): Promise<boolean> {
    for (;;) {
      if (this.#fresh) {
        this.#fresh = false;
        return true;
      }
      if (this.#signal.aborted) return false;
      this.#linked.look();
      this.#walk();
      if (this.#isIdle() && !this.#mayStillCome()) return false;
      await this.#turn();
    }
  }

  /** What one of many says is news to whoever still lacks it. */
  stir(): void {
    if (this.#search.missing().length > 0) this.#note();
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

  #note(): void {
    this.#fresh = true;
    this.#wake();
  }

  #isIdle(): boolean {
    return this.#walks === 0 && this.#fetches === 0 && this.#waiting.length === 0 && !this.#linked.isOpen;
  }

  #mayStillCome(): boolean {
    const { missing, settling, isTold } = this.#search;
    return missing().length > 0 && (settling() || !isTold());
  }

  async #turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    // What ends the settling is no event of its own.
    using _turn = this.#search.settling() ? this.#search.clock.timer(TURN_MS, resolve) : undefined;
    await promise;
  }

  /** The DHT is of no use before somebody is there to be asked. */
  #walk(): void {
    const { providers, greeted, settling } = this.#search;
    if (this.#walksBegun || providers === undefined) return;
    if (greeted().length === 0 && settling()) return;
    this.#walksBegun = true;
    // Choosing one word of many would lose matches silently.
    for (const word of this.#words) void this.#walkFor(word, providers);
  }

  async #walkFor(word: string, providers: NonNullable<ProviderSearch["providers"]>): Promise<void> {
    this.#walks += 1;
    try {
      const wait = { timeoutMs: nodeLimits.findTimeoutMs, signal: this.#signal };
      for await (const hint of providers(word, wait)) this.offer(hint, word);
    } catch (error) {
      // The DHT is one source of several: without it the search ends with what the others gave.
      this.#search.log.debug("registry.dht", messageOf(error), { word });
    }
    this.#walks -= 1;
    this.#wake();
  }

  #fetchMore(): void {
    // Many dials would only delay what those who are linked are about to say.
    const atOnce = this.#linked.isAwaited ? BESIDE_LINKED : nodeLimits.fetchesAtOnce;
    while (this.#fetches < atOnce && !this.#signal.aborted) {
      const peerId = this.#waiting.shift();
      if (peerId === undefined) return;
      this.#fetches += 1;
      void this.#fetch(peerId);
    }
  }

  async #fetch(peerId: string): Promise<void> {
    const { fetch, log } = this.#search;
    try {
      await fetch(peerId, this.#words, { timeoutMs: nodeLimits.fetchTimeoutMs, signal: this.#signal });
    } catch (error) {
      log.debug("registry.fetch", messageOf(error), { peer: peerId });
    }
    this.#fetches -= 1;
    this.#fetchMore();
    this.#note();
  }
}
