/** A refusal may name others of the same words: hints, worth a try once their own record verifies. */

import { type ErrorCode, type JsonObject, parseAgentReference, ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import { isObject } from "../route/rpc-lines.ts";
import type { AgentRow } from "./types.ts";

/** An agent somebody named instead of its own. */
export interface AlternativeAgent {
  readonly agentId: string;
  readonly nodeId: string;
}

/** Refusals after which another agent of the same words may do: nothing was executed, and nobody is to blame. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "AGENT_UNAVAILABLE",
  "DRAINING",
  "OVERLOADED",
  "QUEUE_FULL",
  "TOO_MANY_STREAMS",
]);

/** The same refusal with up to eight agents that offer everything the refused one does; other errors as they are. */
export function withAlternatives(error: ProtocolError, others: () => readonly AgentRow[]): ProtocolError {
  if (!REFUSALS.has(error.code) || error.data?.["alternative_agents"] !== undefined) return error;
  const named = others().slice(0, nodeLimits.alternativeAgents);
  if (named.length === 0) return error;
  const alternative_agents = named.map(({ agentId, address }) => ({ agent_id: agentId, address }));
  return new ProtocolError(error.code, error.message, {
    cause: error,
    data: { ...error.data, alternative_agents },
  });
}

/** The agents a refusal names; what is none is left out. */
export function alternativesIn(error: ProtocolError): readonly AlternativeAgent[] {
  const named = error.data?.["alternative_agents"];
  if (!Array.isArray(named)) return [];
  return named
    .slice(0, nodeLimits.alternativeAgents)
    .flatMap((one) => (isObject(one) ? [alternativeIn(one)] : []))
    .filter((one) => one !== undefined);
}

function alternativeIn({ agent_id: agentId, address }: JsonObject): AlternativeAgent | undefined {
  if (typeof agentId !== "string" || typeof address !== "string") return undefined;
  try {
    const { nodeId } = parseAgentReference(address);
    return nodeId === "local" ? undefined : { agentId, nodeId };
  } catch {
    return undefined;
  }
}
