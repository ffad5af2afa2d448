/** One request to an MCP agent, as its own caller asks it; what an adapter does with a channel. */

import {
  type JsonObject,
  type JsonValue,
  ProtocolError,
  fromRpcError,
  readRpcMessage,
} from "@gridmesh/protocol";
import type { CallContext, Caller } from "../agent.ts";
import type { AgentChannel } from "../route/channel.ts";
import type { LocalAgent } from "../route/types.ts";
import { META, MODERN_VERSION } from "./mcp-words.ts";
import { asObject } from "./loose-json.ts";

export interface McpRequest {
  readonly method: string;
  readonly params: JsonObject;
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly onProgress?: ((params: JsonObject) => void) | undefined;
}

const ID = 1;
/** What a caller of A2A can be asked for: an answer from whoever is behind it. */
const CAPABILITIES = { elicitation: { form: {} } };

/**
 * The result of a request.
 * @throws the agent's own error with `foreign`, the signal's reason, what opening throws.
 */
export async function askMcp(agent: LocalAgent, request: McpRequest): Promise<JsonObject> {
  const { method, caller, signal } = request;
  const channel = await openOrNone(agent, caller, signal);
  const context: CallContext = { caller, signal, deadlineMs: Number.MAX_SAFE_INTEGER };
  // An agent of plain tools has no channel: its calls are all there is.
  if (channel === undefined) return asObject(await agent.call(method, request.params, context));
  const leave = () => {
    const params = { requestId: ID, reason: "cancelled" };
    tell(channel, { jsonrpc: "2.0", method: "notifications/cancelled", params });
    channel.reset("cancelled");
  };
  signal.addEventListener("abort", leave, { once: true });
  try {
    channel.send(JSON.stringify(withEnvelope(request)));
    return asObject(await answerOn(channel, request));
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", leave);
    if (!signal.aborted) channel.end();
  }
}

async function openOrNone(
  agent: LocalAgent,
  caller: Caller,
  signal: AbortSignal,
): Promise<AgentChannel | undefined> {
  try {
    return await agent.open({ proto: "mcp", mode: "call" }, { caller, signal });
  } catch (error) {
    if (error instanceof ProtocolError && error.code === "PROTOCOL_UNSUPPORTED") return undefined;
    throw error;
  }
}

function withEnvelope({ method, params, onProgress }: McpRequest): JsonObject {
  const _meta = {
    [META.version]: MODERN_VERSION,
    [META.capabilities]: CAPABILITIES,
    ...(onProgress === undefined ? {} : { progressToken: ID }),
  };
  return { jsonrpc: "2.0", id: ID, method, params: { ...params, _meta } };
}

async function answerOn(channel: AgentChannel, { onProgress }: McpRequest): Promise<JsonValue> {
  for await (const line of channel.lines) {
    const message = readRpcMessage(JSON.parse(line) as JsonValue);
    if (message.kind === "result") return message.result;
    if (message.kind === "error") throw fromRpcError(message.error);
    if (message.method === "notifications/progress") onProgress?.(asObject(message.params));
  }
  throw new ProtocolError("AGENT_CRASHED", "the agent ended before it answered");
}

function tell(channel: AgentChannel, message: JsonObject): void {
  try {
    channel.send(JSON.stringify(message));
  } catch {
    // It has ended by itself: there is nothing to cancel.
  }
}
