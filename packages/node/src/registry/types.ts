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
  /** Did its own node tell it, over a link or in an answer? Else only its signer says that it lives there. */
  readonly confirmed: boolean;
  /** Unix seconds. */
  readonly validUntil: number;
  /** What it speaks: `mcp`, `a2a`, `plain`. */
  readonly protocols: readonly string[];
  /** Revisions of MCP it speaks: `modern`, `legacy`. */
  readonly eras: readonly string[];
}

export interface RegistryQuery extends Wait {
  /** Words, each also a prefix at a dot: `energy` finds `energy.sell`. */
  readonly capability: string | readonly string[];
  /** Default "any". */
  readonly match?: "any" | "all";
  /** With "any": so many of the words at least; default 1. */
  readonly minMatch?: number;
  /** Default "network": local, then heard, then DHT. */
  readonly scope?: "local" | "known" | "network";
  /** Default 50. */
  readonly limit?: number;
}

export interface Registry {
  /**
   * Agents that answer, each once: those known by words matched, then live, then load; then as providers answer.
   * @throws INVALID_PARAMS for what is no query; never for a network that gives nothing.
   */
  find(query: RegistryQuery): AsyncIterable<AgentRow>;
  /** Everything heard and still valid, own agents first. */
  known(): readonly AgentRow[];
  /** By agent_id. */
  byId(agentId: string): AgentRow | undefined;
  onChange(fn: () => void): Disposable;
}
