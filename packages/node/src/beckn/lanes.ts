/** So many at once to one peer, the others in their order: a peer that is asked more at once refuses. */

import { ProtocolError } from "@gridmesh/protocol";

const AT_ONCE = 8;
const MAX_WAITING = 256;

interface Lane {
  busy: number;
  /** In their order. */
  readonly waiting: Set<() => void>;
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>();

  /**
   * Runs `act` when it is its turn; what nobody waits for any more never runs.
   * @throws OVERLOADED when too many wait already, and the signal's reason.
   */
  async run<T>(peerId: string, act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const lane = this.#lanes.get(peerId) ?? { busy: 0, waiting: new Set() };
    this.#lanes.set(peerId, lane);
    if (lane.busy < AT_ONCE) lane.busy += 1;
    else {
      if (lane.waiting.size >= MAX_WAITING)
        throw new ProtocolError("OVERLOADED", `${MAX_WAITING} wait for this peer`);
      await turnIn(lane, signal);
    }
    try {
      return await act();
    } finally {
      const next = lane.waiting.values().next();
      // The place is handed on, not given back.
      if (!next.done) next.value();
      else if ((lane.busy -= 1) === 0) this.#lanes.delete(peerId);
    }
  }
}

function turnIn(lane: Lane, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = () => {
      lane.waiting.delete(go);
      reject(signal.reason as Error);
    };
    const go = () => {
      lane.waiting.delete(go);
      signal.removeEventListener("abort", ended);
      resolve();
    };
    lane.waiting.add(go);
    signal.addEventListener("abort", ended, { once: true });
  });
}
