import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Verdict } from "./transport.ts";

/** How long a message id is remembered, as long as a nonce. */
const SEEN_MS = 180_000;
/** So many rejected messages and a neighbour is no longer heard. */
const MAX_REJECTS = 3;

export type Validate = (from: string, data: Uint8Array) => Promise<Verdict>;

export interface MemoryGossipOptions {
  readonly clock: Clock;
  /** Linked peers subscribed to the topic. */
  readonly subscribers: (topic: string) => readonly string[];
  readonly send: (to: string, topic: string, data: Uint8Array) => void;
}

/** Flooding with validators: what the gossip of the real network promises, without its mesh. */
export class MemoryGossip {
  readonly topics = new Map<string, Validate>();
  readonly #options: MemoryGossipOptions;
  readonly #seen = new Map<string, number>();
  readonly #rejects = new Map<string, number>();

  constructor(options: MemoryGossipOptions) {
    this.#options = options;
  }

  publish(topic: string, data: Uint8Array): number {
    if (!this.#isNew(topic, data)) return 0;
    return this.#spread(topic, data, undefined);
  }

  async receive(from: string, topic: string, data: Uint8Array): Promise<void> {
    const validate = this.topics.get(topic);
    if (validate === undefined || (this.#rejects.get(from) ?? 0) >= MAX_REJECTS) return;
    if (!this.#isNew(topic, data)) return;
    let verdict: Verdict;
    try {
      verdict = await validate(from, data);
    } catch {
      verdict = "ignore";
    }
    if (verdict === "accept") this.#spread(topic, data, from);
    else if (verdict === "reject") this.#rejects.set(from, (this.#rejects.get(from) ?? 0) + 1);
  }

  #spread(topic: string, data: Uint8Array, except: string | undefined): number {
    const to = this.#options.subscribers(topic).filter((peer) => peer !== except);
    for (const peer of to) this.#options.send(peer, topic, data);
    return to.length;
  }

  #isNew(topic: string, data: Uint8Array): boolean {
    const id = createHash("sha256").update(topic).update(data).digest("base64");
    const nowMs = this.#options.clock.monotonicMs();
    for (const [old, untilMs] of this.#seen) {
      if (untilMs > nowMs) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(id)) return false;
    this.#seen.set(id, nowMs + SEEN_MS);
    return true;
  }
}
