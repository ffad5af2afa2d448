/** A session of one caller's own with an agent at an HTTP address: lines pass as they are. */

import { type JsonObject, type JsonValue, ProtocolError, rpcFailure } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { channelPair } from "../route/channel-pair.ts";
import type { AgentChannel, Era } from "../route/channel.ts";
import { isObject } from "./mcp-words.ts";
import type { HttpLines, HttpLinesOptions } from "./remote-http-lines.ts";

export interface RemoteSessionOptions {
  readonly http: (hooks: Pick<HttpLinesOptions, "onLine" | "onLost">) => HttpLines;
  readonly clock: Clock;
  readonly era: Era;
  readonly versions: readonly string[];
  readonly signal: AbortSignal;
  readonly onGone: () => void;
}

export class RemoteSession {
  /** The caller's end. */
  readonly channel: AgentChannel;
  readonly #end: AgentChannel;
  readonly #http: HttpLines;
  readonly #options: RemoteSessionOptions;
  readonly #asked = new Set<JsonValue>();
  #idle: Disposable | undefined;
  #saidAll = false;
  #closing: Promise<void> | undefined;

  constructor(options: RemoteSessionOptions) {
    const { era, versions, http, signal } = options;
    this.#options = options;
    [this.channel, this.#end] = channelPair({ era, versions });
    this.#http = http({
      onLine: (text, message) => this.#hear(text, message),
      onLost: () => void this.close(),
    });
    signal.addEventListener("abort", () => void this.close(), { once: true });
    void this.#serve();
    this.#rest();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async drain(): Promise<void> {
    this.#saidAll = true;
    if (this.#asked.size === 0) await this.close();
    else await this.channel.closed;
  }

  async #close(): Promise<void> {
    this.#idle?.[Symbol.dispose]();
    const error = new ProtocolError("AGENT_UNAVAILABLE", "the session has ended");
    try {
      for (const id of this.#asked) this.#end.send(JSON.stringify(rpcFailure(id as string, error)));
    } catch {
      // Nobody reads any more.
    }
    this.#end.end();
    this.#options.onGone();
    await this.#http.close();
  }

  async #serve(): Promise<void> {
    try {
      for await (const line of this.#end.lines) this.#pass(line);
      this.#saidAll = true;
      if (this.#asked.size === 0) await this.close();
    } catch {
      this.#asked.clear();
      await this.close();
    }
  }

  #pass(line: string): void {
    const message = parsed(line);
    if (message === undefined) return;
    const { id, method, params } = message;
    if (id !== undefined && typeof method === "string") this.#asked.add(id);
    if (method === "notifications/cancelled" && isObject(params))
      this.#asked.delete(params["requestId"] ?? null);
    this.#http.send(line);
    this.#rest();
  }

  #hear(text: string, { id, method }: JsonObject): void {
    if (id !== undefined && method === undefined) this.#asked.delete(id);
    try {
      this.#end.send(text);
    } catch {
      this.#end.reset("the caller reads too slowly");
    }
    if (this.#saidAll && this.#asked.size === 0) void this.close();
    else this.#rest();
  }

  #rest(): void {
    this.#idle?.[Symbol.dispose]();
    if (this.#asked.size > 0 || this.#closing !== undefined) return;
    this.#idle = this.#options.clock.timer(nodeLimits.childIdleMs, () => void this.close());
  }
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
