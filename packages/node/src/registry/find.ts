/** A query: what is known, then what the network knows. */

import { isCapability, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { startDeadline } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import { answers, countAnswered } from "../words.ts";
import type { AgentRow, RegistryQuery } from "./types.ts";

/** A query with its defaults filled in and every part checked. */
export interface ReadQuery {
  readonly words: readonly string[];
  /** So many of the words at least. */
  readonly min: number;
  readonly scope: "local" | "known" | "network";
  readonly limit: number;
}

const DEFAULT_LIMIT = 50;

/** @throws INVALID_PARAMS. */
export function readQuery(query: RegistryQuery): ReadQuery {
  const words = [...new Set([query.capability].flat())];
  const { match = "any", minMatch = 1, scope = "network", limit = DEFAULT_LIMIT } = query;
  if (words.length === 0 || words.length > nodeLimits.queryWords) {
    throw invalid(`a query has 1 to ${nodeLimits.queryWords} words`);
  }
  const strange = words.find((word) => !isCapability(word));
  if (strange !== undefined) throw invalid(`"${strange}" is no capability`);
  for (const [name, value] of Object.entries({ minMatch, limit })) {
    if (!Number.isInteger(value) || value < 1) throw invalid(`${name} is a whole number from 1`);
  }
  return { words, min: match === "all" ? words.length : minMatch, scope, limit };
}

/** What a query is answered from. */
export interface QuerySources {
  readonly clock: Clock;
  /** Agents of this node. */
  readonly own: () => readonly AgentRow[];
  /** Agents of others that answer at least one of the words. */
  readonly answering: (words: readonly string[]) => readonly AgentRow[];
  /** The lower, the sooner an agent is named. */
  readonly cost: (row: AgentRow) => number;
  /** Yields whenever the network may have told more; `missing`: words nobody named so far answers. */
  readonly ask: (
    words: readonly string[],
    signal: AbortSignal,
    missing: () => readonly string[],
  ) => AsyncIterable<void>;
}

/** Each agent once: by words matched, then live, then balance, as far as they are known together. */
export async function* findRows(
  sources: QuerySources,
  query: ReadQuery,
  wait: RegistryQuery,
): AsyncGenerator<AgentRow> {
  const { words, scope, limit } = query;
  const seen = new Set<string>();
  const missing = new Set(words);
  const next = (): readonly AgentRow[] => {
    const others = scope === "local" ? [] : sources.answering(words);
    const own = sources.own().filter((row) => countAnswered(row.capabilities, words) > 0);
    const fresh = [...own, ...others].filter((row) => !seen.has(row.agentId));
    const rows = best(fresh, query, sources.cost).slice(0, limit - seen.size);
    for (const { agentId, capabilities } of rows) {
      seen.add(agentId);
      for (const word of missing) if (answers(capabilities, word)) missing.delete(word);
    }
    return rows;
  };
  yield* next();
  if (scope !== "network" || seen.size >= limit) return;
  using deadline = startDeadline(sources.clock, wait, nodeLimits.findTimeoutMs);
  for await (const _news of sources.ask(words, deadline.signal, () => [...missing])) {
    yield* next();
    if (seen.size >= limit) return;
  }
}

function best(
  rows: readonly AgentRow[],
  { words, min }: ReadQuery,
  cost: (row: AgentRow) => number,
): readonly AgentRow[] {
  return rows
    .map((row) => ({ row, matched: matchedBy(row, words), cost: cost(row) }))
    .filter(({ matched }) => matched >= min)
    .sort((a, b) => b.matched - a.matched || rankOf(a.row) - rankOf(b.row) || a.cost - b.cost)
    .map(({ row }) => row);
}

/** Rows of a single word answer it already. */
function matchedBy({ capabilities }: AgentRow, words: readonly string[]): number {
  return words.length === 1 ? 1 : countAnswered(capabilities, words);
}

function rankOf({ presence }: AgentRow): number {
  return presence === "live" ? 0 : 1;
}

function invalid(why: string): ProtocolError {
  return new ProtocolError("INVALID_PARAMS", why);
}
