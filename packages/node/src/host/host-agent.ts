/** Every kind of agent by the shape of its definition. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Access, AgentDefinition } from "../agent.ts";
import type { Log } from "../log.ts";
import { hostRemoteA2a, isRemoteA2a, type RemoteA2aDefinition } from "./a2a-remote.ts";
import type { Clock } from "../clock.ts";
import type { ChildRoom } from "./children.ts";
import { type HostedAgent, hostInProcess } from "./in-process.ts";
import type { StateSeal } from "./mcp-state.ts";
import { hostRemote, isRemoteDefinition, type RemoteDefinition } from "./remote-http.ts";
import { guardedFetch } from "./ssrf-fetch.ts";
import { hostChild } from "./stdio-child.ts";
import { type ChildDefinition, isChildDefinition } from "./stdio-child-spec.ts";

/** What stands for an agent: code in this process, or how a program is run. */
export type AgentSource = AgentDefinition | ChildDefinition | RemoteDefinition | RemoteA2aDefinition;

/** For addresses of the operator's own settings. */
const operatorFetch = guardedFetch({ from: "operator" });

/** What the kinds of agents need of their node. */
export interface HostParts {
  readonly log: Log;
  readonly clock: Clock;
  /** Absent where no agent keeps states at its callers. */
  readonly seal?: StateSeal | undefined;
  /** Absent where no agent has tasks. */
  readonly newId?: (() => string) | undefined;
  /** Absent where the program around the node runs no children. */
  readonly children: ChildRoom | undefined;
}

export interface HostAgentOptions {
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly source: AgentSource;
  readonly parts: HostParts;
}

/** @throws INVALID_PARAMS when the source is none, AGENT_START_FAILED where its kind cannot be run. */
export function hostAgent({ name, agentId, access, source, parts }: HostAgentOptions): HostedAgent {
  const { log, seal, clock, newId, children: room } = parts;
  const seat = { name, agentId, access };
  if (isRemoteA2a(source)) return hostRemoteA2a({ ...seat, definition: source, fetch: operatorFetch });
  if (isRemoteDefinition(source))
    return hostRemote({ ...seat, definition: source, clock, log, fetch: operatorFetch });
  if (!isChildDefinition(source)) {
    const tasks = newId === undefined ? undefined : { clock, newId };
    return hostInProcess({ ...seat, definition: source, log, seal, tasks });
  }
  if (room === undefined) {
    throw new ProtocolError("AGENT_START_FAILED", `agent ${name}: this node runs no other programs`);
  }
  return hostChild({ name, agentId, access, definition: source, room });
}
