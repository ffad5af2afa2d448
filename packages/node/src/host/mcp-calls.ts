/** Plain calls of an MCP agent: each caller has one channel, on which its requests run side by side. */

import { fromRpcError, type JsonValue, ProtocolError, readRpcMessage, rpcRequest } from "@gridmesh/protocol";
import type { CallContext, Caller } from "../agent.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import { withEnvelope } from "./mcp-envelope.ts";

export type OpenChannel = (opening: ChannelOpening, context: ChannelContext) => Promise<AgentChannel>;

/** Callers whose channel is kept; the one that called longest ago gives way, once it has no call under way. */
const KEPT = 32;

export class McpCalls {
  readonly #open: OpenChannel;
  readonly #lines = new Map<string, CallerLine>();

  constructor(open: OpenChannel) {
    this.#open = open;
  }

  /** @throws the agent's own error as HANDLER_FAILED with `foreign`, the signal's reason, the codes of opening. */
  call(method: string, params: JsonValue, context: CallContext): Promise<JsonValue> {
    const { caller } = context;
    const key = JSON.stringify([caller.peerId, caller.user, caller.agentId, caller.token, caller.anonymous]);
    const line = this.#lines.get(key) ?? this.#newLine(key, caller);
    this.#lines.delete(key);
    this.#lines.set(key, line);
    if (this.#lines.size > KEPT) this.#makeRoom();
    return line.call(method, params, context.signal);
  }

  #newLine(key: string, caller: Caller): CallerLine {
    const line: CallerLine = new CallerLine(this.#open, caller, () => {
      // Its caller may have another one by now.
      if (this.#lines.get(key) === line) this.#lines.delete(key);
    });
    return line;
  }

  #makeRoom(): void {
    for (const line of this.#lines.values()) {
      if (line.idle) return line.end();
    }
  }
}

interface Waiting {
  resolve(result: JsonValue): void;
  reject(error: unknown): void;
}

class CallerLine {
  readonly #channel: Promise<AgentChannel>;
  readonly #onEnd: () => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(open: OpenChannel, caller: Caller, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#channel = open({ proto: "mcp", mode: "call" }, { caller, signal: new AbortController().signal });
    this.#read().then(
      () => this.#fail(new ProtocolError("AGENT_CRASHED", "the agent ended its channel")),
      (error: unknown) => this.#fail(error),
    );
  }

  get idle(): boolean {
    return this.#waiting.size === 0;
  }

  end(): void {
    this.#onEnd();
    this.#channel.then(
      (channel) => channel.end(),
      () => undefined,
    );
  }

  async call(method: string, params: JsonValue, signal: AbortSignal): Promise<JsonValue> {
    signal.throwIfAborted();
    const id = (this.#lastId += 1);
    const { promise, resolve, reject } = Promise.withResolvers<JsonValue>();
    this.#waiting.set(id, { resolve, reject });
    const onAbort = () => this.#cancel(id, signal);
    signal.addEventListener("abort", onAbort, { once: true });
    // The answer is awaited from the start: its caller may give up before the channel is open.
    this.#channel
      .then((channel) => {
        if (this.#waiting.has(id)) channel.send(JSON.stringify(rpcRequest(id, method, withEnvelope(params))));
      })
      .catch(reject);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(id);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #cancel(id: number, signal: AbortSignal): void {
    this.#waiting.get(id)?.reject(signal.reason);
    this.#waiting.delete(id);
    const note = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } };
    this.#channel.then((channel) => channel.send(JSON.stringify(note))).catch(() => undefined);
  }

  async #read(): Promise<void> {
    const channel = await this.#channel;
    for await (const line of channel.lines) {
      const message = readRpcMessage(JSON.parse(line) as JsonValue);
      if (message.kind !== "result" && message.kind !== "error") continue;
      const waiting = this.#waiting.get(message.id as number);
      if (message.kind === "result") waiting?.resolve(message.result);
      else waiting?.reject(fromRpcError(message.error));
    }
  }

  #fail(error: unknown): void {
    this.#onEnd();
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
