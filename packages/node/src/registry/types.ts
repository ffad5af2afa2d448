/** The distributed registry as others see it. */

import type { Wait } from "../clock.ts";

/** An agent as known from its newest verified record. */
export interface AgentRow {
  readonly name: string;
  readonly agentId: string;
  readonly nodeId: string;
  /** `<nodeId>:<name>`. */
  readonly address: string;
  readonly capabilities: readonly string[];
  readonly presence: "live" | "suspect" | "gone";
  readonly local: boolean;
  /** Unix seconds. */
  readonly validUntil: number;
}

export interface RegistryQuery extends Wait {
  readonly capability: string | readonly string[];
  /** Default "any". */
  readonly match?: "any" | "all";
  /** Default "network": local, then heard, then DHT. */
  readonly scope?: "local" | "known" | "network";
  /** Default 50. */
  readonly limit?: number;
}

export interface Registry {
  find(query: RegistryQuery): AsyncIterable<AgentRow>;
  /** Everything heard and still valid, own agents first. */
  known(): readonly AgentRow[];
  /** By agent_id. */
  byId(agentId: string): AgentRow | undefined;
  onChange(fn: () => void): Disposable;
}
