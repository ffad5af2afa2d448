/** Work that many ask for at once is done once, and ends when nobody waits for it any more. */

import { ProtocolError } from "@gridmesh/protocol";
import { until } from "../deadline.ts";

interface Running<T> {
  readonly outcome: Promise<T>;
  readonly end: AbortController;
  waiting: number;
}

export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();

  /** The outcome of the work of this name, begun now if it is not under way. @throws its error, or the signal's reason. */
  async join(
    name: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<T> {
    const running = this.#running.get(name) ?? this.#begin(name, work);
    running.waiting += 1;
    try {
      return await until(running.outcome, signal);
    } finally {
      running.waiting -= 1;
      if (running.waiting === 0) {
        if (this.#running.get(name) === running) this.#running.delete(name);
        running.end.abort(new ProtocolError("CALL_CANCELLED", "nobody waits for it any more"));
      }
    }
  }

  #begin(name: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const end = new AbortController();
    const outcome = work(end.signal);
    const running = { outcome, end, waiting: 0 };
    this.#running.set(name, running);
    const over = () => {
      if (this.#running.get(name) === running) this.#running.delete(name);
    };
    outcome.then(over, over);
    return running;
  }
}
