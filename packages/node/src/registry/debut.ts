/** Nodes that start together miss what each says at first: it is said once more when links have stopped to come. */

import type { Clock, Random } from "../clock.ts";
import type { Transport } from "../network/transport.ts";

/** So long no new link, and up to one and a half times that; but no longer than this after the first. */
const SETTLE_MS = 2_000;
const LATEST_MS = 8_000;

export interface DebutOptions {
  readonly transport: Pick<Transport, "on">;
  readonly clock: Clock;
  readonly random: Random;
  readonly repeat: () => void;
}

/** Calls `repeat` once, soon after the first links; dispose it to leave it at that. */
export function repeatOnce({ transport, clock, random, repeat }: DebutOptions): Disposable {
  let timer: Disposable | undefined;
  let latestMs: number | undefined;
  const links = transport.on("link", () => {
    const nowMs = clock.monotonicMs();
    latestMs ??= nowMs + LATEST_MS;
    if (timer !== undefined && nowMs >= latestMs) return;
    timer?.[Symbol.dispose]();
    timer = clock.timer(SETTLE_MS + random.below(SETTLE_MS / 2), () => {
      links[Symbol.dispose]();
      repeat();
    });
  });
  return {
    [Symbol.dispose]() {
      links[Symbol.dispose]();
      timer?.[Symbol.dispose]();
    },
  };
}
