import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";

/** Calls under way here: for all peers together until they are answered, for each until their work is over. */
export class CallLoad {
  readonly #working = new Map<string, number>();
  #unanswered = 0;

  /** @throws TOO_MANY_STREAMS above the limits of the peer or the node. */
  enter(peerId: string): void {
    const mine = this.#working.get(peerId) ?? 0;
    if (mine >= nodeLimits.rpcInFlight || this.#unanswered >= nodeLimits.rpcInFlightNode) {
      throw new ProtocolError("TOO_MANY_STREAMS", "too many calls under way", {
        data: { retry_after_ms: 100 },
      });
    }
    this.#working.set(peerId, mine + 1);
    this.#unanswered += 1;
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
