/** So many at once to one peer, the others in their order: a peer that is asked more at once refuses. */

import { ProtocolError } from "@gridmesh/protocol";

const AT_ONCE = 8;
const MAX_WAITING = 256;

interface Lane {
  busy: number;
  readonly waiting: (() => void)[];
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>();

  /** Runs `act` when it is its turn. @throws OVERLOADED when too many wait already. */
  async run<T>(peerId: string, act: () => Promise<T>): Promise<T> {
    const lane = this.#lanes.get(peerId) ?? { busy: 0, waiting: [] };
    this.#lanes.set(peerId, lane);
    if (lane.busy < AT_ONCE) lane.busy += 1;
    else {
      if (lane.waiting.length >= MAX_WAITING)
        throw new ProtocolError("OVERLOADED", `${MAX_WAITING} wait for this peer`);
      await new Promise<void>((resolve) => lane.waiting.push(resolve));
    }
    try {
      return await act();
    } finally {
      const next = lane.waiting.shift();
      // The place is handed on, not given back.
      if (next !== undefined) next();
      else if ((lane.busy -= 1) === 0) this.#lanes.delete(peerId);
    }
  }
}
