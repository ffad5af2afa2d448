/**
 * Many callers on one conversation with an agent outside: ids, progress tokens and subscriptions are this node's own
 * towards the agent, and each caller's own towards the caller.
 */

import {
  editMembers,
  fromRpcError,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  rpcFailure,
  toProtocolError,
} from "@gridmesh/protocol";
import type { CallContext } from "../agent.ts";
import type { AgentChannel, ChannelMode, Era } from "../route/channel.ts";
import { channelPair } from "../route/channel-pair.ts";
import { envelopeFault } from "./mcp-envelope.ts";
import { isObject, META, MODERN_VERSION, objectIn } from "./mcp-words.ts";

/** The way to the agent. */
interface Upstream {
  /** @throws AGENT_CRASHED, QUEUE_FULL. */
  send(line: string): void;
  calm(): Promise<void>;
}

export interface SharedLinesOptions {
  readonly upstream: Upstream;
  /** Told each time nothing is under way any more. */
  readonly onIdle: () => void;
}

export interface LaneOptions {
  readonly era: Era;
  readonly versions: readonly string[];
  readonly mode: ChannelMode;
}

/** A request under way, under this node's id for it. */
interface Asked {
  /** As the caller has them. */
  readonly id: JsonValue;
  readonly token: JsonValue | undefined;
  readonly lane: Lane | undefined;
  readonly settle: ((message: JsonObject) => void) | undefined;
}

interface Lane {
  readonly end: AgentChannel;
  readonly mode: ChannelMode;
  /** This node's ids of what it asked. */
  readonly asked: Map<JsonValue, number>;
  /** Its caller asks nothing more. */
  saidAll: boolean;
}

const TOKEN = ["params", "_meta", "progressToken"];

/** Told to all who listen, whoever caused it. */
const BROADCAST =
  /^notifications\/(?:(?:tools|prompts|resources)\/list_changed|resources\/updated|tasks\/status)$/;

export class SharedLines {
  /** Answers nobody waits for. */
  strays = 0;
  readonly #options: SharedLinesOptions;
  readonly #asked = new Map<number, Asked>();
  readonly #lanes = new Set<Lane>();
  #lastId = 0;
  #failure: ProtocolError | undefined;

  constructor(options: SharedLinesOptions) {
    this.#options = options;
  }

  /** Requests under way, and channels open that listen. */
  get busy(): number {
    return this.#asked.size + [...this.#lanes].filter(({ mode }) => mode === "listen").length;
  }

  /** One request with one answer. @throws the agent's error, AGENT_CRASHED, what the signal says. */
  async request(method: string, params: JsonValue, context: Pick<CallContext, "signal">): Promise<JsonValue> {
    if (this.#failure !== undefined) throw this.#failure;
    const { signal } = context;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    const id = this.#ask({ id: null, token: undefined, lane: undefined, settle: resolve });
    const onAbort = () => {
      this.#cancel(id);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const sent = params === null || (isObject(params) && Object.keys(params).length === 0);
      this.#send(JSON.stringify({ jsonrpc: "2.0", id, method, ...(sent ? {} : { params }) }), id);
      const { result, error } = await promise;
      if (error !== undefined) throw fromRpcError(error);
      return result ?? null;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Says something that has no answer. */
  notify(method: string): void {
    this.#options.upstream.send(JSON.stringify({ jsonrpc: "2.0", method }));
  }

  /** A caller's own channel. */
  attach({ mode, ...options }: LaneOptions): AgentChannel {
    if (this.#failure !== undefined) throw this.#failure;
    const [near, end] = channelPair(options);
    const lane: Lane = { end, mode, asked: new Map(), saidAll: false };
    this.#lanes.add(lane);
    void this.#serve(lane);
    return near;
  }

  /** What the agent says. */
  receive(text: string, message: JsonObject): void {
    const { id, method } = message;
    if (typeof method !== "string") return this.#answered(text, message);
    if (id !== undefined) return this.#refuse(id, method);
    this.#told(text, message, method);
  }

  /** The conversation is over: whoever waits is told at once. */
  fail(error: ProtocolError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const [id, { lane, settle }] of this.#asked) {
      if (lane === undefined) settle?.({ error: rpcFailure(null, error)["error"] ?? null });
      else this.#tell(lane, JSON.stringify(rpcFailure(this.#asked.get(id)?.id as string, error)));
    }
    this.#asked.clear();
    for (const { end } of this.#lanes) end.end();
    this.#lanes.clear();
  }

  async #serve(lane: Lane): Promise<void> {
    try {
      for await (const line of lane.end.lines) {
        this.#hear(lane, line);
        await this.#options.upstream.calm();
      }
      lane.saidAll = true;
      this.#leaveIfDone(lane);
    } catch {
      for (const id of lane.asked.values()) this.#cancel(id);
      lane.end.reset("the caller broke off");
      this.#lanes.delete(lane);
    }
    this.#idle();
  }

  /** A caller's line, with this node's ids in place of the caller's. */
  #hear(lane: Lane, text: string): void {
    const message = parsed(text);
    if (message === undefined) return;
    const { id, method } = message;
    try {
      if (typeof method !== "string") return;
      if (id !== undefined) this.#pass(lane, text, message);
      else if (method === "notifications/cancelled") this.#passCancel(lane, text, message);
      // The node speaks for all: what else a single caller notes is no word of all.
    } catch (error) {
      if (id !== undefined) this.#fault(lane, id, error);
    }
  }

  #pass(lane: Lane, text: string, message: JsonObject): void {
    const given = message["id"] ?? null;
    if (lane.asked.has(given)) throw new ProtocolError("INVALID_REQUEST", "the id is in use");
    const { method, params } = message;
    const isModern = lane.end.era === "modern";
    // On a conversation of many requests an SDK looks at the revision of the first alone.
    const fault = isModern
      ? envelopeFault(typeof method === "string" ? method : "", params, [MODERN_VERSION])
      : undefined;
    if (fault !== undefined) {
      return this.#tell(lane, JSON.stringify({ jsonrpc: "2.0", id: given, error: fault }));
    }
    const token = objectIn(message["params"], "_meta")["progressToken"];
    const id = this.#ask({ id: given, token, lane, settle: undefined });
    lane.asked.set(given, id);
    const line = editMembers(text, [
      { path: ["id"], text: String(id) },
      { path: TOKEN, text: String(id) },
      { path: ["x"], text: undefined },
    ]);
    this.#send(line, id);
  }

  #passCancel(lane: Lane, text: string, message: JsonObject): void {
    const params = message["params"];
    const id = isObject(params) ? lane.asked.get(params["requestId"] ?? null) : undefined;
    if (id === undefined) return;
    this.#options.upstream.send(editMembers(text, [{ path: ["params", "requestId"], text: String(id) }]));
  }

