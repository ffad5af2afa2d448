/** `/rpc/<target>`, upgraded to `gridmesh-rpc`: one local program's lines, each led to the channel it belongs to. */

import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { AgentChannel, ChannelMode } from "@gridmesh/node";
import {
  isProtocolError,
  type JsonValue,
  ProtocolError,
  type RpcId,
  rpcFailure,
  toProtocolError,
} from "@gridmesh/protocol";
import { Refusal } from "./guard.ts";
import { type McpMessage, readBodyLine, RequestRefusal } from "./mcp-message.ts";
import type { McpTarget } from "./mcp-target.ts";
import { linesOf } from "./stdio-bridge-lines.ts";

/** After its last words a program has so long to close its end. */
const PARTING_MS = 2_000;

/** Serves one connection until both ends are done. @param first - a channel of calls, open already */
export async function bridgeLines(socket: Duplex, target: McpTarget, first: AgentChannel): Promise<void> {
  await new Bridge(socket, target, first).run();
}

/** A channel, and the requests that wait for an answer on it. */
interface Lane {
  readonly channel: AgentChannel;
  readonly waiting: Set<RpcId>;
  readonly done: Promise<void>;
}

class Bridge {
  readonly #socket: Duplex;
  readonly #target: McpTarget;
  readonly #gone = new AbortController();
  readonly #listens = new Map<RpcId, Lane>();
  readonly #lanes = new Set<Lane>();
  #calls: Lane | undefined;
  #session: Lane | undefined;

  constructor(socket: Duplex, target: McpTarget, first: AgentChannel) {
    this.#socket = socket;
    this.#target = target;
    this.#calls = this.#laneOf(first);
    socket.once("close", () => this.#gone.abort(new ProtocolError("CALL_CANCELLED", "the program has gone")));
    socket.on("error", () => undefined);
  }

  async run(): Promise<void> {
    try {
      for await (const line of linesOf(this.#socket)) await this.#take(line);
      for (const { channel } of this.#lanes) channel.end();
      await Promise.all([...this.#lanes].map(({ done }) => done));
    } catch (error) {
      const known = toProtocolError(error, "STREAM_RESET");
      // What was too long was no message: nothing after it can be read either.
      if (!this.#gone.signal.aborted) await this.#write(JSON.stringify(rpcFailure(null, known)));
    } finally {
      for (const { channel } of this.#lanes) channel.reset("the program has gone");
      this.#part();
    }
  }

  /** What still comes is thrown away: a connection cut at once would take the last words with it. */
  #part(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.end();
    socket.resume();
    const late = setTimeout(() => socket.destroy(), PARTING_MS);
    socket.once("close", () => clearTimeout(late));
  }

  async #take(line: string): Promise<void> {
    let message: McpMessage;
    try {
      message = readBodyLine(line);
    } catch (error) {
      return this.#write(refusalLine(error));
    }
    const id = message.kind === "request" ? message.id : null;
    try {
      const lane = await this.#laneFor(message);
      if (id !== null) lane.waiting.add(id);
      lane.channel.send(line);
      await lane.channel.calm();
    } catch (error) {
      if (id !== null)
        await this.#write(JSON.stringify(rpcFailure(id, toProtocolError(error, "STREAM_RESET"))));
    }
  }

  async #laneFor(message: McpMessage): Promise<Lane> {
    const method = message.kind === "answer" ? undefined : message.method;
    if (method === "initialize" && this.#session === undefined) {
      this.#calls?.channel.end();
      this.#session = await this.#opened("session");
    }
    if (this.#session !== undefined) return this.#session;
    if (message.kind === "request" && method === "subscriptions/listen") return this.#listen(message.id);
    if (message.kind === "notification" && method === "notifications/cancelled") {
      this.#leave(message.params["requestId"]);
    }
    this.#calls ??= await this.#opened("call");
    return this.#calls;
  }

  async #listen(id: RpcId): Promise<Lane> {
    const lane = await this.#opened("listen");
    this.#listens.set(id, lane);
    void lane.done.finally(() => this.#listens.delete(id));
    return lane;
  }

  #leave(id: JsonValue | undefined): void {
    const listen = typeof id === "string" || typeof id === "number" ? this.#listens.get(id) : undefined;
    listen?.waiting.clear();
    listen?.channel.reset("the program listens no more");
  }

  async #opened(mode: ChannelMode): Promise<Lane> {
    return this.#laneOf(await this.#target.open(mode, this.#gone.signal));
  }

  #laneOf(channel: AgentChannel): Lane {
    const waiting = new Set<RpcId>();
    const lane: Lane = { channel, waiting, done: this.#pump(channel, waiting) };
    this.#lanes.add(lane);
    void lane.done.finally(() => {
      this.#lanes.delete(lane);
      if (this.#calls === lane) this.#calls = undefined;
      // A session that the agent ended cannot go on.
      if (this.#session === lane) this.#socket.end();
    });
    return lane;
  }

  /** Whatever comes from the agent is passed on; when it breaks off, whoever waits is told why. */
  async #pump(channel: AgentChannel, waiting: Set<RpcId>): Promise<void> {
    let why = new ProtocolError("STREAM_RESET", "the agent ended the channel");
    try {
      for await (const line of channel.lines) {
        forget(waiting, line);
        await this.#write(line);
      }
    } catch (error) {
      why = toProtocolError(error, "STREAM_RESET");
    }
    for (const id of waiting) await this.#write(JSON.stringify(rpcFailure(id, why)));
  }

  async #write(line: string): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    if (socket.write(`${line}\n`)) return;
    await once(socket, "drain", { signal: this.#gone.signal }).catch(() => undefined);
  }
}

function forget(waiting: Set<RpcId>, line: string): void {
  if (waiting.size === 0) return;
  try {
    const message = readBodyLine(line);
    if (message.kind === "answer") waiting.delete(message.id);
  } catch {
    // Not for us to judge.
  }
}

function refusalLine(error: unknown): string {
  if (error instanceof RequestRefusal) return JSON.stringify(rpcFailure(error.id, error.refusal.error));
  const known = error instanceof Refusal ? error.error : isProtocolError(error) ? error : undefined;
  return JSON.stringify(
    rpcFailure(null, known ?? new ProtocolError("INVALID_REQUEST", "this is no message")),
  );
}
