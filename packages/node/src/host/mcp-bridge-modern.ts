/** Callers of the modern revision on an agent of the older one: the node's own session, seen statelessly. */

import {
  type JsonObject,
  type JsonValue,
  ProtocolError,
  rpcFailure,
  type RpcError,
  toRpcError,
} from "@gridmesh/protocol";
import { channelPair } from "../route/channel-pair.ts";
import type { AgentChannel } from "../route/channel.ts";
import { decodeMessage, type RpcMessage } from "../route/rpc-lines.ts";
import { envelopeFault } from "./mcp-envelope.ts";
import { ListenDesk } from "./mcp-listen-desk.ts";
import { Subscriptions } from "./mcp-subscriptions.ts";
import { tell } from "./mcp-tell.ts";
import { textAt, withMembers, withoutReserved } from "./mcp-text.ts";
import { isObject, MCP_ERROR, META, MODERN_VERSION, objectIn } from "./mcp-words.ts";

export interface LegacyAgent {
  /** A channel on which `initialize` has been said already; its ids are this bridge's own. */
  readonly channel: AgentChannel;
  /** The agent's answer to `initialize`. */
  readonly initialized: JsonObject;
  /** Of the conversation that the channel is a part of; absent where it is the whole of it. */
  readonly subscriptions?: Subscriptions | undefined;
}

/** The near end speaks 2026-07-28; the agent hears the revision it knows. Digits of others' numbers stay. */
export function modernFromLegacy(agent: LegacyAgent): AgentChannel {
  const { era } = agent.channel;
  const [near, far] = channelPair({ era, versions: [MODERN_VERSION] });
  void new ModernBridge(agent, far).serve();
  return near;
}

type Id = string | number;
type Request = RpcMessage & { readonly kind: "request" };

/** Requests that only a session has. */
const SESSION_ONLY: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
]);

/** Results that say how long they hold. */
const CACHEABLE: ReadonlySet<string> = new Set([
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "prompts/list",
]);

const NO_BATCH: RpcError = { code: -32_600, message: "a line holds one JSON-RPC message" };
const LEVELS: readonly (JsonValue | undefined)[] = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];

class ModernBridge {
  readonly #agent: LegacyAgent;
  readonly #caller: AgentChannel;
  readonly #asked = new Map<Id, { readonly method: string; readonly level: JsonValue | undefined }>();
  readonly #listens: ListenDesk;
  /** Requests of this bridge itself. */
  readonly #own = new Map<Id, (message: RpcMessage) => void>();
  #lastOwn = 0;
  #callerDone = false;
  #agentDone = false;

