/** A definition's own server of both revisions of MCP, in the shape of an SDK's. */

import {
  isProtocolError,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  readRpcMessage,
  rpcFailure,
  type RpcMessage,
  rpcNotification,
  rpcResult,
  toProtocolError,
} from "@gridmesh/protocol";
import type { AgentDefinition, CallContext, Caller, McpServerShape, MethodHandler } from "../agent.ts";
import { definedCapabilities, knownTool, toolFailure } from "./mcp-definition.ts";
import type { McpTransport } from "./mcp-transport.ts";
import { ListenDesk } from "./mcp-listen-desk.ts";
import { Subscriptions } from "./mcp-subscriptions.ts";
import { isObject, LEGACY_VERSIONS, META, MODERN_VERSION, objectIn } from "./mcp-words.ts";

export interface DefinitionServerOptions {
  readonly name: string;
  readonly definition: AgentDefinition;
  readonly methods: ReadonlyMap<string, MethodHandler>;
  readonly caller: Caller;
}

type Id = string | number;
type Request = RpcMessage & { readonly kind: "request" };

interface Call {
  readonly method: string;
  readonly params: JsonValue;
  readonly signal: AbortSignal;
}

const CACHEABLE: ReadonlySet<string> = new Set([
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "prompts/list",
]);

/** What a session alone may ask. */
const SESSION_ONLY: ReadonlySet<string> = new Set(["initialize", "ping"]);

export class DefinitionServer implements McpServerShape {
  readonly #options: DefinitionServerOptions;
  readonly #running = new Map<Id, AbortController>();
  readonly #listens: ListenDesk;
  #wire: McpTransport | undefined;

  constructor(options: DefinitionServerOptions) {
    this.#options = options;
    this.#listens = new ListenDesk({
      capabilities: definedCapabilities(options.definition),
      // It watches nothing: its lists stay as they are.
      subscriptions: new Subscriptions(() => Promise.resolve({})),
      tell: (line) => this.#tell(JSON.parse(line) as JsonObject),
    });
  }

  connect(transport: never): Promise<void> {
    const wire: McpTransport = transport;
    this.#wire = wire;
    wire.onmessage = (message) => this.#take(readRpcMessage(message as JsonObject));
    wire.onclose = () => this.#end();
    return wire.start();
  }

  async close(): Promise<void> {
    this.#listens.end("the agent is being stopped");
    await this.#wire?.close();
  }

  #end(): void {
    this.#listens.drop();
    const gone = new ProtocolError("CALL_CANCELLED", "the caller has gone");
    for (const call of this.#running.values()) call.abort(gone);
  }

  #take(message: RpcMessage): void {
    if (message.kind === "request") {
      void this.#answer(message).then((answer) => answer && this.#tell(answer));
      return;
    }
    if (message.kind !== "notification" || message.method !== "notifications/cancelled") return;
    const id = isObject(message.params) ? (message.params["requestId"] as Id) : "";
    if (this.#listens.cancel(id)) return;
    this.#running.get(id)?.abort(new ProtocolError("CALL_CANCELLED", "the caller gave up"));
    this.#running.delete(id);
  }

  /** Undefined where nothing more is to be said. */
  async #answer({ id, method, params }: Request): Promise<JsonObject | undefined> {
    const isModern = objectIn(params, "_meta")[META.version] !== undefined;
    if (isModern && method === "subscriptions/listen") {
      await this.#listens.open({ id, params: params ?? {} });
      return undefined;
    }
    const gone = new AbortController();
    this.#running.set(id, gone);
    try {
      const call = { method, params: params ?? {}, signal: gone.signal };
      const result = await (isModern ? this.#modern(call) : this.#older(call));
      if (gone.signal.aborted) return undefined;
      return rpcResult(id, isModern ? this.#completed(method, result) : result);
    } catch (error) {
      return gone.signal.aborted ? undefined : rpcFailure(id, this.#known(error, method));
    } finally {
      this.#running.delete(id);
    }
  }

  #modern(call: Call): Promise<JsonValue> {
    const { method } = call;
    if (method === "server/discover") return Promise.resolve(this.#discovery());
    if (SESSION_ONLY.has(method) && !this.#isOwn(method)) throw missing(method);
    return this.#run(call);
  }

  #older(call: Call): Promise<JsonValue> {
    if (call.method === "initialize") return Promise.resolve(this.#initialized(call.params));
    return this.#run(call);
  }

  /** The agent's own method of this name, or a tool of its own that is called. */
  async #run({ method, params, signal }: Call): Promise<JsonValue> {
    const { definition, methods } = this.#options;
    const handler = methods.get(method);
    if (handler === undefined) throw missing(method);
    const context = this.#context(params, signal);
    if (method !== "tools/call" || this.#isOwn(method)) return handler(params, context);
    const tool = knownTool(definition, params);
    try {
      return await handler(params, context);
    } catch (error) {
      return toolFailure(error, tool);
    }
  }

  #isOwn(method: string): boolean {
    const { methods } = this.#options.definition;
    return methods !== undefined && Object.hasOwn(methods, method);
  }

  #context(params: JsonValue, signal: AbortSignal): CallContext {
    const token = objectIn(params, "_meta")["progressToken"];
    const { caller } = this.#options;
    // Whoever carries the lines keeps the time, and cancels.
    const deadlineMs = Number.MAX_SAFE_INTEGER;
    if (token === undefined) return { caller, signal, deadlineMs };
    const progress: CallContext["progress"] = (done, { total, message } = {}) => {
      const more = {
        ...(total === undefined ? {} : { total }),
        ...(message === undefined ? {} : { message }),
      };
      this.#tell(
        rpcNotification("notifications/progress", { progressToken: token, progress: done, ...more }),
      );
    };
    return { caller, signal, deadlineMs, progress };
  }

  #completed(method: string, result: JsonValue): JsonValue {
    if (!isObject(result)) return result;
    const cached = CACHEABLE.has(method) ? { ttlMs: 0, cacheScope: "private" } : {};
    return { resultType: "complete", ...cached, ...result };
  }

  #discovery(): JsonObject {
    const { definition } = this.#options;
    return {
      supportedVersions: [MODERN_VERSION],
      capabilities: definedCapabilities(definition),
      ttlMs: 0,
      cacheScope: "private",
      _meta: { [META.agentInfo]: this.#self() },
    };
  }

  #initialized(params: JsonValue): JsonObject {
    const asked = isObject(params) ? params["protocolVersion"] : undefined;
    const isKnown = typeof asked === "string" && LEGACY_VERSIONS.includes(asked);
    return {
      protocolVersion: isKnown ? asked : (LEGACY_VERSIONS[0] ?? ""),
      capabilities: definedCapabilities(this.#options.definition),
      serverInfo: this.#self(),
    };
  }

  #self(): JsonObject {
    return { name: this.#options.name, version: "1.0.0" };
  }

  #known(error: unknown, method: string): ProtocolError {
    if (isProtocolError(error)) return error;
    const known = toProtocolError(error, "HANDLER_FAILED");
    const text = `agent ${this.#options.name} failed in ${method}`;
    return new ProtocolError(known.code, text, { cause: error });
  }

  #tell(message: JsonObject): void {
    this.#wire?.send(message).catch(() => undefined);
  }
}

function missing(method: string): ProtocolError {
  return new ProtocolError("METHOD_NOT_FOUND", `no ${method} here`);
}