  #answered(text: string, message: JsonObject): void {
    const id = message["id"];
    const asked = typeof id === "number" ? this.#asked.get(id) : undefined;
    if (typeof id !== "number" || asked === undefined) {
      this.strays += 1;
      return;
    }
    this.#forget(id, asked);
    const { lane, settle } = asked;
    if (lane === undefined) settle?.(message);
    else {
      const own = JSON.stringify(asked.id);
      const edits = [
        { path: ["id"], text: own },
        { path: ["result", "_meta", META.subscription], text: own },
      ];
      this.#tell(lane, editMembers(text, edits));
      this.#leaveIfDone(lane);
    }
    this.#idle();
  }

  #told(text: string, message: JsonObject, method: string): void {
    const params = message["params"];
    const subscription = objectIn(params, "_meta")[META.subscription];
    const owner = typeof subscription === "number" ? this.#asked.get(subscription) : undefined;
    if (owner?.lane !== undefined) {
      const { lane, id } = owner;
      const edit = { path: ["params", "_meta", META.subscription], text: JSON.stringify(id) };
      return this.#tell(lane, editMembers(text, [edit]));
    }
    if (method === "notifications/progress") return this.#progressed(text, message);
    if (BROADCAST.test(method)) {
      for (const lane of this.#lanes) if (lane.mode === "listen") this.#tell(lane, text);
      return;
    }
    // What names no request is passed on where it can belong to one alone.
    const [only] = this.#asked.values();
    if (this.#asked.size === 1 && only?.lane !== undefined) this.#tell(only.lane, text);
  }

  #progressed(text: string, message: JsonObject): void {
    const params = message["params"];
    const token = isObject(params) ? params["progressToken"] : undefined;
    const asked = typeof token === "number" ? this.#asked.get(token) : undefined;
    if (asked?.lane === undefined || asked.token === undefined) return;
    const { lane, token: own } = asked;
    const edit = { path: ["params", "progressToken"], text: JSON.stringify(own) };
    this.#tell(lane, editMembers(text, [edit]));
  }

  /** A request from the agent: in the name of all callers nobody can answer more than that it is still here. */
  #refuse(id: JsonValue, method: string): void {
    const answer =
      method === "ping"
        ? { jsonrpc: "2.0", id, result: {} }
        : rpcFailure(
            id as string,
            new ProtocolError("METHOD_NOT_FOUND", `this caller has no ${method.slice(0, 80)}`),
          );
    try {
      this.#options.upstream.send(JSON.stringify(answer));
    } catch {
      // It floods us with requests and reads no answers.
    }
  }

  #ask(asked: Asked): number {
    this.#lastId += 1;
    this.#asked.set(this.#lastId, asked);
    return this.#lastId;
  }

  #send(line: string, id: number): void {
    try {
      this.#options.upstream.send(line);
    } catch (error) {
      const asked = this.#asked.get(id);
      if (asked !== undefined) this.#forget(id, asked);
      throw error;
    }
  }

  #cancel(id: number): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    this.#forget(id, asked);
    const params = { requestId: id, reason: "the caller gave up" };
    try {
      this.#options.upstream.send(
        JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params }),
      );
    } catch {
      // It has ended, and with it the request.
    }
    this.#idle();
  }

  #forget(id: number, asked: Asked): void {
    this.#asked.delete(id);
    asked.lane?.asked.delete(asked.id);
  }

  #fault(lane: Lane, id: JsonValue, error: unknown): void {
    this.#tell(lane, JSON.stringify(rpcFailure(id as string, toProtocolError(error, "INTERNAL_ERROR"))));
  }

  /** A caller that reads too slowly, or has gone, holds up nobody else. */
  #tell(lane: Lane, line: string): void {
    try {
      lane.end.send(line);
    } catch {
      lane.end.reset("the caller reads too slowly");
    }
  }

  #leaveIfDone(lane: Lane): void {
    if (!lane.saidAll || lane.asked.size > 0) return;
    lane.end.end();
    this.#lanes.delete(lane);
  }

  #idle(): void {
    if (this.busy === 0) this.#options.onIdle();
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
