/** Whom a path of the gateway means, seen by one caller: what it may open, and what was heard of it before. */

import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { AgentChannel, AgentNode, ChannelMode, ChannelProto, LocalUser, Wait } from "@gridmesh/node";
import {
  forPeer,
  isProtocolError,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  rpcRequest,
} from "@gridmesh/protocol";
import { publicAgent } from "./catalog-access.ts";
import type { GatewayCaller } from "./guard.ts";
import { type HeaderMark, hasParamHeaders, marksOf } from "./mcp-headers.ts";
import { isObject, type McpRequest, readLine } from "./mcp-message.ts";

/** An agent as one caller reaches it. */
export interface McpTarget {
  /** `<node>:<agent>`, `local:<agent>`, `cap:<word>`; undefined: the meta-agent. */
  readonly reference: string | undefined;
  /** @throws what `node.open` does; AGENT_NOT_FOUND for an agent the caller may not see. */
  open(mode: ChannelMode, signal: AbortSignal): Promise<AgentChannel>;
  /** The headers that the called tool asks for, as far as its list is known or worth asking for. */
  marks(call: McpRequest, headers: IncomingHttpHeaders): Promise<readonly HeaderMark[]>;
  /** Remembers what an answer that passed told of the agent's tools. */
  heard(asked: McpRequest, line: string): void;
}

/** Where a meta-agent's channels come from. */
export type OpenMeta = (mode: ChannelMode, caller: GatewayCaller) => AgentChannel;

const OPEN_MS = 30_000;
const LIST_MS = 5_000;
const MARKS_KEPT_MS = 300_000;
const MARKS_KEPT = 1_024;

/** The agents behind `/mcp`. */
export class McpTargets {
  readonly #node: AgentNode;
  readonly #openMeta: OpenMeta;
  /** Tools with marks of a target, by caller. */
  readonly #marks = new Map<
    string,
    { readonly atMs: number; readonly tools: Map<string, readonly HeaderMark[]> }
  >();

  constructor(node: AgentNode, openMeta: OpenMeta) {
    this.#node = node;
    this.#openMeta = openMeta;
  }

