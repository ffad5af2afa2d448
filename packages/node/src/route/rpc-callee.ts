/** The answering end of `/gridmesh/rpc/1`. */

import { forPeer, type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import type { CallMeter } from "../call-meter.ts";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { Link, Transport } from "../network/transport.ts";
import { CallLoad } from "./call-load.ts";
import { Expiry } from "./expiry.ts";
import { IdTable } from "./id-table.ts";
import { type InboundCall, RunningCall } from "./inbound-call.ts";
import {
  cancelledId,
  eachMessage,
  errorLine,
  resultLine,
  RPC_PROTOCOL,
  type RpcId,
  type RpcMessage,
  rpcStreamLimits,
  toLine,
} from "./rpc-lines.ts";
import { readOpening } from "./rpc-opening.ts";

export interface RpcCalleeOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Called before each request; throws RATE_LIMITED and the like. */
  readonly admit: (peerId: string) => void;
  /** Called once per stream; throws what the opening line's target deserves. */
  readonly accept: (to: string, peerId: string) => void;
  /** May throw at once as well as later. */
  readonly dispatch: (call: InboundCall) => Promise<JsonValue>;
  /** What the caller is told of a call that failed. */
  readonly refusal: (call: RefusedCall, error: ProtocolError) => ProtocolError;
  readonly meter?: CallMeter | undefined;
}

/** A call that failed here, by what it asked for. */
export interface RefusedCall {
  /** The agent of the stream's opening line, or `node`. */
  readonly to: string;
  readonly method: string;
  readonly caller: Caller;
}

/** Answers calls of peers until disposed. */
export function serveRpc(options: RpcCalleeOptions): Disposable {
  const stack = new DisposableStack();
  const shared = { ...options, load: new CallLoad(), expiry: stack.use(new Expiry(options.clock)) };
  stack.use(
    options.transport.handle(RPC_PROTOCOL, rpcStreamLimits, (stream, from) => {
      void new Session(shared, stream, from).serve();
    }),
  );
  return stack;
}

interface Shared extends RpcCalleeOptions {
  readonly load: CallLoad;
  readonly expiry: Expiry;
}

/** One stream of calls. */
class Session {
  readonly #shared: Shared;
  readonly #stream: BoundedStream;
  readonly #caller: Caller;
  readonly #running = new IdTable<RunningCall>();
  #to = "";
  /** Lines that are no calls and cost nothing: one for each call that began. */
  #mayFollow = 0;
  /** Room of the large line being read, until a call has it. */
  #bulkBytes = 0;

  constructor(shared: Shared, stream: BoundedStream, from: Link) {
    this.#shared = shared;
    this.#stream = stream;
    this.#caller = { kind: "peer", peerId: from.peerId };
  }

  async serve(): Promise<void> {
    const stream = this.#stream;
    try {
      this.#to = await readOpening(stream);
      this.#shared.accept(this.#to, this.#caller.peerId);
      stream.post(toLine({ ok: true, era: "modern", versions: [], maxInFlight: nodeLimits.rpcInFlight }));
      for (;;) {
        const lines = await stream.readLines();
        if (lines === undefined) break;
        await this.#read(lines);
        // Who does not read its answers is not read either.
        await stream.calm();
      }
      await stream.close({ timeoutMs: nodeLimits.rpcOpeningMs });
    } catch (error) {
      await refuse(stream, error);
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
    this.#count(message);
    if (message.kind === "unreadable") return this.#tell(errorLine(message.id, message.error));
    const id = cancelledId(message);
    if (id !== undefined)
      this.#running.get(id)?.abort(new ProtocolError("CALL_CANCELLED", "the caller gave up"));
  }

  /** A call may be followed by one line more, its cancelling; any other has no call to refuse: over the rate, the stream ends. */
  #count({ kind }: RpcMessage): void {
    if (kind === "unreadable" || this.#mayFollow === 0) this.#shared.admit(this.#caller.peerId);
    else this.#mayFollow -= 1;
  }

  #begin(request: RpcMessage & { kind: "request" }): void {
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
      return this.#fail(request, error);
    }
    const call = this.#callOf(request);
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

  #callOf({ id, method, params, leftMs }: RpcMessage & { kind: "request" }): RunningCall {
    const { clock } = this.#shared;
    const limitMs = Math.min(leftMs ?? nodeLimits.callTimeoutMs, nodeLimits.callTimeoutMaxMs);
    const beganMs = clock.monotonicMs();
    return new RunningCall({
      id,
      to: this.#to,
      method,
      params,
      caller: this.#caller,
      beganMs,
      endMs: beganMs + limitMs,
      deadlineMs: clock.nowMs() + limitMs,
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
    this.#tell(line);
  };

  readonly #onError = (call: RunningCall, error: unknown): void => {
    this.#over(call, error);
    this.#fail(call, error);
  };

  #fail({ id, method }: { readonly id: RpcId; readonly method: string }, error: unknown): void {
    const call = { to: this.#to, method, caller: this.#caller };
    const known = this.#shared.refusal(call, toProtocolError(error, "INTERNAL_ERROR"));
    this.#tell(failureLine(id, known));
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

/** The stream cannot go on: one error line, then its end; a stream already gone needs nothing. */
async function refuse(stream: BoundedStream, error: unknown): Promise<void> {
  const known = forPeer(toProtocolError(error, "INTERNAL_ERROR"));
  if (known.code === "STREAM_RESET") return;
  try {
    stream.post(errorLine(null, known));
    await stream.close({ timeoutMs: nodeLimits.rpcOpeningMs });
  } catch {
    stream.reset("the error could not be told");
  }
}
