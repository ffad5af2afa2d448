/** One stream of plain calls: each request a call, each answer told when it is there. */

import {
  batchRefusal,
  forPeer,
  type JsonValue,
  ProtocolError,
  rpcRules,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import type { CallMeter } from "../call-meter.ts";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import { BatchAnswer } from "./batch-answer.ts";
import type { CallLoad } from "./call-load.ts";
import type { Expiry } from "./expiry.ts";
import { IdTable } from "./id-table.ts";
import { type InboundCall, RunningCall } from "./inbound-call.ts";
import {
  cancelledId,
  decodeValue,
  eachMessage,
  errorLine,
  resultLine,
  type RpcId,
  type RpcMessage,
} from "./rpc-lines.ts";
import { acceptanceLine } from "./rpc-opening.ts";

export interface CallSessionOptions {
  readonly clock: Clock;
  /** Called before each request; throws RATE_LIMITED and the like. */
  readonly admit: (peerId: string) => void;
  /** May throw at once as well as later. */
  readonly dispatch: (call: InboundCall) => Promise<JsonValue>;
  /** What the caller is told of a call that failed. */
  readonly refusal: (call: RefusedCall, error: ProtocolError) => ProtocolError;
  readonly meter?: CallMeter | undefined;
  readonly load: CallLoad;
  readonly expiry: Expiry;
}

/** A call that failed here, by what it asked for. */
export interface RefusedCall {
  /** The agent of the stream's opening line, or `node`. */
  readonly to: string;
  readonly method: string;
  readonly caller: Caller;
}

/** Who is at the other end of the stream, and what it is to. */
export interface SessionSide {
  readonly stream: BoundedStream;
  readonly caller: Caller;
  /** An agent's name, or `node`. */
  readonly to: string;
  /** PeerIds its calls passed through. */
  readonly via: readonly string[];
}

export class CallSession {
  readonly #shared: CallSessionOptions;
  readonly #stream: BoundedStream;
  readonly #caller: Caller;
  readonly #to: string;
  readonly #via: readonly string[];
  readonly #running = new IdTable<RunningCall>();
  /** Lines that are no calls and cost nothing: one for each call that began. */
  #mayFollow = 0;
  /** Room of the large line being read, until a call has it. */
  #bulkBytes = 0;

  constructor(shared: CallSessionOptions, { stream, caller, to, via }: SessionSide) {
    this.#shared = shared;
    this.#stream = stream;
    this.#caller = caller;
    this.#to = to;
    this.#via = via;
  }

  /** Resolves once the stream is closed. @throws what ends it before. */
  async serve(): Promise<void> {
    const stream = this.#stream;
    try {
      stream.post(acceptanceLine({ era: "modern", versions: [], maxInFlight: nodeLimits.rpcInFlight }));
      for (;;) {
        const lines = await stream.readLines();
        if (lines === undefined) break;
        await this.#read(lines);
        // Who does not read its answers is not read either.
        await stream.calm();
      }
      await stream.close({ timeoutMs: nodeLimits.rpcOpeningMs });
    } finally {
      const gone = new ProtocolError("CALL_CANCELLED", "the caller's stream ended");
      for (const call of this.#running.all()) call.abort(gone);
    }
  }

  async #read(lines: Uint8Array): Promise<void> {
    const isBulk = lines.length > nodeLimits.rpcBulkBytes;
    // So large a piece is one line, hence at most one call; it keeps its room until its work is over.
    if (isBulk) await this.#shared.load.takeRoom(this.#caller.peerId, lines.length, this.#stream.closed);
    this.#bulkBytes = isBulk ? lines.length : 0;
    try {
      eachMessage(lines, (message) => this.#receive(message));
    } finally {
      this.#leaveRoom(this.#bulkBytes);
      this.#bulkBytes = 0;
    }
  }

  #leaveRoom(bytes: number): void {
    if (bytes > 0) this.#shared.load.leaveRoom(this.#caller.peerId, bytes);
  }

  #receive(message: RpcMessage): void {
    if (message.kind === "request") return this.#begin(message);
    if (message.kind === "batch") return this.#beginAll(message.items);
    this.#count(message);
    if (message.kind === "unreadable") return this.#tell(errorLine(message.id, message.error));
    const id = cancelledId(message);
    if (id !== undefined)
      this.#running.get(id)?.abort(new ProtocolError("CALL_CANCELLED", "the caller gave up"));
  }

  /** Only the node's own end takes several at once; those that are no calls count like every line. */
  #beginAll(items: readonly JsonValue[]): void {
    const rules = this.#to === "node" ? rpcRules.node : rpcRules.plain;
    const refused = batchRefusal(items.length, rules);
    if (refused !== undefined) {
      this.#shared.admit(this.#caller.peerId);
      return this.#tell(errorLine(null, refused));
    }
    const batch = new BatchAnswer(items.length, (line) => this.#tell(line));
    for (const item of items) {
      const message = decodeValue(item);
      if (message.kind === "request") this.#begin(message, batch);
      else if (message.kind === "unreadable") {
        this.#count(message);
        batch.add(errorLine(message.id, message.error));
      } else {
        this.#receive(message);
        batch.skip();
      }
    }
  }

  /** A call may be followed by one line more, its cancelling; any other has no call to refuse: over the rate, the stream ends. */
  #count({ kind }: RpcMessage): void {
    if (kind === "unreadable" || this.#mayFollow === 0) this.#shared.admit(this.#caller.peerId);
    else this.#mayFollow -= 1;
  }

  #begin(request: RpcMessage & { kind: "request" }, batch?: BatchAnswer): void {
    const { admit, load, expiry, dispatch } = this.#shared;
    const { peerId } = this.#caller;
    try {
      admit(peerId);
      if (this.#running.get(request.id) !== undefined) {
        throw new ProtocolError("INVALID_REQUEST", "this id is under way already");
      }
      load.enter(peerId);
    } catch (error) {
      this.#shared.meter?.refused(error);
      return this.#fail({ ...request, batch }, error);
    }
    const call = this.#callOf(request, batch);
    this.#mayFollow += 1;
    this.#running.add(call);
    expiry.add(call);
    const bulkBytes = this.#bulkBytes;
    this.#bulkBytes = 0;
    const ended = () => {
      load.ended(peerId);
      this.#leaveRoom(bulkBytes);
    };
    try {
      dispatch(call).then(
        (result) => {
          ended();
          call.resolve(result);
        },
        (error: unknown) => {
          ended();
          call.reject(error);
        },
      );
    } catch (error) {
      ended();
      call.reject(error);
    }
  }

  #callOf(
    { id, method, params, leftMs }: RpcMessage & { kind: "request" },
    batch: BatchAnswer | undefined,
  ): RunningCall {
    const { clock } = this.#shared;
    const limitMs = Math.min(leftMs ?? nodeLimits.callTimeoutMs, nodeLimits.callTimeoutMaxMs);
    const beganMs = clock.monotonicMs();
    return new RunningCall({
      id,
      to: this.#to,
      via: this.#via,
      method,
      params,
      caller: this.#caller,
      beganMs,
      endMs: beganMs + limitMs,
      deadlineMs: clock.nowMs() + limitMs,
      batch,
      onResult: this.#onResult,
      onError: this.#onError,
    });
  }

  readonly #onResult = (call: RunningCall, result: JsonValue): void => {
    this.#over(call, undefined);
    let line: string;
    try {
      line = resultLine(call.id, result);
    } catch (error) {
      line = failureLine(call.id, error);
    }
    this.#answer(call, line);
  };

  readonly #onError = (call: RunningCall, error: unknown): void => {
    this.#over(call, error);
    this.#fail(call, error);
  };

  #fail(call: Pick<RunningCall, "id" | "method" | "batch">, error: unknown): void {
    const refused = { to: this.#to, method: call.method, caller: this.#caller };
    const known = this.#shared.refusal(refused, toProtocolError(error, "INTERNAL_ERROR"));
    this.#answer(call, failureLine(call.id, known));
  }

  #answer({ batch }: Pick<RunningCall, "batch">, line: string): void {
    if (batch === undefined) this.#tell(line);
    else batch.add(line);
  }

  #over(call: RunningCall, error: unknown): void {
    const { clock, meter } = this.#shared;
    meter?.ended("inbound", clock.monotonicMs() - call.beganMs, error);
    this.#running.delete(call);
    this.#shared.expiry.delete(call);
    this.#shared.load.answered();
  }

  /** Large answers give way to small ones. */
  #tell(line: string): void {
    try {
      this.#stream.post(line, line.length > nodeLimits.rpcBulkBytes ? "low" : "normal");
    } catch (error) {
      // An answer that cannot be told would be waited for: its caller learns that the stream is gone.
      const { code, message } = toProtocolError(error, "STREAM_RESET");
      if (code !== "STREAM_RESET") this.#stream.reset(message);
    }
  }
}

function failureLine(id: RpcId, error: unknown): string {
  return errorLine(id, forPeer(toProtocolError(error, "INTERNAL_ERROR")));
}