  /** The target that a caller means. @throws AGENT_NOT_FOUND where its token does not reach. */
  of(named: string | undefined, caller: GatewayCaller): McpTarget {
    const own = ["node", "local:node", `${this.#node.id}:node`];
    // The node as an agent is the meta-agent.
    const reference = named === undefined || own.includes(named) ? undefined : named;
    if (reference !== undefined && !isCapability(reference, caller)) checkReach(reference, caller);
    const key = `${caller.anonymous ? "?" : (caller.token ?? "")}\n${reference ?? ""}`;
    const open: McpTarget["open"] = async (mode, signal) => {
      if (reference === undefined) return this.#openMeta(mode, caller);
      return openAgent(this.#node, { reference, caller, proto: "mcp", mode, signal });
    };
    return {
      reference,
      open,
      marks: async ({ params }, headers) => {
        const { name } = params;
        if (typeof name !== "string") return [];
        if (!this.#isFresh(key) && hasParamHeaders(headers)) await this.#ask(key, params, open);
        return (this.#isFresh(key) ? this.#marks.get(key)?.tools.get(name) : undefined) ?? [];
      },
      heard: ({ method, params }, line) => {
        if (method === "tools/list") this.#remember(key, line, params["cursor"] === undefined);
      },
    };
  }

  #isFresh(key: string): boolean {
    const kept = this.#marks.get(key);
    return kept !== undefined && performance.now() - kept.atMs < MARKS_KEPT_MS;
  }

  /** Asks for the tools in the caller's own name. What fails here fails again at the call. */
  async #ask(key: string, { _meta: meta }: JsonObject, open: McpTarget["open"]): Promise<void> {
    const signal = AbortSignal.timeout(LIST_MS);
    const channel = await open("call", signal);
    const late = () => channel.reset("the list of tools did not come in time");
    signal.addEventListener("abort", late, { once: true });
    try {
      channel.send(
        JSON.stringify(rpcRequest(1, "tools/list", meta === undefined ? {} : { _meta: withoutToken(meta) })),
      );
      for await (const line of channel.lines) {
        if (readLine(line)?.kind !== "answer") continue;
        this.#remember(key, line, true);
        return;
      }
    } catch {
      // The call itself will tell.
    } finally {
      signal.removeEventListener("abort", late);
      channel.end();
    }
  }

  #remember(key: string, line: string, isFirst: boolean): void {
    const { result } = JSON.parse(line) as { readonly result?: { readonly tools?: JsonValue } };
    if (!Array.isArray(result?.tools)) return;
    const kept = isFirst ? undefined : this.#marks.get(key);
    const tools = kept?.tools ?? new Map<string, readonly HeaderMark[]>();
    for (const tool of result.tools as readonly JsonValue[]) {
      if (!isObject(tool) || typeof tool["name"] !== "string") continue;
      const marks = marksOf(tool["inputSchema"]);
      if (marks.length > 0) tools.set(tool["name"], marks);
    }
    this.#marks.delete(key);
    this.#marks.set(key, { atMs: performance.now(), tools });
    const [oldest] = this.#marks.keys();
    if (this.#marks.size > MARKS_KEPT && oldest !== undefined) this.#marks.delete(oldest);
  }
}

/** A progress token is one request's own. */
function withoutToken(meta: JsonValue): JsonValue {
  if (!isObject(meta)) return {};
  const { progressToken: _token, ...rest } = meta;
  return rest;
}

/** The rest of a path behind its prefix as a reference, percent-decoded; undefined where nothing is. @throws ADDRESS_INVALID. */
export function referenceIn(path: string, prefix: string): string | undefined {
  const rest = path.slice(prefix.length).replace(/^\//, "");
  if (rest === "") return undefined;
  try {
    return decodeURIComponent(rest);
  } catch (cause) {
    throw new ProtocolError("ADDRESS_INVALID", `"${rest.slice(0, 120)}" is not percent-encoded`, { cause });
  }
}

/** Is it a capability, of a caller that may reach some agents? */
function isCapability(reference: string, { scope }: GatewayCaller): boolean {
  return reference.startsWith("cap:") && scope !== "read";
}

/** The reference, where its caller may reach it; a capability that is not the token's own is whoever was found for it. */
async function reached(
  node: AgentNode,
  { reference, caller }: { readonly reference: string; readonly caller: GatewayCaller },
  wait: Wait,
): Promise<string> {
  if (caller.mayReach(reference) || !isCapability(reference, caller)) {
    checkReach(reference, caller);
    return reference;
  }
  const found = await node.resolve(reference, wait);
  const name = found.slice(found.indexOf(":") + 1);
  const isOwn = found === `${node.id}:${name}`;
  if (!isOwn || !caller.mayReach(`local:${name}`)) checkReach(found, caller);
  return found;
}

/** @throws AGENT_NOT_FOUND, the same as for an agent that is not there. */
function checkReach(reference: string, caller: GatewayCaller): void {
  if (caller.mayReach(reference)) return;
  throw new ProtocolError("AGENT_NOT_FOUND", `no agent ${reference.slice(reference.indexOf(":") + 1)} here`);
}

/**
 * A channel to an agent in a gateway caller's name.
 * @throws what `node.open` does; AGENT_NOT_FOUND for an agent the caller may not see.
 */
export async function openAgent(
  node: AgentNode,
  wanted: {
    readonly reference: string;
    readonly caller: GatewayCaller;
    readonly proto: ChannelProto;
    readonly mode: ChannelMode;
    readonly headers?: Readonly<Record<string, string>> | undefined;
    readonly signal: AbortSignal;
  },
): Promise<AgentChannel> {
  const { caller, proto, mode, headers, signal } = wanted;
  const wait = { timeoutMs: OPEN_MS, signal };
  const named = await reached(node, wanted, wait);
  const reference = caller.anonymous ? await publicAgent(node, named, signal) : named;
  try {
    return await node.open(reference, { proto, mode, headers, as: userOf(node.id, caller) }, wait);
  } catch (error) {
    // What a program said as it failed, and where it lies, is the operator's alone.
    if (caller.scope === "admin" || !isProtocolError(error)) throw error;
    throw forPeer(error);
  }
}

/** Who a far node takes the caller for: tasks, sessions and caches there are its own. */
export function userOf(nodeId: string, { token, anonymous }: GatewayCaller): LocalUser {
  if (anonymous) return { anonymous: true, user: pseudonym(nodeId, "?") };
  return token === undefined ? {} : { token, user: pseudonym(nodeId, token) };
}

/** The name of a token is this node's own business. */
function pseudonym(nodeId: string, name: string): string {
  return createHash("sha256").update(`gridmesh user\0${nodeId}\0${name}`).digest("base64url").slice(0, 22);
}
