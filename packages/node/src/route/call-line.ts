/** The calling end of one `/gridmesh/rpc/1` stream: many calls, each answered by its id. */

import { ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import { IdTable } from "./id-table.ts";
import type { OutboundCall } from "./outbound-call.ts";
import { cancelLine, eachMessage, requestLine, type RpcMessage } from "./rpc-lines.ts";

export interface CallLineOptions {
  readonly stream: BoundedStream;
  /** Told once when the stream can take no more calls. */
  readonly onEnd: () => void;
  /** A call was refused with an error of the callee's. */
  readonly onFailure: (call: OutboundCall, error: ProtocolError) => void;
  /** An answer came that delayed the others. */
  readonly onBigAnswer: (call: OutboundCall) => void;
}

/** Takes calls as long as its stream lives; its death fails all that are under way. */
export class CallLine {
  readonly #options: CallLineOptions;
  readonly #pending = new IdTable<OutboundCall>();
  #lastId = 0;
  #retired = false;
  #ended = false;

  constructor(options: CallLineOptions) {
    this.#options = options;
    void this.#read();
  }

  /** @throws QUEUE_FULL, STREAM_RESET. */
  send(call: OutboundCall, leftMs: number): void {
    const id = (this.#lastId += 1);
    this.#options.stream.post(requestLine(id, call.body, leftMs));
    call.id = id;
    call.line = this;
    this.#pending.add(call);
  }

  /** A cancel is a line: resetting the stream would end the calls of others. */
  cancel(call: OutboundCall): void {
    if (!this.#pending.delete(call) || this.#ended) return;
    try {
      this.#options.stream.post(cancelLine(call.id));
    } catch {
      // Who reads nothing is told nothing.
    }
    this.#endIfIdle();
  }

  /** Takes no more calls, and ends once those under way are answered. */
  retire(): void {
    this.#retired = true;
    this.#endIfIdle();
  }

  end(error: ProtocolError): void {
    if (this.#ended) return;
    const { stream, onEnd } = this.#options;
    this.#ended = true;
    onEnd();
    for (const call of this.#pending.all()) {
      this.#pending.delete(call);
      call.reject(error);
    }
    stream.close({ timeoutMs: nodeLimits.rpcOpeningMs }).catch(() => stream.reset("not closed in time"));
  }

  async #read(): Promise<void> {
    const { stream } = this.#options;
    try {
      for (;;) {
        const lines = await stream.readLines();
        if (lines === undefined) break;
        const isBig = lines.length > nodeLimits.rpcBulkBytes;
        eachMessage(lines, (message) => this.#take(message, isBig));
      }
      this.end(new ProtocolError("STREAM_RESET", "the callee ended the stream"));
    } catch (error) {
      this.end(toProtocolError(error, "STREAM_RESET"));
    }
  }

  #take(message: RpcMessage, isBig: boolean): void {
    if (message.kind === "failure" && message.id === null) return this.end(message.error);
    if (message.kind !== "result" && message.kind !== "failure") return;
    const { id } = message;
    // A late answer to a call that gave up finds nobody.
    const call = typeof id === "number" ? this.#pending.get(id) : undefined;
    if (call === undefined) return;
    this.#pending.delete(call);
    if (isBig) this.#options.onBigAnswer(call);
    if (message.kind === "result") call.resolve(message.result);
    else this.#options.onFailure(call, message.error);
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (!this.#retired || this.#pending.all().length > 0) return;
    this.end(new ProtocolError("STREAM_RESET", "calls go another way"));
  }
}
