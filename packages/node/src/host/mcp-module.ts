/** An agent made of a factory of MCP servers, in the node's own process: both revisions, one server per channel. */

import { messageOf, ProtocolError, rpcFailure, type RpcMessage } from "@gridmesh/protocol";
import type { Caller, McpChange, McpFactory, McpFactoryContext, McpServerShape } from "../agent.ts";
import type { Log } from "../log.ts";
import { channelPair } from "../route/channel-pair.ts";
import type { AgentChannel, ChannelContext, ChannelMode, ChannelOpening } from "../route/channel.ts";
import { modernFromLegacy } from "./mcp-bridge-modern.ts";
import { changedUri, type ChangeListener, type ChangeNote, isChange, McpChanges } from "./mcp-changes.ts";
import { envelopeFault } from "./mcp-envelope.ts";
import { greetLegacy } from "./mcp-session.ts";
import { type AgentEnd, agentTransport, type McpTransport } from "./mcp-transport.ts";
import { ALL_VERSIONS, isObject, LEGACY_VERSIONS, META, objectIn } from "./mcp-words.ts";

export interface McpModuleOptions {
  readonly name: string;
  readonly factory: McpFactory;
  readonly log: Log;
  /** Why no request is taken now, or undefined. */
  readonly closedTo: () => ProtocolError | undefined;
  /** A request that will be answered has begun; its end follows. */
  readonly onBegin: () => void;
  readonly onEnd: () => void;
}

interface Sdk {
  readonly own: readonly (new (...given: never[]) => object)[];
  readonly serve: (factory: Maker, options: ServeOptions) => { close(): Promise<void> };
}

type Maker = (context: { readonly era: "modern" | "legacy" }) => Promise<never>;

interface ServeOptions {
  readonly transport: McpTransport;
  readonly legacy: "serve" | "reject";
  readonly onerror: (error: Error) => void;
}

let loading: Promise<Sdk> | undefined;

/** Loaded where first needed: most nodes host no such agent. */
function loadSdk(): Promise<Sdk> {
  loading ??= Promise.all([
    import("@modelcontextprotocol/server"),
    import("@modelcontextprotocol/server/stdio"),
  ]).then(([{ McpServer, Server }, { serveStdio }]) => ({ own: [McpServer, Server], serve: serveStdio }));
  return loading;
}

export class McpModule {
  readonly #options: McpModuleOptions;
  readonly #changes = new McpChanges();
  readonly #open = new Set<Conversation>();
  #kind: Promise<"own" | "foreign"> | undefined;

  constructor(options: McpModuleOptions) {
    this.#options = options;
  }

  /** @throws HANDLER_FAILED when the factory makes no server. */
  async open({ mode }: ChannelOpening, { caller, signal }: ChannelContext): Promise<AgentChannel> {
    const sdk = await loadSdk();
    this.#kind ??= this.#kindOf(sdk, caller);
    const kind = await this.#kind.catch((error: unknown) => {
      this.#kind = undefined;
      throw error;
    });
    const [near, far] = channelPair(
      kind === "own" ? { era: "dual", versions: ALL_VERSIONS } : { era: "legacy", versions: LEGACY_VERSIONS },
    );
    const talk = new Conversation({ module: this.#options, changes: this.#changes, sdk, kind, mode, caller });
    this.#open.add(talk);
    talk.begin(far);
    const leave = () => far.reset("the caller has gone");
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    void far.closed.finally(() => {
      signal.removeEventListener("abort", leave);
      this.#open.delete(talk);
    });
    if (kind === "own" || mode === "session") return near;
    return modernFromLegacy(await greetLegacy(near));
  }

  /** A server of another copy of the SDK, or of an older one, is served in the older revision, and bridged. */
  async #kindOf({ own }: Sdk, caller: Caller): Promise<"own" | "foreign"> {
    const server = await made(this.#options, { caller, era: "modern", changed: () => undefined });
    await server.close().catch(() => undefined);
    return own.some((kind) => server instanceof kind) ? "own" : "foreign";
  }

  /** Ends every conversation: who listens is told, who waits is answered. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((talk) => talk.close()));
  }
}

interface ConversationOptions {
  readonly module: McpModuleOptions;
  readonly changes: McpChanges;
  readonly sdk: Sdk;
  readonly kind: "own" | "foreign";
  readonly mode: ChannelMode;
  readonly caller: Caller;
}

/** One caller's channel, and the server that answers on it. */
class Conversation implements AgentEnd, ChangeListener {
  readonly #options: ConversationOptions;
  readonly #underWay = new Set<string | number>();
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
    const onerror = (error: unknown) =>
      module.log.debug("mcp.agent", `agent ${module.name}: ${messageOf(error)}`);
    if (kind === "own") {
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
    const fault = envelopeFault(method, params, ALL_VERSIONS);
    return fault === undefined ? undefined : { jsonrpc: "2.0", id, error: fault };
  }

  began({ id, method, params }: RpcMessage & { kind: "request" }): void {
    this.#underWay.add(id);
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
    const server = await made(module, { caller, era, changed });
    this.#era = era;
    this.#watch(server);
    return server;
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

/** Known by its shape: a server of another copy of the SDK is none of our classes. */
async function made(
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

function noteOf(what: McpChange): ChangeNote {
  if (typeof what === "string") return { jsonrpc: "2.0", method: `notifications/${what}/list_changed` };
  return { jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: what.uri } };
}
