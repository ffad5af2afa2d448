/** A channel in the shape that MCP's SDKs call a transport: messages as objects instead of lines. */

import {
  type JsonValue,
  ProtocolError,
  readRpcMessage,
  rpcFailure,
  type RpcMessage,
} from "@gridmesh/protocol";
import type { AgentChannel } from "../route/channel.ts";
import { tell } from "./mcp-tell.ts";

/** Structurally a `Transport` of `@modelcontextprotocol/{client,server}` and of the older `@modelcontextprotocol/sdk`. */
export interface McpTransport {
  start(): Promise<void>;
  send(message: object, options?: object): Promise<void>;
  close(): Promise<void>;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: object) => void) | undefined;
}

/** What stands between the lines and the SDK at the agent's end. */
export interface AgentEnd {
  /** The answer in place of the SDK's, or undefined to let the message pass. */
  refuse(message: RpcMessage): object | undefined;
  began(message: RpcMessage & { kind: "request" }): void;
  ended(id: string | number): void;
}

/**
 * The calling end of a channel, for `client.connect(channelTransport(channel))`. Notifications are heard before the
 * answer that follows them; closing it breaks the channel off.
 */
export function channelTransport(channel: AgentChannel): McpTransport {
  return new ChannelTransport(channel, undefined);
}

/** The agent's end: answers what no SDK answers, and closes once all that was asked is answered. */
export function agentTransport(channel: AgentChannel, end: AgentEnd): McpTransport {
  return new ChannelTransport(channel, end);
}

class ChannelTransport implements McpTransport {
  onclose: (() => void) | undefined;
  onerror: ((error: Error) => void) | undefined;
  onmessage: ((message: object) => void) | undefined;
  readonly #channel: AgentChannel;
  readonly #end: AgentEnd | undefined;
  readonly #asked = new Set<string | number>();
  #heardAll = false;
  #closed = false;

  constructor(channel: AgentChannel, end: AgentEnd | undefined) {
    this.#channel = channel;
    this.#end = end;
  }

  start(): Promise<void> {
    void this.#read();
    return Promise.resolve();
  }

  async send(message: object): Promise<void> {
    if (this.#closed) throw new ProtocolError("STREAM_RESET", "the channel is closed");
    const line = JSON.stringify(message);
    // A request of the caller's that is too long is the caller's to hear of.
    if (this.#end === undefined) this.#channel.send(line);
    else tell(this.#channel, line);
    if (!("method" in message) && "id" in message) this.#answered(message.id as string | number);
    await this.#channel.calm();
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    for (const id of this.#asked) {
      this.#tell(rpcFailure(id, new ProtocolError("AGENT_CRASHED", "the agent ended before it answered")));
      this.#end?.ended(id);
    }
    this.#asked.clear();
    this.#channel.end();
    // An agent that has said its last hears the rest in vain; a caller that leaves tells the agent so.
    if (this.#end === undefined && !this.#heardAll) this.#channel.reset("the caller has gone");
    this.onclose?.();
    return Promise.resolve();
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.#channel.lines) {
        if (this.#closed) return;
        this.#take(line);
        // The SDK hears notifications a microtask late and answers at once: in one turn the last progress were lost.
        await Promise.resolve();
      }
    } catch (error) {
      this.onerror?.(error as Error);
      await this.close();
      return;
    }
    this.#heardAll = true;
    if (this.#end === undefined || this.#asked.size === 0) await this.close();
  }

  #take(line: string): void {
    const message = this.#parse(line);
    if (message === undefined) return;
    const { value, known } = message;
    const refusal = this.#end?.refuse(known);
    if (refusal !== undefined) return this.#tell(refusal);
    if (this.#end !== undefined) this.#count(known);
    this.onmessage?.(value as object);
  }

  #count(message: RpcMessage): void {
    if (message.kind === "request") {
      this.#asked.add(message.id);
      this.#end?.began(message);
    } else if (message.kind === "notification" && message.method === "notifications/cancelled") {
      const { params } = message;
      const id =
        typeof params === "object" && params !== null && "requestId" in params ? params["requestId"] : "";
      this.#answered(id as string | number);
    }
  }

  #parse(line: string): { readonly value: JsonValue; readonly known: RpcMessage } | undefined {
    let value: JsonValue;
    try {
      value = JSON.parse(line) as JsonValue;
    } catch {
      this.#unreadable(null, new ProtocolError("PARSE_ERROR", "not JSON"));
      return undefined;
    }
    try {
      return { value, known: readRpcMessage(value) };
    } catch (error) {
      const id = typeof value === "object" && value !== null && "id" in value ? value["id"] : null;
      this.#unreadable(typeof id === "string" || Number.isSafeInteger(id) ? (id as string) : null, error);
      return undefined;
    }
  }

  #unreadable(id: string | null, error: unknown): void {
    if (this.#end === undefined) this.onerror?.(error as Error);
    else this.#tell(rpcFailure(id, error));
  }

  #tell(message: object): void {
    try {
      this.#channel.send(JSON.stringify(message));
    } catch (error) {
      this.onerror?.(error as Error);
    }
  }

  #answered(id: string | number): void {
    if (!this.#asked.delete(id)) return;
    this.#end?.ended(id);
    if (this.#heardAll && this.#asked.size === 0) void this.close();
  }
}
