/** One session of MCP of 2025-11-25 and before over HTTP: which of the caller's streams each line belongs to. */

import type { ServerResponse } from "node:http";
import type { AgentChannel, Clock } from "@gridmesh/node";
import {
  limits,
  ProtocolError,
  type RpcError,
  type RpcId,
  rpcFailure,
  toProtocolError,
} from "@gridmesh/protocol";
import { EventStream, sendEmpty, sendError, sendJson } from "./listener-http.ts";
import {
  isObject,
  type McpMessage,
  type McpRequest,
  readLine,
  refusalOf,
  statusOfMesh,
} from "./mcp-message.ts";

/** Lines that wait for a stream of the caller's to take them; more are dropped. */
const MOST_WAITING = 256;

/** A request of the caller's whose answer is under way. */
interface Asking {
  readonly id: RpcId;
  readonly progressToken: RpcId | undefined;
  readonly response: ServerResponse;
  /** Headers of its answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** It is the one that begins the session. */
  readonly isFirst: boolean;
  events: EventStream | undefined;
}

export interface SessionOptions {
  readonly id: string;
  readonly channel: AgentChannel;
  readonly clock: Clock;
  /** Called once, when nothing more comes from the agent. */
  readonly onEnd: () => void;
}

export class McpSession {
  readonly id: string;
  readonly #channel: AgentChannel;
  readonly #onEnd: () => void;
  readonly #asking = new Map<RpcId, Asking>();
  /** Lines for no request while the caller has no stream open for them. */
  readonly #waiting: string[] = [];
  #listening: EventStream | undefined;
  #isOver = false;
  readonly #clock: Clock;
  #usedAtMs: number;

  constructor({ id, channel, clock, onEnd }: SessionOptions) {
    this.id = id;
    this.#clock = clock;
    this.#usedAtMs = clock.monotonicMs();
    this.#channel = channel;
    this.#onEnd = onEnd;
    void this.#read();
  }

  /** Nothing in flight that its caller waits for, no stream open. */
  get isIdle(): boolean {
    const isWaiting = [...this.#asking.values()].some(({ response }) => !response.destroyed);
    return !isWaiting && this.#listening === undefined;
  }

  get idleMs(): number {
    return this.isIdle ? this.#clock.monotonicMs() - this.#usedAtMs : 0;
  }

  get versions(): readonly string[] {
    return this.#channel.versions;
  }

  /** Passes on a request; its answer goes to this response. @throws INVALID_REQUEST for an id in flight. */
  ask(message: McpRequest, response: ServerResponse, headers: Readonly<Record<string, string>> = {}): void {
    const { id, params, line } = message;
    if (this.#asking.has(id)) throw new ProtocolError("INVALID_REQUEST", "this id is under way already");
    this.#usedAtMs = this.#clock.monotonicMs();
    const meta = params["_meta"];
    const token = isObject(meta) ? meta["progressToken"] : undefined;
    const progressToken = typeof token === "string" || typeof token === "number" ? token : undefined;
    const isFirst = message.method === "initialize";
    this.#asking.set(id, { id, progressToken, response, headers, isFirst, events: undefined });
    response.once("close", () => {
      this.#usedAtMs = this.#clock.monotonicMs();
    });
    try {
      this.#channel.send(line);
    } catch (error) {
      this.#asking.delete(id);
      throw error;
    }
  }

  /** Passes on a notification, or an answer to something the agent asked. @throws QUEUE_FULL, STREAM_RESET. */
  tell(message: McpMessage): void {
    this.#usedAtMs = this.#clock.monotonicMs();
    this.#channel.send(message.line);
    if (message.kind === "notification" && message.method === "notifications/cancelled") {
      const id = message.params["requestId"];
      if (typeof id === "string" || typeof id === "number") this.#forget(id);
    }
  }

  /** Opens the one stream for what belongs to no request; an older one ends. */
  listen(response: ServerResponse): void {
    this.#listening?.end();
    const events = new EventStream(response);
    this.#listening = events;
    response.once("close", () => {
      if (this.#listening !== events) return;
      this.#listening = undefined;
      this.#usedAtMs = this.#clock.monotonicMs();
    });
    for (const line of this.#waiting.splice(0)) void events.send(line);
  }

  /** Ends it from this side. */
  end(): void {
    this.#channel.end();
    this.#over(new ProtocolError("CALL_CANCELLED", "the session has ended"));
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.#channel.lines) await this.#hear(line);
      this.#over(new ProtocolError("STREAM_RESET", "the agent ended the session"));
    } catch (error) {
      this.#over(toProtocolError(error, "STREAM_RESET"));
    }
  }

  #over(error: ProtocolError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const asking of this.#asking.values()) fail(asking, error);
    this.#asking.clear();
    this.#listening?.end();
    this.#onEnd();
  }

  async #hear(line: string): Promise<void> {
    const said = readLine(line);
    if (said === undefined) return;
    if (said.kind !== "answer") return this.#pass(said);
    const asking = this.#asking.get(said.id);
    if (asking === undefined) return;
    this.#asking.delete(said.id);
    this.#usedAtMs = this.#clock.monotonicMs();
    if (said.error !== undefined && asking.isFirst) return this.#refused(asking, said.error, line);
    if (asking.events === undefined) {
      const status = said.error === undefined ? 200 : statusOfMesh(said.error);
      return sendJson(asking.response, { status, text: line, headers: asking.headers });
    }
    await asking.events.send(line);
    asking.events.end();
  }

  /** A session that was refused never was: it has no id. */
  #refused({ response }: Asking, error: RpcError, line: string): void {
    sendJson(response, { status: statusOfMesh(error), text: line });
    this.end();
  }

  /** What the agent says by itself goes to one stream only. */
  async #pass(said: McpMessage & { readonly kind: "request" | "notification" }): Promise<void> {
    const events = this.#streamFor(said);
    if (events === undefined) {
      if (this.#waiting.length < MOST_WAITING) this.#waiting.push(said.line);
      return;
    }
    // Who does not read must not hold up the other streams of the session.
    if (events.unreadBytes > limits.rpcLineBytes) return events.cut();
    await events.send(said.line);
  }

  #streamFor(said: McpMessage & { readonly kind: "request" | "notification" }): EventStream | undefined {
    if (said.method === "notifications/progress") {
      const token = said.params["progressToken"];
      const own = [...this.#asking.values()].find(
        ({ progressToken }) => progressToken !== undefined && progressToken === token,
      );
      if (own !== undefined) return eventsOf(own);
    }
    const asking = [...this.#asking.values()];
    const [only] = asking;
    if (only !== undefined && asking.length === 1) return eventsOf(only);
    // Between several requests nobody can tell; without a stream of its own the newest is the likeliest.
    const newest = asking.at(-1);
    return this.#listening ?? (newest === undefined ? undefined : eventsOf(newest));
  }

  /** A cancelled request has no answer: its response ends empty. */
  #forget(id: RpcId): void {
    const asking = this.#asking.get(id);
    if (asking === undefined) return;
    this.#asking.delete(id);
    if (asking.events === undefined) sendEmpty(asking.response, 202, asking.headers);
    else asking.events.end();
  }
}

/** From the first line that precedes the answer on, a response is a stream. */
function eventsOf(asking: Asking): EventStream | undefined {
  if (asking.events === undefined && !asking.response.destroyed) {
    asking.events = new EventStream(asking.response, asking.headers);
  }
  return asking.events;
}

function fail({ id, response, events }: Asking, error: ProtocolError): void {
  if (events === undefined) return sendError(response, refusalOf(error), id);
  void events.send(JSON.stringify(rpcFailure(id, error)));
  events.end();
}
