/** Asks linked peers whom they have or know: a few at once, the next as those answer or take their time. */

import { messageOf } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { PeerHint } from "../network/transport.ts";

/** Which peer answered for which word a moment ago: what it told is known. */
export interface AnsweredMemory {
  note(peerId: string, word: string): void;
  /** Within two seconds? */
  knows(peerId: string, word: string): boolean;
}

export function createAnsweredMemory(clock: Clock): AnsweredMemory {
  /** Monotonic ms of each answer, oldest first. */
  const answered = new Map<string, number>();
  return {
    note(peerId, word) {
      const key = `${peerId} ${word}`;
      answered.delete(key);
      answered.set(key, clock.monotonicMs());
      const oldest = answered.keys().next();
      if (answered.size > nodeLimits.absentKept && !oldest.done) answered.delete(oldest.value);
    },
    knows(peerId, word) {
      const atMs = answered.get(`${peerId} ${word}`);
      return atMs !== undefined && clock.monotonicMs() - atMs < nodeLimits.linkedAgainMs;
    },
  };
}

export interface LinkedSearch {
  readonly clock: Clock;
  readonly log: Log;
  /** Linked peers whose hello is over. */
  readonly greeted: () => readonly string[];
  readonly answered: AnsweredMemory;
  /** Words that nobody answers yet. */
  readonly missing: () => readonly string[];
  /** Asks a peer for its agents and those it knows; gives where the nodes of these are. */
  readonly ask: (peerId: string, word: string, wait: Wait) => Promise<readonly PeerHint[]>;
  /** Told where the node of a named agent is, and the word it was asked for. */
  readonly onHint: (hint: PeerHint, word: string) => void;
  /** Told after each answer. */
  readonly onAnswer: () => void;
  /** Told when somebody is not waited for any more. */
  readonly onPatienceEnd: () => void;
}

export class LinkedRound {
  readonly #search: LinkedSearch;
  readonly #signal: AbortSignal;
  readonly #seen = new Set<string>();
  /** Peers asked that did not answer yet. */
  #open = 0;
  /** Of them those others wait for. */
  #held = 0;

  constructor(search: LinkedSearch, signal: AbortSignal) {
    this.#search = search;
    this.#signal = signal;
  }

  get isOpen(): boolean {
    return this.#open > 0;
  }

  /** Is somebody asked who has had little time yet, for what is missing still? */
  get isAwaited(): boolean {
    return this.#held > 0 && this.#search.missing().length > 0;
  }

  /** Asks whoever is next, if anything is missing still. */
  look(): void {
    const { greeted, missing } = this.#search;
    if (this.#signal.aborted || this.#isFull() || missing().length === 0) return;
    for (const peerId of greeted()) {
      if (this.#isFull()) return;
      if (this.#seen.has(peerId)) continue;
      this.#seen.add(peerId);
      void this.#ask(peerId);
    }
  }

  #isFull(): boolean {
    return this.#held >= nodeLimits.linkedAskedAtOnce || this.#seen.size >= nodeLimits.linkedAsked;
  }

  async #ask(peerId: string): Promise<void> {
    const { clock, answered, missing, onAnswer } = this.#search;
    const words = missing()
      .filter((word) => !answered.knows(peerId, word))
      .slice(0, nodeLimits.linkedAskedWords);
    if (words.length === 0) return;
    this.#open += 1;
    this.#held += 1;
    let isHeld = true;
    const letGo = () => {
      if (isHeld) this.#held -= 1;
      isHeld = false;
    };
    using _patience = clock.timer(nodeLimits.linkedPatienceMs, () => {
      letGo();
      this.look();
      this.#search.onPatienceEnd();
    });
    await Promise.all(words.map((word) => this.#askFor(peerId, word)));
    this.#open -= 1;
    letGo();
    onAnswer();
  }

  async #askFor(peerId: string, word: string): Promise<void> {
    const { ask, answered, onHint, log } = this.#search;
    try {
      const wait = { timeoutMs: nodeLimits.fetchTimeoutMs, signal: this.#signal };
      const hints = await ask(peerId, word, wait);
      answered.note(peerId, word);
      for (const hint of hints) onHint(hint, word);
    } catch (error) {
      log.debug("registry.fetch", messageOf(error), { peer: peerId });
    }
  }
}
