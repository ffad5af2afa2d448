/** What the router needs of the rooms to its right. */

import type { JsonValue } from "@gridmesh/protocol";
import type { Access, CallContext, Caller, MethodHandler } from "../agent.ts";
import type { Wait } from "../clock.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "./channel.ts";

export type AgentState = "starting" | "ready" | "draining" | "stopped" | "failed";

/** An agent of this node, as calls see it. */
export interface LocalAgent {
  readonly name: string;
  /** What it is: code in this process (the default), a program of its own, or something at another address. */
  readonly kind?: "module" | "stdio" | "url" | "a2a";
  readonly agentId: string;
  readonly access: Access;
  readonly state: AgentState;
  readonly capabilities: readonly string[];
  /** @throws METHOD_NOT_FOUND, INVALID_PARAMS, AGENT_UNAVAILABLE, HANDLER_FAILED or the agent's own code. */
  call(method: string, params: JsonValue, context: CallContext): Promise<JsonValue>;
  /**
   * A channel to it, one caller's own.
   * @throws PROTOCOL_UNSUPPORTED for a proto or mode it has not, AGENT_UNAVAILABLE, AGENT_START_FAILED, QUOTA_EXCEEDED.
   */
  open(opening: ChannelOpening, context: ChannelContext): Promise<AgentChannel>;
}

/** The agents of this node in order of registration. */
export interface LocalAgents {
  get(name: string): LocalAgent | undefined;
  list(): readonly LocalAgent[];
}

/** How long to wait, and for whom a call is made. */
export interface CallWait extends Wait {
  /** Default: the operator. */
  readonly caller?: Caller | undefined;
  /** PeerIds it passed through. */
  readonly via?: readonly string[] | undefined;
}

/** Calls whoever offers a capability. @throws NO_PROVIDER with `data.tried`. */
export type CapabilityCall = (
  capability: string,
  call: { readonly method: string; readonly params: JsonValue },
  wait: CallWait,
) => Promise<JsonValue>;

export type NodeMethods = ReadonlyMap<string, MethodHandler>;
