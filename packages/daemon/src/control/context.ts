import type { AgentNode, MarketClock, MarketClockState } from "@gridmesh/node";
import type { AgentRights } from "../agent-rights.ts";
import type { Config } from "../config/schema.ts";
import type { ConfigValueView } from "./types.ts";

/** What the control routes may reach: one running daemon. */
export interface ControlContext {
  readonly node: AgentNode;
  /** What hosted programs may call. */
  readonly rights: AgentRights;
  readonly config: Config;
  readonly values: readonly ConfigValueView[];
  readonly market: MarketClock;
  readonly version: string;
  readonly bootId: string;
  readonly home: string;
  readonly startedAtMs: number;
  /** `host:port` of the status page once it listens. */
  statusPage(): string | null;
  /** Where Beckn over HTTP is taken, once it is. */
  becknHttp(): string | null;
  /** Where local programs reach the control API and the gateway over TCP, once they do. */
  gateway(): string | null;
  /** Accepts an agent's tools as they are now, by the operator's word; its address. */
  consent(reference: string): Promise<string>;
  /** Every metric in Prometheus' text form. */
  metricsText(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Begins to stop, once; `now` skips the drain. */
  requestStop(now: boolean): void;
  stopping(): boolean;
  /** The last state the market clock was set to. */
  clockState(): MarketClockState;
  setClock(state: MarketClockState): void;
}
