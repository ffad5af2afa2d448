import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";

/** What ended a wait early, as an error of the table. */
function endedEarly(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  if (reason instanceof ProtocolError) return reason;
  return new ProtocolError("CALL_CANCELLED", "the caller ended the wait", { cause: reason });
}

export interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * One wait with both its ends: `arm` is told how to settle it, and what it returns is called when it is over.
 * @throws CALL_TIMEOUT, CALL_CANCELLED.
 */
export function waitFor<T>(
  clock: Clock,
  wait: Wait | undefined,
  arm: (waiter: Waiter<T>) => (() => void) | undefined,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const signal = wait?.signal;
    if (signal?.aborted === true) return reject(endedEarly(signal));
    let over = false;
    let timer: Disposable | undefined;
    let disarm: (() => void) | undefined;
    const finish = (settle: () => void) => {
      if (over) return;
      over = true;
      timer?.[Symbol.dispose]();
      signal?.removeEventListener("abort", onAbort);
      disarm?.();
      settle();
    };
    const onAbort = () => finish(() => reject(endedEarly(signal)));
    signal?.addEventListener("abort", onAbort, { once: true });
    const timeoutMs = wait?.timeoutMs;
    if (timeoutMs !== undefined) {
      timer = clock.timer(timeoutMs, () =>
        finish(() => reject(new ProtocolError("CALL_TIMEOUT", `nothing within ${timeoutMs} ms`))),
      );
    }
    disarm = arm({
      resolve: (value) => finish(() => resolve(value)),
      reject: (error) => finish(() => reject(error)),
    });
    if (over) disarm?.();
  });
}

/** A signal for foreign calls that ends with `wait`; dispose it when the call is over. */
export function waitSignal(clock: Clock, wait: Wait): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const outer = wait.signal;
  const onAbort = () => controller.abort(endedEarly(outer));
  if (outer?.aborted === true) onAbort();
  else outer?.addEventListener("abort", onAbort, { once: true });
  const timer =
    wait.timeoutMs === undefined
      ? undefined
      : clock.timer(wait.timeoutMs, () =>
          controller.abort(new ProtocolError("CALL_TIMEOUT", `nothing within ${wait.timeoutMs} ms`)),
        );
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      outer?.removeEventListener("abort", onAbort);
    },
  };
}
