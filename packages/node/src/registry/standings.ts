/** How each provider did lately: what decides whom a call by capability goes to. */

import { errorTable, type ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";

/** What is compared of an agent. */
interface Provider {
  readonly agentId: string;
  readonly presence: "live" | "suspect" | "gone";
}

export interface Standings {
  /** The lower, the better: expected wait in milliseconds. */
  cost(provider: Provider, guessMs?: number): number;
  /** Measured mean of a provider, milliseconds; undefined before its first answer. */
  latencyMs(agentId: string): number | undefined;
  /** Is it resting after failures? At this monotonic time it may be called again. */
  restsUntilMs(agentId: string): number;
  /** The key of an agent was handed over: what was measured of it goes with it. */
  succeed(fromId: string, toId: string): void;
  /** Counts a try; call the result's `end` with what it ended in. */
  begin(agentId: string): { end(error?: ProtocolError): void };
}

export interface StandingsOptions {
  readonly clock: Clock;
  /** Free part of what the agent can take, 0 … 1, as it says itself. */
  readonly free: (agentId: string) => number;
}

interface Standing {
  /** Weighted mean of past answers. */
  latencyMs: number | undefined;
  measuredMs: number;
  inFlight: number;
  failures: number;
  /** Rests in a row. */
  rests: number;
  restUntilMs: number;
}

const FIRST_GUESS_MS = 50;
const WEIGHT = 0.3;
const MIN_FREE = 0.05;
/** An old measure counts half after this: a provider that was slow once is tried again. */
const HALF_LIFE_MS = 60_000;
const KEPT = 4_096;

export function createStandings({ clock, free }: StandingsOptions): Standings {
  const standings = new Map<string, Standing>();
  const standingOf = (agentId: string): Standing => {
    const known = standings.get(agentId);
    if (known !== undefined) return known;
    dropIdle(standings);
    const none = { latencyMs: undefined, measuredMs: 0, inFlight: 0, failures: 0, rests: 0, restUntilMs: 0 };
    standings.set(agentId, none);
    return none;
  };
  return {
    cost({ agentId }, guessMs = FIRST_GUESS_MS) {
      const known = standings.get(agentId);
      const latencyMs = known?.latencyMs === undefined ? guessMs : faded(known, guessMs, clock.monotonicMs());
      return (latencyMs * ((known?.inFlight ?? 0) + 1)) / Math.max(free(agentId), MIN_FREE);
    },
    latencyMs: (agentId) => standings.get(agentId)?.latencyMs,
    restsUntilMs: (agentId) => standings.get(agentId)?.restUntilMs ?? 0,
    succeed(fromId, toId) {
      const known = standings.get(fromId);
      if (known === undefined) return;
      standings.delete(fromId);
      standings.set(toId, known);
    },
    begin(agentId) {
      const standing = standingOf(agentId);
      const startMs = clock.monotonicMs();
      standing.inFlight += 1;
      return {
        end(error) {
          const nowMs = clock.monotonicMs();
          standing.inFlight -= 1;
          // Who gave up says nothing of the provider.
          if (error?.code === "CALL_CANCELLED") return;
          if (error === undefined || !isFailure(error)) succeed(standing, nowMs - startMs, nowMs);
          else fail(standing, nowMs - startMs, nowMs);
        },
      };
    },
  };
}

function succeed(standing: Standing, tookMs: number, nowMs: number): void {
  standing.failures = 0;
  standing.rests = 0;
  measure(standing, tookMs, nowMs);
}

function measure(standing: Standing, tookMs: number, nowMs: number): void {
  const { latencyMs } = standing;
  standing.latencyMs = latencyMs === undefined ? tookMs : latencyMs + WEIGHT * (tookMs - latencyMs);
  standing.measuredMs = nowMs;
}

function fail(standing: Standing, tookMs: number, nowMs: number): void {
  // A wait for nothing is slow; a quick refusal is no quick answer.
  if (standing.latencyMs !== undefined && tookMs > standing.latencyMs) measure(standing, tookMs, nowMs);
  standing.failures += 1;
  // Calls that were under way when it was ejected tell nothing new.
  if (standing.failures < nodeLimits.ejectFailures || standing.restUntilMs > nowMs) return;
  const restMs = Math.min(nodeLimits.ejectMs * 2 ** standing.rests, nodeLimits.ejectMaxMs);
  standing.restUntilMs = nowMs + restMs;
  standing.rests += 1;
}

/** An answer is an answer, also one the caller does not like. */
function isFailure(error: ProtocolError): boolean {
  if (error.foreign !== undefined) return false;
  const gone = error.code === "AGENT_NOT_FOUND" || error.code === "PEER_BANNED";
  return gone || errorTable[error.code].blame !== "caller";
}

function faded({ latencyMs, measuredMs }: Standing, guessMs: number, nowMs: number): number {
  const known = latencyMs ?? guessMs;
  return guessMs + (known - guessMs) * 0.5 ** ((nowMs - measuredMs) / HALF_LIFE_MS);
}

function dropIdle(standings: Map<string, Standing>): void {
  if (standings.size < KEPT) return;
  for (const [agentId, { inFlight }] of standings) {
    if (inFlight === 0) standings.delete(agentId);
    if (standings.size < KEPT) return;
  }
}
