/** One end for a wait: its own time limit or the caller's signal, whichever comes first. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "./clock.ts";

export interface Deadline extends Disposable {
  /** Aborted with CALL_TIMEOUT or CALL_CANCELLED. */
  readonly signal: AbortSignal;
  /** Wall ms since the epoch. */
  readonly atMs: number;
  /** Milliseconds left, never negative. */
  leftMs(): number;
}

/** Starts a time limit; dispose it when the work is done. */
export function startDeadline(clock: Clock, wait: Wait, defaultMs: number): Deadline {
  const limitMs = Math.max(0, wait.timeoutMs ?? defaultMs);
  const endMs = clock.monotonicMs() + limitMs;
  const controller = new AbortController();
  const timer = clock.timer(limitMs, () =>
    controller.abort(new ProtocolError("CALL_TIMEOUT", `no answer within ${limitMs} ms`)),
  );
  const onAbort = () => controller.abort(cancelled(wait.signal));
  if (wait.signal?.aborted) onAbort();
  else wait.signal?.addEventListener("abort", onAbort, { once: true });
  return {
    signal: controller.signal,
    atMs: clock.nowMs() + limitMs,
    leftMs: () => Math.max(0, endMs - clock.monotonicMs()),
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      wait.signal?.removeEventListener("abort", onAbort);
    },
  };
}

function cancelled(signal: AbortSignal | undefined): ProtocolError {
  const reason: unknown = signal?.reason;
  return reason instanceof ProtocolError ? reason : new ProtocolError("CALL_CANCELLED", "the caller gave up");
}

/** The promise's outcome, or the signal's reason if that comes first; the loser is ignored, not stopped. */
export function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) {
      promise.catch(() => undefined);
      onAbort();
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
