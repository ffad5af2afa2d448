import { type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { CallContext, Caller } from "../agent.ts";
import type { BatchAnswer } from "./batch-answer.ts";
import type { Expiring } from "./expiry.ts";
import type { RpcId } from "./rpc-lines.ts";

/** A call as it came off a stream. */
export interface InboundCall {
  /** The agent of the stream's opening line, or `node`. */
  readonly to: string;
  /** PeerIds it passed through; absent: none. */
  readonly via?: readonly string[] | undefined;
  readonly method: string;
  readonly params: JsonValue;
  readonly context: CallContext;
}

export interface InboundCallOptions {
  readonly id: RpcId;
  readonly to: string;
  readonly via: readonly string[];
  readonly method: string;
  readonly params: JsonValue;
  readonly caller: Caller;
  /** Monotonic ms. */
  readonly beganMs: number;
  /** Monotonic ms, and the same moment in wall ms. */
  readonly endMs: number;
  readonly deadlineMs: number;
  /** Where its answer goes, if it came with others. */
  readonly batch: BatchAnswer | undefined;
  /** Told once: a result, or what was thrown. */
  readonly onResult: (call: RunningCall, result: JsonValue) => void;
  readonly onError: (call: RunningCall, error: unknown) => void;
}

/** A call under way: answered once, by its agent, its time or its caller. */
export class RunningCall implements InboundCall, Expiring {
  readonly id: RpcId;
  readonly to: string;
  readonly via: readonly string[];
  readonly method: string;
  readonly params: JsonValue;
  readonly context: CallContext;
  readonly beganMs: number;
  readonly endMs: number;
  readonly batch: BatchAnswer | undefined;
  place = -1;
  readonly #options: InboundCallOptions;
  #controller: AbortController | undefined;
  #reason: ProtocolError | undefined;
  #answered = false;

  constructor(options: InboundCallOptions) {
    this.id = options.id;
    this.to = options.to;
    this.via = options.via;
    this.method = options.method;
    this.params = options.params;
    this.beganMs = options.beganMs;
    this.endMs = options.endMs;
    this.batch = options.batch;
    this.#options = options;
    const signal = () => this.#signal();
    this.context = {
      caller: options.caller,
      deadlineMs: options.deadlineMs,
      get signal() {
        return signal();
      },
    };
  }

  resolve(result: JsonValue): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#options.onResult(this, result);
  }

  reject(error: unknown): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#options.onError(this, error);
  }

  /** Ends the work as far as it listens; the answer does not wait for it. */
  abort(reason: ProtocolError): void {
    if (this.#answered) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.reject(reason);
  }

  /** Made when it is first asked for: most calls end before anybody does. */
  #signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  expire(): void {
    this.abort(new ProtocolError("CALL_TIMEOUT", "no answer in time"));
  }
}
