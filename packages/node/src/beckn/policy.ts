/** What one signer or peer may ask of the Beckn room: rates, repeats, messages per transaction. */

import { limits, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { QUOTE_VALID_MS } from "./ports.ts";

/** Stream messages per signer and per remote peer. */
const STREAM_RATE = { perSecond: 20, burst: 40 };
const SEARCH_RATE = { perSecond: limits.searchesPerSecond, burst: limits.searchesPerSecond };
const MAX_BUCKETS = 10_000;
const MAX_MESSAGES_PER_TRANSACTION = 64;
const MAX_TRANSACTIONS = 20_000;
/** Of one counterparty, as long as a quote is firm. */
const MAX_OPEN_PER_SIGNER = 256;
const MAX_SIGNERS = 10_000;
/** Repeats are known so long, ms: no signature lives longer, and a confirm has no other end. */
const SEEN_FOR_MS = 3_660_000;
const MAX_SEEN = 100_000;

export interface Policy {
  /** @throws RATE_LIMITED with `data.retry_after_ms`. */
  admit(kind: "search" | "stream", who: string): void;
  /** Counts a message of a transaction. @throws RATE_LIMITED over 64 of one signer. */
  count(transactionId: string, signer: string): void;
  /** Notes a transaction that a signer begins or goes on with. @throws RATE_LIMITED over 256 of them. */
  open(transactionId: string, signer: string): void;
  /**
   * Whether this signer's message is new, the same again, or another under the same id; new ones are kept by `remember`.
   */
  seen(signer: string, messageId: string, digest: string): "new" | "same" | "other";
  remember(signer: string, messageId: string, digest: string): void;
}

export function createPolicy(clock: Clock): Policy {
  const streams = new Buckets(clock, STREAM_RATE);
  const searches = new Buckets(clock, SEARCH_RATE);
  const counts = new Recent<number>(MAX_TRANSACTIONS);
  const open = new Recent<Map<string, number>>(MAX_SIGNERS);
  const digests = new Recent<{ readonly digest: string; readonly untilMs: number }>(MAX_SEEN);
  const key = (signer: string, messageId: string) => `${signer} ${messageId}`;

  return {
    admit: (kind, who) => (kind === "search" ? searches : streams).take(who),
    count(transactionId, signer) {
      const key = `${transactionId} ${signer}`;
      const count = (counts.get(key) ?? 0) + 1;
      if (count > MAX_MESSAGES_PER_TRANSACTION) {
        throw new ProtocolError(
          "RATE_LIMITED",
          `over ${MAX_MESSAGES_PER_TRANSACTION} messages of a transaction`,
        );
      }
      counts.set(key, count);
    },
    open: (transactionId, signer) => noteOpen(open, { transactionId, signer, nowMs: clock.monotonicMs() }),
    seen(signer, messageId, digest) {
      const known = digests.get(key(signer, messageId));
      if (!known || known.untilMs < clock.monotonicMs()) return "new";
      return known.digest === digest ? "same" : "other";
    },
    remember(signer, messageId, digest) {
      digests.set(key(signer, messageId), { digest, untilMs: clock.monotonicMs() + SEEN_FOR_MS });
    },
  };
}

/** A transaction is open until nothing was said in it for as long as a quote is firm. @throws RATE_LIMITED. */
function noteOpen(
  open: Recent<Map<string, number>>,
  said: { readonly transactionId: string; readonly signer: string; readonly nowMs: number },
): void {
  const { transactionId, signer, nowMs } = said;
  const own = open.get(signer) ?? new Map<string, number>();
  for (const [id, atMs] of own) {
    // In the order of their last word.
    if (atMs > nowMs - QUOTE_VALID_MS) break;
    own.delete(id);
  }
  if (!own.has(transactionId) && own.size >= MAX_OPEN_PER_SIGNER) {
    throw new ProtocolError("RATE_LIMITED", `${MAX_OPEN_PER_SIGNER} transactions are open`, {
      data: { retry_after_ms: QUOTE_VALID_MS },
    });
  }
  own.delete(transactionId);
  own.set(transactionId, nowMs);
  open.set(signer, own);
}

/** A map that forgets what was set longest ago. */
export class Recent<V> {
  readonly #entries = new Map<string, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#limit) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, value);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

class Buckets {
  readonly #clock: Clock;
  readonly #rate: { readonly perSecond: number; readonly burst: number };
  readonly #levels = new Recent<{ tokens: number; atMs: number }>(MAX_BUCKETS);

  constructor(clock: Clock, rate: { readonly perSecond: number; readonly burst: number }) {
    this.#clock = clock;
    this.#rate = rate;
  }

  take(who: string): void {
    const nowMs = this.#clock.monotonicMs();
    const { perSecond, burst } = this.#rate;
    const level = this.#levels.get(who) ?? { tokens: burst, atMs: nowMs };
    const tokens = Math.min(burst, level.tokens + ((nowMs - level.atMs) * perSecond) / 1000);
    const left = tokens >= 1 ? tokens - 1 : tokens;
    this.#levels.set(who, { tokens: left, atMs: nowMs });
    if (tokens < 1) {
      const waitMs = Math.ceil(((1 - tokens) * 1000) / perSecond);
      throw new ProtocolError("RATE_LIMITED", `over ${perSecond} a second`, {
        data: { retry_after_ms: waitMs },
      });
    }
  }
}
