/** Work that nobody waits for until the end; failures are written down, never thrown away. */

import { toProtocolError } from "@gridmesh/protocol";
import type { Log } from "../log.ts";

export interface Background {
  readonly run: (work: Promise<unknown>) => void;
  /** Resolves when everything begun has ended. */
  readonly ended: () => Promise<void>;
}

export function createBackground(log: Log, stopping: AbortSignal): Background {
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
    ended: async () => void (await Promise.allSettled(running)),
  };
}
