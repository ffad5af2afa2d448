/** The node's own methods: what it is, whom it lives with, what lives on it. */

import { isCapability, type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Access, CallContext, MethodHandler } from "../agent.ts";
import type { Clock } from "../clock.ts";
import type { AccessJudge } from "../gate/access.ts";
import { nodeLimits } from "../limits.ts";
import { answers } from "../words.ts";
import type { LocalAgents, NodeMethods } from "./types.ts";

export interface NodeFacts {
  readonly node_id: string;
  readonly network: string;
  readonly version: string;
  readonly protocols: readonly string[];
  readonly addresses: readonly string[];
  readonly uptime_seconds: number;
  readonly state: string;
  /** Handovers of the node's key and of its agents', newest last. */
  readonly continuity: readonly JsonObject[];
  /** Of the key that alone may follow the node's. */
  readonly next_key_hash: string | null;
}

export interface PeerRow {
  readonly node_id: string;
  readonly addresses: readonly string[];
  readonly connected: boolean;
  readonly latency_ms: number | null;
  /** Unix milliseconds. */
  readonly last_seen: number | null;
}

/** An agent of another node, as its record tells. */
interface KnownAgent {
  readonly name: string;
  readonly agentId: string;
  readonly address: string;
  readonly presence: string;
  readonly capabilities: readonly string[];
  readonly protocols: readonly string[];
  readonly eras: readonly string[];
}

export interface NodeMethodsOptions {
  readonly clock: Clock;
  readonly facts: () => NodeFacts;
  readonly agents: LocalAgents;
  readonly access: AccessJudge;
  readonly peers: () => readonly PeerRow[];
  readonly peerId: string;
  /** The agent's newest signed record, if it is published. */
  readonly record: (name: string) => JsonObject | undefined;
  /** Agents of other nodes. */
  readonly known: () => readonly KnownAgent[];
  /** The newest record of one of them, as it was signed. */
  readonly knownRecord: (agentId: string) => JsonObject | undefined;
  /** A peer looks for agents that answer this word. */
  readonly onLookUp: (peerId: string, capability: string) => void;
  /** The same, and it wants to be told in the answer of agents of other nodes: their records. */
  readonly others: (peerId: string, capability: string) => readonly JsonObject[];
}

/** Names without their `node/`. */
export function createNodeMethods(options: NodeMethodsOptions): NodeMethods {
  const pace = createLookPace(options.clock);
  return new Map<string, MethodHandler>([
    ["get_info", (_params, context) => infoOf(options, context)],
    ["list_agents", (params, context) => listAgents(options, params, context)],
    ["list_peers", (_params, context) => listPeers(options, pace, context)],
  ]);
}

function infoOf(options: NodeMethodsOptions, { caller }: CallContext): JsonValue {
  const seen = options.agents.list().filter((agent) => options.access.sees(agent, caller));
  const { continuity, ...facts } = options.facts();
  return { ...facts, agents: seen.length, continuity: [...continuity] };
}

function listAgents(options: NodeMethodsOptions, params: JsonValue, context: CallContext): JsonValue {
  const { scope, capability, signed, others } = readListParams(params);
  const own = options.agents
    .list()
    .filter((agent) => options.access.sees(agent, context.caller))
    .filter((agent) => capability === undefined || answers(agent.capabilities, capability))
    .map((agent) => {
      const record = signed ? options.record(agent.name) : undefined;
      return {
        ...row(agent, `${options.peerId}:${agent.name}`),
        kind: agent.kind ?? "module",
        status: agent.state,
        access: agent.access satisfies Access,
        ...(record === undefined ? {} : { record }),
      };
    });
  const { kind, peerId } = context.caller;
  if (kind === "peer" && signed && capability !== undefined) {
    if (others) return { agents: own, others: [...options.others(peerId, capability)] };
    options.onLookUp(peerId, capability);
  }
  if (scope === "local") return { agents: own };
  if (context.caller.kind !== "local") {
    throw new ProtocolError("UNAUTHORIZED", "scope known is for local callers");
  }
  const far = options
    .known()
    .filter((agent) => capability === undefined || answers(agent.capabilities, capability))
    .map((agent) => {
      const { address, protocols, eras, presence: status } = agent;
      const record = signed ? options.knownRecord(agent.agentId) : undefined;
      const told = { protocols: [...protocols], eras: [...eras], status, access: "network" };
      return { ...row(agent, address), ...told, ...(record === undefined ? {} : { record }) };
    });
  return { agents: [...own, ...far] };
}

function row(
  agent: { readonly name: string; readonly agentId: string; readonly capabilities: readonly string[] },
  address: string,
): JsonObject {
  return {
    name: agent.name,
    agent_id: agent.agentId,
    address,
    kind: "module",
    protocols: ["mcp", "a2a", "plain"],
    eras: [],
    capabilities: [...agent.capabilities],
  };
}

function readListParams(params: JsonValue): {
  readonly scope: "local" | "known";
  readonly capability: string | undefined;
  readonly signed: boolean;
  readonly others: boolean;
} {
  const given = (
    typeof params === "object" && params !== null && !Array.isArray(params) ? params : {}
  ) as JsonObject;
  const { scope = "local", capability, signed, others } = given;
  if (scope !== "local" && scope !== "known") {
    throw new ProtocolError("INVALID_PARAMS", "scope is local or known");
  }
  if (capability !== undefined && (typeof capability !== "string" || !isCapability(capability))) {
    throw new ProtocolError("INVALID_PARAMS", "capability is a word");
  }
  return { scope, capability, signed: signed === true, others: others === true && scope === "local" };
}

function listPeers(options: NodeMethodsOptions, pace: LookPace, { caller }: CallContext): JsonValue {
  if (caller.kind === "peer") pace(caller.peerId);
  const rows = options.peers();
  const shown = caller.kind === "local" ? rows : rows.slice(0, nodeLimits.listedPeers);
  return { peers: shown.map((peer) => ({ ...peer, addresses: [...peer.addresses] })) };
}

/** @throws RATE_LIMITED for a peer that asked a moment ago. */
type LookPace = (peerId: string) => void;

/** Who is linked with whom is told a peer now and then: it is how a network would be drawn. */
function createLookPace(clock: Clock): LookPace {
  const askedMs = new Map<string, number>();
  return (peerId) => {
    const nowMs = clock.monotonicMs();
    const waitMs = (askedMs.get(peerId) ?? -Infinity) + nodeLimits.listPeersMs - nowMs;
    if (waitMs > 0) {
      const data = { retry_after_ms: Math.ceil(waitMs) };
      throw new ProtocolError("RATE_LIMITED", "this node's peers were told a moment ago", { data });
    }
    // Those that asked longest ago stand first.
    for (const [id, atMs] of askedMs) {
      if (nowMs - atMs < nodeLimits.listPeersMs) break;
      askedMs.delete(id);
    }
    askedMs.delete(peerId);
    askedMs.set(peerId, nowMs);
  };
}
