/** A face of A2A on a channel: requests in, answers out; a stream's answers all have its request's id. */

import {
  type JsonObject,
  type JsonValue,
  parseTolerant,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import { channelPair } from "../route/channel-pair.ts";
import { a2aFailure } from "../route/a2a-errors.ts";
import { type A2aAnswer, type A2aFace, type A2aRequest, type Asking, isOne } from "./a2a-face.ts";
import { isA2aStream } from "./a2a-params.ts";
import { isObject } from "./loose-json.ts";

export interface A2aChannelOptions {
  readonly face: A2aFace;
  readonly opening: ChannelOpening;
  readonly context: ChannelContext;
  /** Aborted when the agent stops: who waits is told. */
  readonly stop: AbortSignal;
  /** Told of each request's beginning and end: an agent that stops waits for them. */
  readonly onBegin: () => void;
  readonly onEnd: () => void;
}

/** The near end of a channel whose far end is the agent. */
export function a2aChannel(options: A2aChannelOptions): AgentChannel {
  const [near, far] = channelPair({ era: "modern", versions: [] });
  void new Conversation(options, far).serve();
  return near;
}

type Read = { readonly request: A2aRequest; readonly answered: boolean } | { readonly failure: JsonObject };

class Conversation {
  readonly #options: A2aChannelOptions;
  readonly #end: AgentChannel;
  readonly #asking: Asking;
  /** Of requests that wait for answers. */
  readonly #ids = new Map<string, JsonValue>();
  readonly #works = new Set<Promise<void>>();
  #gone = false;

  constructor(options: A2aChannelOptions, end: AgentChannel) {
    this.#options = options;
    this.#end = end;
    this.#asking = { caller: options.context.caller, headers: options.opening.headers ?? {} };
  }

  async serve(): Promise<void> {
    const { stop } = this.#options;
    const onStop = () => this.#stopped();
    stop.addEventListener("abort", onStop, { once: true });
    void this.#end.closed.then(() => stop.removeEventListener("abort", onStop));
    if (stop.aborted) onStop();
    try {
      for await (const line of this.#end.lines) this.#take(line);
      await Promise.all(this.#works);
      this.#end.end();
    } catch {
      // The caller has gone; its tasks go on.
      this.#gone = true;
    }
  }

  #take(line: string): void {
    const read = readRequest(line);
    if (read === undefined) return;
    if ("failure" in read) return this.#tell(read.failure);
    const { request, answered } = read;
    const key = JSON.stringify(request.id);
    if (answered && this.#ids.has(key)) {
      const error = new ProtocolError("INVALID_REQUEST", "the id is in use");
      return this.#tell(a2aFailure(request.id, error));
    }
    if (answered) this.#ids.set(key, request.id);
    const work = this.#run(request, answered).finally(() => {
      if (answered) this.#ids.delete(key);
      this.#works.delete(work);
    });
    this.#works.add(work);
  }

  async #run(request: A2aRequest, answered: boolean): Promise<void> {
    const { face, opening, onBegin, onEnd } = this.#options;
    onBegin();
    try {
      const answer =
        isA2aStream(request.method) && opening.mode === "call"
          ? a2aFailure(
              request.id,
              new ProtocolError("INVALID_REQUEST", "a stream takes a channel of mode listen"),
            )
          : await face.answer(request, this.#asking);
      await this.#tellAll(answer, answered);
    } finally {
      onEnd();
    }
    // One request with its answers is all there is on such a channel.
    if (opening.mode === "listen") this.#finish();
  }

  /** Drawn to its end also when nobody listens: the task's record is written as its events pass. */
  async #tellAll(answer: A2aAnswer, answered: boolean): Promise<void> {
    if (isOne(answer)) {
      if (answered) this.#tell(answer);
      return;
    }
    for await (const one of answer) if (answered) this.#tell(one);
  }

  #tell(answer: JsonObject): void {
    if (this.#gone) return;
    try {
      this.#end.send(JSON.stringify(answer));
    } catch (thrown) {
      const error = toProtocolError(thrown, "INTERNAL_ERROR");
      if (error.code !== "FRAME_TOO_LARGE") return this.#leave();
      this.#tell(a2aFailure(answer["id"] ?? null, error));
    }
  }

  #stopped(): void {
    const error = new ProtocolError("AGENT_UNAVAILABLE", "the agent was stopped");
    for (const id of this.#ids.values()) this.#tell(a2aFailure(id, error));
    this.#finish();
    this.#gone = true;
  }

  #leave(): void {
    this.#gone = true;
    this.#end.reset("the caller reads too slowly");
  }

  #finish(): void {
    if (!this.#gone) this.#end.end();
  }
}

/** Undefined for what is never answered: blank lines and what only reports. */
function readRequest(line: string): Read | undefined {
  if (line.trim() === "") return undefined;
  try {
    const shape = { maxDepth: nodeLimits.rpcDepth, maxMembers: nodeLimits.rpcMembers };
    return judge(parseTolerant(Buffer.from(line), shape));
  } catch (error) {
    return { failure: a2aFailure(null, toProtocolError(error, "PARSE_ERROR")) };
  }
}

function judge(value: JsonValue): Read | undefined {
  if (!isObject(value)) return refused(null, "a line holds one JSON-RPC request");
  const { jsonrpc, id, method, params } = value;
  if (!isId(id)) return refused(null, "the id is a string, an integer or null");
  if (jsonrpc !== "2.0" || typeof method !== "string")
    return refused(id ?? null, "not a JSON-RPC 2.0 request");
  if (id === undefined && method.startsWith("notifications/")) return undefined;
  if (params !== undefined && !isObject(params)) return refused(id ?? null, "params are an object");
  return { request: { id: id ?? null, method, params }, answered: id !== undefined };
}

function refused(id: JsonValue, why: string): Read {
  return { failure: a2aFailure(id, new ProtocolError("INVALID_REQUEST", why)) };
}

function isId(id: JsonValue | undefined): boolean {
  if (id === undefined || id === null) return true;
  return typeof id === "string" ? id.length <= 256 : Number.isSafeInteger(id);
}
