import type { Clock } from "../clock.ts";

export interface IdleTimer extends Disposable {
  /** Something moved. */
  touch(): void;
}

/** Fires once nothing moved for `idleMs`; libp2p's own idle limit is never enforced. */
export function idleTimer(clock: Clock, idleMs: number | undefined, onIdle: () => void): IdleTimer {
  if (idleMs === undefined) return { touch() {}, [Symbol.dispose]() {} };
  let lastMs = clock.monotonicMs();
  let timer: Disposable | undefined;
  const arm = (ms: number) => {
    timer = clock.timer(ms, () => {
      const restMs = lastMs + idleMs - clock.monotonicMs();
      if (restMs > 0) arm(restMs);
      else onIdle();
    });
  };
  arm(idleMs);
  return {
    touch() {
      lastMs = clock.monotonicMs();
    },
    [Symbol.dispose]: () => timer?.[Symbol.dispose](),
  };
}
