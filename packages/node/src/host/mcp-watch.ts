/** A session's subscriptions, kept as `subscriptions/listen` at an agent of the modern revision. */

import {
  type JsonObject,
  type JsonValue,
  ProtocolError,
  toRpcError,
  type RpcError,
} from "@gridmesh/protocol";
import type { AgentChannel } from "../route/channel.ts";
import { decodeMessage, type RpcMessage } from "../route/rpc-lines.ts";
import { textAt, withMembers, withoutReserved } from "./mcp-text.ts";
import { META, MODERN_VERSION, objectIn } from "./mcp-words.ts";

export interface SessionWatchOptions {
  readonly open: () => Promise<AgentChannel>;
  /** The agent's own. */
  readonly capabilities: JsonObject;
  readonly tell: (line: string) => void;
}

interface Watch {
  readonly uri: string | undefined;
  readonly settle: (error: RpcError | undefined) => void;
}

const LISTS = [
  ["tools", "toolsListChanged"],
  ["prompts", "promptsListChanged"],
  ["resources", "resourcesListChanged"],
] as const;

const MOST_URIS = 256;
const NOT_FOUND: RpcError = { code: -32_601, message: "the agent tells of no resource" };

export class SessionWatch {
  readonly #options: SessionWatchOptions;
  readonly #watches = new Map<number, Watch>();
  readonly #idOf = new Map<string, number>();
  #channel: Promise<AgentChannel> | undefined;
  #lastId = 0;
  #over = false;

  constructor(options: SessionWatchOptions) {
    this.#options = options;
  }

  /** From here on the caller hears of lists that change, as sessions do unasked. */
  begin(): void {
    const { capabilities } = this.#options;
    const lists = LISTS.filter(([capability]) => objectIn(capabilities, capability)["listChanged"] === true);
    if (lists.length === 0) return;
    const filter = Object.fromEntries(lists.map(([, name]) => [name, true]));
    this.#listen(filter, { uri: undefined, settle: () => undefined });
  }

  /** Resolves with why it cannot be watched, or undefined once it is. */
  watch(uri: JsonValue | undefined): Promise<RpcError | undefined> {
    if (typeof uri !== "string") return Promise.resolve({ code: -32_602, message: "params lack a uri" });
    if (objectIn(this.#options.capabilities, "resources")["subscribe"] !== true)
      return Promise.resolve(NOT_FOUND);
    if (this.#idOf.has(uri)) return Promise.resolve(undefined);
    if (this.#idOf.size >= MOST_URIS) {
      return Promise.resolve(toRpcError(new ProtocolError("QUOTA_EXCEEDED", "too many subscriptions")));
    }
    return new Promise((settle) => {
      this.#idOf.set(uri, this.#listen({ resourceSubscriptions: [uri] }, { uri, settle }));
    });
  }

  unwatch(uri: JsonValue | undefined): void {
    const id = typeof uri === "string" ? this.#idOf.get(uri) : undefined;
    if (id === undefined) return;
    this.#forget(id, undefined);
    const note = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } };
    this.#send(JSON.stringify(note));
  }

  end(): void {
    this.#over = true;
    this.#channel?.then(
      (channel) => channel.reset("the session has ended"),
      () => undefined,
    );
  }

  #listen(notifications: JsonObject, watch: Watch): number {
    const id = (this.#lastId += 1);
    this.#watches.set(id, watch);
    const _meta = { [META.version]: MODERN_VERSION, [META.capabilities]: {} };
    const params = { notifications, _meta };
    this.#send(JSON.stringify({ jsonrpc: "2.0", id, method: "subscriptions/listen", params }));
    return id;
  }

  #send(line: string): void {
    this.#channel ??= this.#open();
    this.#channel.then((channel) => channel.send(line)).catch((error: unknown) => this.#fail(error));
  }

  async #open(): Promise<AgentChannel> {
    const channel = await this.#options.open();
    if (this.#over) channel.reset("the session has ended");
    void this.#read(channel);
    return channel;
  }

  async #read(channel: AgentChannel): Promise<void> {
    try {
      for await (const line of channel.lines) this.#hear(line, decodeMessage(line));
      this.#fail(new ProtocolError("STREAM_RESET", "the agent tells of no changes any more"));
    } catch (error) {
      this.#fail(error);
    }
  }

  #hear(line: string, message: RpcMessage): void {
    if (message.kind === "failure") return this.#forget(Number(message.id), toRpcError(message.error));
    if (message.kind === "result") return this.#forget(Number(message.id), NOT_FOUND);
    if (message.kind !== "notification") return;
    const { method, params } = message;
    const watch = this.#watches.get(Number(objectIn(params, "_meta")[META.subscription]));
    if (watch === undefined) return;
    if (method !== "notifications/subscriptions/acknowledged") {
      const told = withoutReserved(textAt(line, ["params"]) ?? "{}");
      return this.#options.tell(withMembers(line, { params: told }));
    }
    const honoured = objectIn(params, "notifications")["resourceSubscriptions"];
    const isWatched = Array.isArray(honoured) && honoured.includes(watch.uri ?? null);
    if (watch.uri === undefined || isWatched) watch.settle(undefined);
    else watch.settle(NOT_FOUND);
  }

  #forget(id: number, error: RpcError | undefined): void {
    const watch = this.#watches.get(id);
    this.#watches.delete(id);
    if (watch?.uri !== undefined) this.#idOf.delete(watch.uri);
    watch?.settle(error);
  }

  #fail(error: unknown): void {
    for (const id of this.#watches.keys()) this.#forget(id, toRpcError(error));
  }
}