  constructor(agent: LegacyAgent, caller: AgentChannel) {
    this.#agent = agent;
    this.#caller = caller;
    this.#listens = new ListenDesk({
      capabilities: objectIn(agent.initialized, "capabilities"),
      subscriptions:
        agent.subscriptions ?? new Subscriptions((method, params) => this.#askSelf(method, params)),
      tell: (line) => this.#tell(line),
    });
  }

  async serve(): Promise<void> {
    const { channel } = this.#agent;
    try {
      await Promise.all([this.#hearCaller(), this.#hearAgent()]);
      channel.end();
      this.#caller.end();
    } catch {
      channel.reset("the other side broke off");
      this.#caller.reset("the other side broke off");
    } finally {
      this.#listens.drop();
    }
  }

  async #hearCaller(): Promise<void> {
    const { channel } = this.#agent;
    for await (const line of this.#caller.lines) {
      this.#fromCaller(line, decodeMessage(line));
      await channel.calm();
    }
    this.#callerDone = true;
    this.#endIfDone();
  }

  async #hearAgent(): Promise<void> {
    for await (const line of this.#agent.channel.lines) {
      this.#fromAgent(line, decodeMessage(line));
      await this.#caller.calm();
    }
    const ended = new ProtocolError("AGENT_CRASHED", "the agent ended before it answered");
    for (const id of this.#asked.keys()) this.#tell(JSON.stringify(rpcFailure(id, ended)));
    this.#asked.clear();
    this.#listens.end("the agent has ended");
    this.#agentDone = true;
    this.#caller.end();
  }

  #fromCaller(line: string, message: RpcMessage): void {
    // That no answer follows was said by the channel's end.
    if (this.#agentDone) return;
    if (message.kind === "unreadable") return this.#fail(message.id, toRpcError(message.error));
    if (message.kind === "request") return this.#request(line, message);
    // Several on one line.
    if ((message.kind as string) === "batch") return this.#fail(null, NO_BATCH);
    if (message.kind !== "notification" || message.method !== "notifications/cancelled") return;
    const id = isObject(message.params) ? message.params["requestId"] : undefined;
    if (this.#listens.cancel(id as Id)) return this.#endIfDone();
    if (this.#asked.delete(id as Id)) this.#agent.channel.send(line);
  }

  #request(line: string, { id, method, params }: Request): void {
    const fault = envelopeFault(method, params, [MODERN_VERSION]);
    if (fault !== undefined) return this.#fail(id, fault);
    if (SESSION_ONLY.has(method)) {
      return this.#fail(id, { code: -32_601, message: `${method} is no method of ${MODERN_VERSION}` });
    }
    if (this.#asked.has(id) || this.#own.has(id))
      return this.#fail(id, { code: -32_600, message: "this id is under way already" });
    if (method === "server/discover") return this.#answer(id, this.#discovery());
    if (method === "subscriptions/listen") {
      void this.#listens.open({ id, params }).then(() => this.#endIfDone());
      return;
    }
    this.#asked.set(id, { method, level: objectIn(params, "_meta")[META.logLevel] });
    const given = withoutReserved(textAt(line, ["params"]) ?? "{}");
    const plain = withMembers(given, { inputResponses: undefined, requestState: undefined });
    this.#agent.channel.send(withMembers(line, { params: plain }));
  }

  #fromAgent(line: string, message: RpcMessage): void {
    if (message.kind === "request") return this.#refuse(message);
    if (message.kind === "notification") return this.#told(line, message);
    if (message.kind !== "result" && message.kind !== "failure") return;
    const { id } = message;
    const own = id === null ? undefined : this.#own.get(id);
    if (own !== undefined) return own(message);
    const asked = id === null ? undefined : this.#asked.get(id);
    if (id === null || asked === undefined) return;
    this.#asked.delete(id);
    if (message.kind === "result") this.#tell(withMembers(line, { result: completed(line, asked.method) }));
    else this.#tell(modernError(line));
    this.#endIfDone();
  }

  #told(line: string, { method, params }: RpcMessage & { readonly kind: "notification" }): void {
    if (this.#listens.hear(line, method, params)) return;
    if (method === "notifications/progress") return this.#tell(line);
    if (method !== "notifications/message") return;
    // A log line names no request: it is told where it can be of one alone, and only if that one asked for it.
    const [only] = this.#asked.values();
    if (this.#asked.size !== 1 || only?.level === undefined || !isObject(params)) return;
    if (LEVELS.indexOf(params["level"]) >= LEVELS.indexOf(only.level)) this.#tell(line);
  }

  #askSelf(method: string, params: JsonObject): Promise<JsonValue> {
    const id = `bridge ${(this.#lastOwn += 1)}`;
    return new Promise((resolve, reject) => {
      this.#own.set(id, (message) => {
        this.#own.delete(id);
        if (message.kind === "result") resolve(message.result);
        else if (message.kind === "failure") reject(message.error);
      });
      this.#agent.channel.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /** The agent asks the node, which has no capabilities of a caller. */
  #refuse({ id, method }: Request): void {
    const answer =
      method === "ping"
        ? { jsonrpc: "2.0", id, result: {} }
        : { jsonrpc: "2.0", id, error: { code: -32_601, message: "this caller answers no requests" } };
    this.#agent.channel.send(JSON.stringify(answer));
  }

  #discovery(): JsonObject {
    const { initialized } = this.#agent;
    const { logging: _logging, tasks: _tasks, ...capabilities } = objectIn(initialized, "capabilities");
    const { instructions } = initialized;
    return {
      supportedVersions: [MODERN_VERSION],
      capabilities,
      ...(instructions === undefined ? {} : { instructions }),
      resultType: "complete",
      ttlMs: 0,
      cacheScope: "private",
      _meta: { [META.agentInfo]: objectIn(initialized, "serverInfo") },
    };
  }

  #answer(id: Id, result: JsonObject): void {
    this.#tell(JSON.stringify({ jsonrpc: "2.0", id, result }));
    this.#endIfDone();
  }

  #fail(id: Id | null, error: RpcError): void {
    this.#tell(JSON.stringify({ jsonrpc: "2.0", id, error }));
    this.#endIfDone();
  }

  #tell(line: string): void {
    tell(this.#caller, line);
  }

  /** The agent hears that nothing more comes once all is answered. */
  #endIfDone(): void {
    if (this.#callerDone && this.#asked.size === 0 && this.#listens.size === 0) this.#agent.channel.end();
  }
}

/** A result's text with what the modern revision wants of it. */
function completed(line: string, method: string): string {
  const result = textAt(line, ["result"]) ?? "{}";
  if (!result.startsWith("{")) return result;
  const kind = textAt(result, ["resultType"]) === undefined ? { resultType: '"complete"' } : {};
  return withMembers(result, CACHEABLE.has(method) ? { ...kind, ttlMs: "0", cacheScope: '"private"' } : kind);
}

/** What a missing resource was once called is invalid params by now. */
function modernError(line: string): string {
  const code = textAt(line, ["error", "code"]);
  if (code !== String(MCP_ERROR.resourceMissingOnce)) return line;
  return withMembers(line, { error: withMembers(textAt(line, ["error"]) ?? "{}", { code: "-32602" }) });
}
