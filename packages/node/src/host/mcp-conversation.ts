/** One caller's channel to an MCP agent in the node's own process, and the server that answers on it. */

import assert from "node:assert/strict";
import { isProtocolError, messageOf, ProtocolError, rpcFailure, type RpcMessage } from "@gridmesh/protocol";
import type { Caller, McpChange, McpFactory, McpFactoryContext, McpServerShape } from "../agent.ts";
import type { Log } from "../log.ts";
import type { AgentChannel, ChannelMode } from "../route/channel.ts";
import {
  changedUri,
  type ChangeListener,
  type ChangeNote,
  isChange,
  type McpChanges,
} from "./mcp-changes.ts";
import { envelopeFault } from "./mcp-envelope.ts";
import type { McpSdk } from "./mcp-sdk.ts";
import type { StateOwner, StateSeal } from "./mcp-state.ts";
import { type AgentEnd, agentTransport, type McpTransport } from "./mcp-transport.ts";
import { isObject, META, MODERN_VERSION, objectIn } from "./mcp-words.ts";

export interface McpModuleOptions {
  readonly name: string;
  readonly factory: McpFactory;
  /** `defined`: its servers are this node's own, and speak both revisions by themselves. */
  readonly kind?: "defined" | undefined;
  readonly log: Log;
  /** Absent where no agent keeps states at its callers. */
  readonly seal?: StateSeal | undefined;
  /** Why no request is taken now, or undefined. */
  readonly closedTo: () => ProtocolError | undefined;
  /** A request that will be answered has begun; its end follows. */
  readonly onBegin: () => void;
  readonly onEnd: () => void;
}

export interface ConversationOptions {
  readonly module: McpModuleOptions;
  readonly changes: McpChanges;
  /** Absent for servers of this node's own. */
  readonly sdk: McpSdk | undefined;
  readonly kind: "own" | "foreign" | "defined";
  readonly mode: ChannelMode;
  readonly caller: Caller;
}

