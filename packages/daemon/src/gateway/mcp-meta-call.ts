/** What the meta-agent asks of agents, always in its caller's name and with its caller's rights. */

import type { AgentChannel, AgentNode } from "@gridmesh/node";
import { fromRpcError, type JsonObject, type JsonValue, ProtocolError, rpcRequest } from "@gridmesh/protocol";
import type { GatewayCaller } from "./guard.ts";
import { MODERN_FROM } from "./mcp-headers.ts";
import { isObject, readLine } from "./mcp-message.ts";
import { openAgent } from "./mcp-target.ts";

const CALL_MS = 30_000;
const LONGEST_MS = 600_000;
const MOST_PAGES = 20;
const ID = 1;

/** In whose name, for how long, and what is done with progress. */
export interface MetaCall {
  readonly caller: GatewayCaller;
  readonly signal: AbortSignal;
  /** Of the request that asked for it; its progress token stays the caller's. */
  readonly meta?: JsonValue | undefined;
  readonly onNews?: ((line: string) => void) | undefined;
}

/** The one agent that a reference means, as `<PeerId>:<agent>`. @throws ADDRESS_INVALID, NO_PROVIDER. */
export async function addressOf(node: AgentNode, reference: string, signal: AbortSignal): Promise<string> {
  if (reference.startsWith("cap:")) return node.resolve(reference, { timeoutMs: CALL_MS, signal });
  const colon = reference.indexOf(":");
  if (colon < 0) return `${node.id}:${reference}`;
  return reference.startsWith("local:") ? `${node.id}:${reference.slice(colon + 1)}` : reference;
}

/** One request and its result. @throws what `node.open` does; the agent's own error; CALL_TIMEOUT, CALL_CANCELLED. */
export async function askAgent(
  node: AgentNode,
  wanted: { readonly address: string; readonly method: string; readonly params: JsonObject },
  call: MetaCall,
): Promise<JsonValue> {
  const { caller, signal } = call;
  const channel = await openAgent(node, {
    reference: wanted.address,
    caller,
    proto: "mcp",
    mode: "call",
    signal,
  });
  const leave = () => cancel(channel);
  signal.addEventListener("abort", leave, { once: true });
  try {
    if (signal.aborted) throw new ProtocolError("CALL_CANCELLED", "the caller gave up");
    const params = { ...wanted.params, _meta: envelope(call.meta) };
    channel.send(JSON.stringify(rpcRequest(ID, wanted.method, params)));
    return await answerOf(channel, call);
  } finally {
    signal.removeEventListener("abort", leave);
    channel.end();
  }
}

/** Every tool of an agent, page by page. @throws as `askAgent`. */
export async function toolsOf(
  node: AgentNode,
  address: string,
  call: MetaCall,
): Promise<readonly JsonValue[]> {
  const tools: JsonValue[] = [];
  let cursor: JsonValue | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const result = await askAgent(
      node,
      { address, method: "tools/list", params },
      { ...call, meta: undefined },
    );
    const listed = isObject(result) ? result["tools"] : undefined;
    if (Array.isArray(listed)) tools.push(...(listed as readonly JsonValue[]));
    cursor = isObject(result) ? result["nextCursor"] : undefined;
    if (typeof cursor !== "string") break;
  }
  return tools;
}

async function answerOf(channel: AgentChannel, { signal, onNews }: MetaCall): Promise<JsonValue> {
  const endsAtMs = performance.now() + LONGEST_MS;
  let quiet: NodeJS.Timeout | undefined;
  let isLate = false;
  const wait = () => {
    clearTimeout(quiet);
    quiet = setTimeout(
      () => {
        isLate = true;
        cancel(channel);
        channel.reset("no answer in time");
      },
      Math.min(CALL_MS, endsAtMs - performance.now()),
    );
  };
  try {
    wait();
    for await (const line of channel.lines) {
      const said = readLine(line);
      if (said?.kind === "notification") onNews?.(line);
      if (said?.kind === "answer") {
        if (said.error !== undefined) throw fromRpcError(said.error);
        return (JSON.parse(line) as { readonly result: JsonValue }).result;
      }
      wait();
    }
    throw new ProtocolError("STREAM_RESET", "the agent gave no answer");
  } catch (error) {
    if (isLate) throw new ProtocolError("CALL_TIMEOUT", "the agent did not answer in time", { cause: error });
    if (signal.aborted) throw new ProtocolError("CALL_CANCELLED", "the caller gave up", { cause: error });
    throw error;
  } finally {
    clearTimeout(quiet);
  }
}

function cancel(channel: AgentChannel): void {
  try {
    const params = { requestId: ID, reason: "the caller gave up" };
    channel.send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params }));
    channel.end();
  } catch {
    // Whoever broke off need not be told.
  }
}

/** The caller's own envelope, or that of one that can do nothing but ask. */
function envelope(meta: JsonValue | undefined): JsonObject {
  const given = isObject(meta) ? meta : {};
  return {
    "io.modelcontextprotocol/clientCapabilities": {},
    ...given,
    "io.modelcontextprotocol/protocolVersion": MODERN_FROM,
  };
}
