/** Work that nobody waits for until the end; failures are written down, never thrown away. */

import { toProtocolError } from "@gridmesh/protocol";
import type { BecknPorts } from "./ports.ts";

/** A stop does not wait longer for what goes on without its signal (a publication without subscribers), ms. */
const MAX_END_MS = 1_000;

export interface Background {
  readonly run: (work: Promise<unknown>) => void;
  /** Resolves when everything begun has ended, or a second has passed. */
  readonly ended: () => Promise<void>;
}

export function createBackground(
  ports: Pick<BecknPorts, "clock" | "log">,
  stopping: AbortSignal,
): Background {
  const { clock, log } = ports;
  const running = new Set<Promise<unknown>>();
  return {
    run: (work) => {
      const watched: Promise<unknown> = work
        .catch((error: unknown) => {
          const failure = toProtocolError(error, "INTERNAL_ERROR");
          const fields = { code: failure.code };
          if (failure === error && !stopping.aborted) log.debug("beckn.background", failure.message, fields);
          else if (failure !== error) log.error("beckn.failed", failure.message, fields);
        })
        .finally(() => running.delete(watched));
      running.add(watched);
    },
    ended: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      using _timer = clock.timer(MAX_END_MS, resolve);
      await Promise.race([promise, Promise.allSettled(running)]);
    },
  };
}