export class McpConversation implements AgentEnd, ChangeListener {
  readonly #options: ConversationOptions;
  readonly #underWay = new Map<string | number, StateOwner>();
  readonly #listens = new Set<string | number>();
  /** URIs that a caller of the older revision asked to be told of. */
  readonly #watched = new Set<string>();
  readonly #stack = new DisposableStack();
  #channel: AgentChannel | undefined;
  #handle: { close(): Promise<void> } | undefined;
  #era: "modern" | "legacy" | undefined;
  #greeted = false;
  #sendChange: ((note: ChangeNote) => void) | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  begin(channel: AgentChannel): void {
    const { module, changes, sdk, kind, mode } = this.#options;
    this.#channel = channel;
    this.#stack.use(changes.join(this));
    void channel.closed.finally(() => this.#stack.dispose());
    const transport = agentTransport(channel, this);
    const onerror = (error: unknown) => {
      const text = `agent ${module.name}: ${messageOf(error)}`;
      // What callers do wrong is theirs to hear; a factory that fails is the operator's.
      if (!isProtocolError(error)) return module.log.debug("mcp.agent", text);
      const why = error.cause === undefined ? "" : `: ${messageOf(error.cause)}`;
      module.log.warn("mcp.factory", `${text}${why}`, { agent: module.name });
    };
    if (kind === "own" && sdk !== undefined) {
      const legacy = mode === "session" ? "serve" : "reject";
      this.#handle = sdk.serve((context) => this.#make(context.era) as Promise<never>, {
        transport,
        legacy,
        onerror,
      });
      return;
    }
    this.#make("legacy")
      .then(async (server) => {
        this.#handle = server;
        await server.connect(transport as never);
      })
      .catch((error: unknown) => {
        onerror(error);
        channel.reset("the agent made no server");
      });
  }

  async close(): Promise<void> {
    for (const requestId of this.#listens) {
      const params = { requestId, reason: "the agent is being stopped" };
      this.#channel?.send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params }));
    }
    await this.#handle?.close();
  }

  refuse(message: RpcMessage): object | undefined {
    if (message.kind === "notification" && message.method === "notifications/initialized")
      this.#greeted = true;
    if (message.kind !== "request") return undefined;
    const { id, method, params } = message;
    const closed = this.#options.module.closedTo();
    if (closed !== undefined) return rpcFailure(id, closed);
    if (this.#underWay.has(id)) {
      return rpcFailure(id, new ProtocolError("INVALID_REQUEST", "this id is under way already"));
    }
    const claims = isObject(params) && objectIn(params, "_meta")[META.version] !== undefined;
    if (this.#options.kind === "foreign" || (this.#options.mode === "session" && !claims)) return undefined;
    const fault = envelopeFault(method, params, [MODERN_VERSION]);
    return fault === undefined ? undefined : { jsonrpc: "2.0", id, error: fault };
  }

  began({ id, method, params }: RpcMessage & { kind: "request" }): void {
    const { module, caller } = this.#options;
    this.#underWay.set(id, { agent: module.name, caller, method, params });
    const uri = isObject(params) ? params["uri"] : undefined;
    if (method === "subscriptions/listen") this.#listens.add(id);
    else this.#options.module.onBegin();
    if (typeof uri !== "string") return;
    if (method === "resources/subscribe") this.#watched.add(uri);
    if (method === "resources/unsubscribe") this.#watched.delete(uri);
  }

  ended(id: string | number): void {
    if (!this.#underWay.delete(id)) return;
    if (!this.#listens.delete(id)) this.#options.module.onEnd();
  }

  hear(note: ChangeNote): void {
    const uri = changedUri(note);
    if (this.#era === "legacy" && !this.#greeted) return;
    if (this.#era === "legacy" && uri !== undefined && !this.#watched.has(uri)) return;
    this.#sendChange?.(note);
  }

  async #make(era: "modern" | "legacy"): Promise<McpServerShape> {
    const { module, changes, caller } = this.#options;
    const changed = (what: McpChange) => changes.say(noteOf(what), undefined);
    const server = await madeServer(module, { caller, era, changed, ...this.#states() });
    this.#era = era;
    this.#watch(server);
    return server;
  }

  #states(): Pick<McpFactoryContext, "sealState" | "openState"> {
    const { seal } = this.#options.module;
    const owner = (id: string | number) => {
      const found = this.#underWay.get(id);
      if (found === undefined) throw new ProtocolError("INVALID_PARAMS", "no such request is under way");
      return found;
    };
    const given = () => {
      assert.ok(seal, "an agent that keeps states has a seal");
      return seal;
    };
    return {
      sealState: (content, id) => given().seal(content, owner(id)),
      openState: (state, id) => given().open(state, owner(id)),
    };
  }

  /** The SDK tells a change to this one caller: what goes out here is told to the others too. */
  #watch(server: McpServerShape): void {
    const { changes } = this.#options;
    const connect = server.connect.bind(server);
    server.connect = (transport) => {
      const wire = transport as McpTransport;
      const send = wire.send.bind(wire);
      wire.send = (message, options) => {
        if (isChange(message)) changes.say(message, this);
        return send(message, options);
      };
      this.#sendChange = (note) => void send(note).catch(() => undefined);
      return connect(transport);
    };
  }
}

function noteOf(what: McpChange): ChangeNote {
  if (typeof what === "string") return { jsonrpc: "2.0", method: `notifications/${what}/list_changed` };
  return { jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: what.uri } };
}

/** Known by its shape: a server of another copy of the SDK is none of our classes. */
export async function madeServer(
  { name, factory }: McpModuleOptions,
  context: McpFactoryContext,
): Promise<McpServerShape> {
  let server: McpServerShape;
  try {
    server = await factory(context);
  } catch (error) {
    throw new ProtocolError("HANDLER_FAILED", `agent ${name}: its factory failed`, { cause: error });
  }
  if (
    typeof server === "object" &&
    typeof server.connect === "function" &&
    typeof server.close === "function"
  ) {
    return server;
  }
  throw new ProtocolError("HANDLER_FAILED", `agent ${name}: its factory made no MCP server`);
}
