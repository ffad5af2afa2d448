import type { Clock } from "../clock.ts";
import type { Transport } from "./transport.ts";

/** Bootstrap peers introduce others at once, for less than a walk costs: the walk is for when they do not. */
const FIRST_MS = 3_000;
const LONGEST_MS = 30_000;
const QUERY_MS = 5_000;

/** Walks the DHT for peers while links are wanted, ever more rarely until something changes. */
export interface Explorer extends Disposable {
  /** Something changed: look again soon. */
  hurry(): void;
}

export interface ExplorerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly wanted: () => boolean;
}

export function explorer(options: ExplorerOptions): Explorer {
  const { transport, clock, wanted } = options;
  let delayMs = FIRST_MS;
  let timer: Disposable | undefined;
  let walking = false;
  let stopped = false;

  const walk = async () => {
    timer = undefined;
    if (stopped || transport.explore === undefined || !wanted()) return;
    walking = true;
    try {
      if (transport.links().length > 0) await transport.explore({ timeoutMs: QUERY_MS });
    } catch {
      // The next walk may find more; doctor sees the table's size.
    }
    walking = false;
    arm();
  };
  const arm = () => {
    if (stopped) return;
    timer?.[Symbol.dispose]();
    timer = clock.timer(delayMs, () => void walk());
    delayMs = Math.min(delayMs * 2, LONGEST_MS);
  };
  return {
    hurry() {
      if (delayMs === 2 * FIRST_MS && timer !== undefined) return;
      delayMs = FIRST_MS;
      if (!walking) arm();
    },
    [Symbol.dispose]() {
      stopped = true;
      timer?.[Symbol.dispose]();
    },
  };
}
