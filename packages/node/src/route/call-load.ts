import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";

/** Calls under way here: for all peers together until they are answered, for each until their work is over. */
export class CallLoad {
  readonly #working = new Map<string, number>();
  /** Requests on channels, by caller and agent. */
  readonly #pairs = new Map<string, number>();
  #unanswered = 0;
  /** Bytes of large calls under way, by peer and in all, and of those that wait for room. */
  readonly #bulk = new Map<string, number>();
  readonly #queued = new Map<string, number>();
  #bulkTotal = 0;
  readonly #wakes = new Set<() => void>();

  /** @throws TOO_MANY_STREAMS above the limits of the peer or the node. */
  enter(peerId: string): void {
    const mine = this.#working.get(peerId) ?? 0;
    if (mine >= nodeLimits.rpcInFlight || this.#unanswered >= nodeLimits.rpcInFlightNode) {
      throw tooMany("too many calls under way");
    }
    this.#working.set(peerId, mine + 1);
    this.#unanswered += 1;
  }

  /**
   * Takes places for a request on a channel: its peer's, and its own among those of one caller to one agent.
   * @throws TOO_MANY_STREAMS.
   */
  enterAgent(peerId: string, pair: string): () => void {
    const mine = this.#pairs.get(pair) ?? 0;
    if (mine >= nodeLimits.rpcInFlightAgent) throw tooMany("too many requests to one agent under way");
    this.enter(peerId);
    this.#pairs.set(pair, mine + 1);
    return () => {
      addTo(this.#pairs, pair, -1);
      this.answered();
      this.ended(peerId);
    };
  }

  /**
   * Waits until a large line may be read as a call: what it is read into is many times its size.
   * @throws OVERLOADED when too many bytes of its peer wait already; STREAM_RESET when its stream went.
   */
  async takeRoom(peerId: string, bytes: number, closed: Promise<unknown>): Promise<void> {
    const queued = (this.#queued.get(peerId) ?? 0) + bytes;
    if (queued > nodeLimits.rpcBulkInFlightBytes) {
      throw new ProtocolError("OVERLOADED", "too many large calls wait");
    }
    this.#queued.set(peerId, queued);
    let isOver = false;
    const ended = closed.then(() => void (isOver = true));
    try {
      while (!this.#fits(peerId, bytes)) {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wakes.add(resolve);
        await Promise.race([promise, ended]);
        this.#wakes.delete(resolve);
        if (isOver) throw new ProtocolError("STREAM_RESET", "the caller's stream ended");
      }
    } finally {
      addTo(this.#queued, peerId, -bytes);
    }
    addTo(this.#bulk, peerId, bytes);
    this.#bulkTotal += bytes;
  }

  /** Gives back what `takeRoom` took. */
  leaveRoom(peerId: string, bytes: number): void {
    addTo(this.#bulk, peerId, -bytes);
    this.#bulkTotal -= bytes;
    for (const wake of this.#wakes) wake();
  }

  /** One alone always does. */
  #fits(peerId: string, bytes: number): boolean {
    const mine = this.#bulk.get(peerId) ?? 0;
    const all = this.#bulkTotal;
    return (
      (mine === 0 || mine + bytes <= nodeLimits.rpcBulkInFlightBytes) &&
      (all === 0 || all + bytes <= nodeLimits.rpcBulkInFlightNodeBytes)
    );
  }

  answered(): void {
    this.#unanswered -= 1;
  }

  /** Only now its peer may ask for more, lest calls given up at once pile up their work. */
  ended(peerId: string): void {
    const left = (this.#working.get(peerId) ?? 1) - 1;
    if (left === 0) this.#working.delete(peerId);
    else this.#working.set(peerId, left);
  }
}

function addTo(counts: Map<string, number>, key: string, more: number): void {
  const sum = (counts.get(key) ?? 0) + more;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}

function tooMany(what: string): ProtocolError {
  return new ProtocolError("TOO_MANY_STREAMS", what, { data: { retry_after_ms: 100 } });
}
