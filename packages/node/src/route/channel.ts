/** A conversation with one agent in lines of JSON-RPC 2.0: what every kind of agent, local or far, offers its callers. */

import type { Caller } from "../agent.ts";

export type ChannelProto = "mcp" | "a2a" | "plain";

/**
 * `call`: requests with one answer each, which progress and log lines may precede. `listen`: one request with many
 * answers. `session`: MCP from `initialize` on, requests in both directions.
 */
export type ChannelMode = "call" | "listen" | "session";

/** Revisions of MCP an agent speaks by itself: `modern` 2026-07-28, `legacy` 2025-11-25 and older. */
export type Era = "modern" | "legacy" | "dual";

/** What a caller asks for when it opens a channel. */
export interface ChannelOpening {
  readonly proto: ChannelProto;
  readonly mode: ChannelMode;
  /** A2A's service parameters, lower case: `a2a-version`, `a2a-extensions`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** In whose name somebody at this node opens a channel; without any of these, in the operator's. */
export type LocalUser = Pick<Caller, "user" | "token" | "anonymous">;

export interface OpenRequest extends ChannelOpening {
  readonly as?: LocalUser | undefined;
}

/** Who opened a channel, and when nobody waits any more. */
export interface ChannelContext {
  readonly caller: Caller;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

/** One end of an open channel. Lines are text without their newline, exactly as the other end wrote them. */
export interface AgentChannel {
  readonly era: Era;
  /** MCP revisions, newest first; empty where the agent speaks none. */
  readonly versions: readonly string[];
  /** Queues a line. @throws QUEUE_FULL, FRAME_TOO_LARGE, STREAM_RESET. */
  send(line: string): void;
  /** Resolves once what was sent is below its bound. @throws STREAM_RESET. */
  calm(): Promise<void>;
  /**
   * Lines of the other end in order, to be read once; ends when it has said its last.
   * @throws AGENT_CRASHED, STREAM_RESET and the like when it broke off.
   */
  readonly lines: AsyncIterable<string>;
  /** Says that no more lines follow; the other end may go on. */
  end(): void;
  /** Breaks off in both directions. */
  reset(reason: string): void;
  /** Resolves once both directions have ended, with the error if one broke off. */
  readonly closed: Promise<Error | undefined>;
}
