/** The calling end of one `/gridmesh/rpc/1` stream: many calls, each answered by its id. */

import { type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { pipe } from "it-pipe";
import type { Clock } from "../clock.ts";
import { type Deadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import { decodeMessages, linesOf, requestLine, type RpcMessage, toLine } from "./rpc-lines.ts";

interface Pending {
  readonly resolve: (value: JsonValue) => void;
  readonly reject: (error: unknown) => void;
}

export interface CallLineOptions {
  readonly stream: BoundedStream;
  readonly clock: Clock;
  /** Told once when the stream can take no more calls. */
  readonly onEnd: () => void;
}

/** Takes calls as long as its stream lives; its death fails all that are under way. */
export class CallLine {
  readonly #options: CallLineOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];
  #lastId = 0;
  #inFlight = 0;
  #ended: ProtocolError | undefined;
  #idle: Disposable | undefined;

  constructor(options: CallLineOptions) {
    this.#options = options;
    void this.#read();
  }

  /** @throws the callee's error, QUEUE_FULL, STREAM_RESET, CALL_TIMEOUT, CALL_CANCELLED. */
  async call(method: string, params: JsonValue, deadline: Deadline): Promise<JsonValue> {
    const { stream } = this.#options;
    await this.#takePlace(deadline.signal);
    const id = ++this.#lastId;
    try {
      if (this.#ended !== undefined) throw this.#ended;
      const { promise, resolve, reject } = Promise.withResolvers<JsonValue>();
      this.#pending.set(id, { resolve, reject });
      promise.catch(() => undefined);
      await stream.write(requestLine({ id, method, params, leftMs: deadline.leftMs() }));
      return await until(promise, deadline.signal);
    } catch (error) {
      if (deadline.signal.aborted && this.#ended === undefined) this.#cancel(id);
      throw error;
    } finally {
      this.#pending.delete(id);
      this.#leavePlace();
    }
  }

  end(error: ProtocolError): void {
    if (this.#ended !== undefined) return;
    const { stream, onEnd } = this.#options;
    this.#ended = error;
    this.#idle?.[Symbol.dispose]();
    onEnd();
    for (const call of this.#pending.values()) call.reject(error);
    this.#pending.clear();
    for (const wake of this.#waiting.splice(0)) {
      this.#inFlight += 1;
      wake();
    }
    stream.close({ timeoutMs: nodeLimits.rpcOpeningMs }).catch(() => stream.reset("not closed in time"));
  }

  async #read(): Promise<void> {
    try {
      const messages = pipe(linesOf(this.#options.stream), decodeMessages);
      for await (const message of messages) this.#settle(message);
      this.end(new ProtocolError("STREAM_RESET", "the callee ended the stream"));
    } catch (error) {
      this.end(toProtocolError(error, "STREAM_RESET"));
    }
  }

  #settle(message: RpcMessage): void {
    if (message.kind === "failure" && message.id === null) return this.end(message.error);
    if (message.kind !== "result" && message.kind !== "failure") return;
    // A late answer to a call that gave up finds nobody.
    const call = typeof message.id === "number" ? this.#pending.get(message.id) : undefined;
    if (message.kind === "result") call?.resolve(message.result);
    else call?.reject(message.error);
  }

  /** A cancel is a line: resetting the stream would end the calls of others. */
  #cancel(id: number): void {
    const line = toLine({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } });
    this.#options.stream.write(line).catch(() => undefined);
  }

  async #takePlace(signal: AbortSignal): Promise<void> {
    this.#idle?.[Symbol.dispose]();
    if (this.#inFlight < nodeLimits.rpcInFlight) {
      this.#inFlight += 1;
      return;
    }
    if (this.#waiting.length >= nodeLimits.rpcQueue)
      throw new ProtocolError("QUEUE_FULL", "too many calls wait");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await until(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(resolve);
      // Gone from the queue: the place was given in the same turn, and is given on.
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.#leavePlace();
      throw error;
    }
  }

  /** A place that somebody waits for passes on without becoming free in between. */
  #leavePlace(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next();
    this.#inFlight -= 1;
    if (this.#inFlight > 0 || this.#ended !== undefined) return;
    const { clock } = this.#options;
    const idle = () => this.end(new ProtocolError("STREAM_RESET", "nothing was called for a while"));
    this.#idle = clock.timer(nodeLimits.rpcIdleMs, idle);
  }
}
