/** Times calls: cheap enough for every one of many thousand a second. */

import { toProtocolError } from "@gridmesh/protocol";
import type { Metrics } from "./metrics.ts";

/** How a call went: to an agent here, to another node, to a capability; or in from another node. */
export type CallRoute = "local" | "peer" | "capability" | "inbound";

export interface CallMeter {
  /** A call ended, with what was thrown if anything was. */
  ended(route: CallRoute, ms: number, error?: unknown): void;
  /** A request was refused before it became a call. */
  refused(error: unknown): void;
  /** A line of a channel was passed to nobody. */
  dropped(): void;
}

export function createCallMeter(metrics: Metrics): CallMeter {
  const timesOf = (route: CallRoute) => metrics.histogram("call_duration_seconds", { route });
  const times = {
    local: timesOf("local"),
    peer: timesOf("peer"),
    capability: timesOf("capability"),
    inbound: timesOf("inbound"),
  };
  const refused = (error: unknown) => {
    metrics.count("errors_total", { code: toProtocolError(error, "INTERNAL_ERROR").code });
  };
  return {
    ended(route, ms, error) {
      times[route].observe(ms / 1_000);
      if (error !== undefined) refused(error);
    },
    refused,
    dropped: () => metrics.count("rpc_lines_dropped_total", {}),
  };
}
