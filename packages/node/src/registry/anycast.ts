/** A call to whoever has a capability: the best of a few, then the next. */

import { errorTable, type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { Clock, Random, Wait } from "../clock.ts";
import { startDeadline } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { CapabilityCall } from "../route/types.ts";
import type { AgentRow, Registry } from "./types.ts";

export interface AnycastOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly call: (address: string, params: JsonValue, wait: Wait) => Promise<JsonValue>;
}

interface Standing {
  /** Weighted mean of past answers, milliseconds. */
  latencyMs: number;
  inFlight: number;
  failures: number;
  /** No calls before this monotonic time. */
  restUntilMs: number;
}

/** Repeating these changes nothing, so they may be tried elsewhere even if they may have happened. */
const IDEMPOTENT =
  /^(?:.*\/list|resources\/read|prompts\/get|server\/discover|completion\/complete|GetTask|ListTasks)$/;
const FIRST_GUESS_MS = 50;
const WEIGHT = 0.3;
const MIN_TRY_MS = 1_000;
const FAILURES_BEFORE_REST = 3;
const REST_MS = 10_000;
const REST_MAX_MS = 300_000;

export function createAnycast(options: AnycastOptions): CapabilityCall {
  const { clock } = options;
  const standings = new Map<string, Standing>();
  const standingOf = (agentId: string): Standing => {
    const known = standings.get(agentId);
    if (known !== undefined) return known;
    const fresh = { latencyMs: FIRST_GUESS_MS, inFlight: 0, failures: 0, restUntilMs: 0 };
    standings.set(agentId, fresh);
    return fresh;
  };

  const attempt = async (row: AgentRow, call: { method: string; params: JsonValue }, wait: Wait) => {
    const standing = standingOf(row.agentId);
    const startMs = clock.monotonicMs();
    standing.inFlight += 1;
    try {
      const result = await options.call(`${row.address}/${call.method}`, call.params, wait);
      standing.failures = 0;
      standing.latencyMs += WEIGHT * (clock.monotonicMs() - startMs - standing.latencyMs);
      return result;
    } catch (error) {
      standing.failures += 1;
      if (standing.failures >= FAILURES_BEFORE_REST) {
        const restMs = REST_MS * 2 ** (standing.failures - FAILURES_BEFORE_REST);
        standing.restUntilMs = clock.monotonicMs() + Math.min(restMs, REST_MAX_MS);
      }
      throw error;
    } finally {
      standing.inFlight -= 1;
    }
  };

  return async (capability, call, wait) => {
    using deadline = startDeadline(clock, wait, nodeLimits.callTimeoutMs);
    const rows = await candidates(options, capability, deadline.signal);
    const ranked = rank(rows, { standingOf, random: options.random, nowMs: clock.monotonicMs() });
    const tried: { address: string; code: string }[] = [];
    for (const [at, row] of ranked.entries()) {
      const timeoutMs = Math.max(deadline.leftMs() / (ranked.length - at), MIN_TRY_MS);
      try {
        return await attempt(row, call, { timeoutMs, signal: deadline.signal });
      } catch (error) {
        const known = toProtocolError(error, "INTERNAL_ERROR");
        tried.push({ address: row.address, code: known.code });
        if (deadline.signal.aborted || !mayTryNext(known, call.method)) throw known;
      }
    }
    throw new ProtocolError("NO_PROVIDER", `nobody reachable offers ${capability}`, { data: { tried } });
  };
}

function mayTryNext(error: ProtocolError, method: string): boolean {
  // The agent's own answer stands; only failures to get one are worth another try.
  const own = error.code === "METHOD_NOT_FOUND" || error.code === "INVALID_PARAMS";
  if (own) return false;
  return !errorTable[error.code].executed || (error.code !== "CALL_CANCELLED" && IDEMPOTENT.test(method));
}

/** Those known first; only when there is none does the call wait for the DHT. */
async function candidates(
  options: AnycastOptions,
  capability: string,
  signal: AbortSignal,
): Promise<readonly AgentRow[]> {
  for (const scope of ["known", "network"] as const) {
    const rows: AgentRow[] = [];
    const query = { capability, scope, limit: nodeLimits.anycastTries, signal };
    for await (const row of options.registry.find(query)) if (row.presence !== "gone") rows.push(row);
    if (rows.length > 0) return rows;
  }
  return [];
}

/** Live before suspect, resting ones last; of the best two, drawn at random, the faster goes first. */
function rank(
  rows: readonly AgentRow[],
  by: { readonly standingOf: (agentId: string) => Standing; readonly random: Random; readonly nowMs: number },
): readonly AgentRow[] {
  const cost = (row: AgentRow) => {
    const { latencyMs, inFlight, restUntilMs } = by.standingOf(row.agentId);
    const late = (row.presence === "live" ? 0 : 1e6) + (restUntilMs > by.nowMs ? 1e7 : 0);
    return late + latencyMs * (inFlight + 1);
  };
  const shuffled: AgentRow[] = [];
  for (const row of rows) shuffled.splice(by.random.below(shuffled.length + 1), 0, row);
  // A fixed best would draw the whole herd: the first is the better of two drawn, the rest follow by cost.
  const [one, two, ...rest] = shuffled;
  const pair = [one, two].filter((row) => row !== undefined).sort((a, b) => cost(a) - cost(b));
  const [first, ...others] = pair;
  if (first === undefined) return [];
  const ordered = [...others, ...rest].sort((a, b) => cost(a) - cost(b));
  return cost(first) >= 1e6 ? [...ordered, first].sort((a, b) => cost(a) - cost(b)) : [first, ...ordered];
}
