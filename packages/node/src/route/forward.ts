/** Calls to other nodes: one shared stream per peer, many calls on it. */

import {
  fromRpcError,
  type JsonValue,
  parseTolerant,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import { pipe } from "it-pipe";
import type { Clock, Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { Pacer } from "../gate/pace.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { Transport } from "../network/transport.ts";
import {
  decodeMessages,
  isObject,
  linesOf,
  requestLine,
  RPC_PROTOCOL,
  type RpcMessage,
  toLine,
} from "./rpc-lines.ts";

export interface Forwarder {
  /**
   * Calls a method of another node.
   * @throws its error; PEER_NOT_FOUND, PEER_UNREACHABLE, STREAM_RESET, CALL_TIMEOUT, CALL_CANCELLED, QUEUE_FULL.
   */
  call(peerId: string, method: string, params: JsonValue, wait: Wait): Promise<JsonValue>;
  /** Ends every stream; calls under way fail. */
  close(): void;
}

export interface ForwarderOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Makes sure there is a link. @throws PEER_NOT_FOUND, PEER_UNREACHABLE. */
  readonly reach: (peerId: string, wait: Wait) => Promise<void>;
  readonly pacer: Pacer;
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const lines = new Map<string, Promise<CallLine>>();

  const lineTo = (peerId: string, signal: AbortSignal): Promise<CallLine> => {
    const known = lines.get(peerId);
    if (known !== undefined) return until(known, signal);
    const opening = openLine(options, peerId, () => {
      if (lines.get(peerId) === opening) lines.delete(peerId);
    });
    lines.set(peerId, opening);
    opening.catch(() => {
      if (lines.get(peerId) === opening) lines.delete(peerId);
    });
    return until(opening, signal);
  };

  return {
    async call(peerId, method, params, wait) {
      using deadline = startDeadline(options.clock, wait, nodeLimits.callTimeoutMs);
      const line = await lineTo(peerId, deadline.signal).catch((error: unknown) => {
        throw unsent(error, peerId);
      });
      await options.pacer.turn(peerId, deadline.signal);
      return await line.call({ method, params, signal: deadline.signal, leftMs: deadline.leftMs });
    },
    close() {
      for (const line of lines.values()) {
        line.then(
          (open) => open.end(new ProtocolError("STREAM_RESET", "the node stops")),
          () => undefined,
        );
      }
      lines.clear();
    },
  };
}

interface OutgoingCall {
  readonly method: string;
  readonly params: JsonValue;
  readonly signal: AbortSignal;
  readonly leftMs: () => number;
}

interface CallLine {
  call(call: OutgoingCall): Promise<JsonValue>;
  end(error: ProtocolError): void;
}

async function openLine(options: ForwarderOptions, peerId: string, onEnd: () => void): Promise<CallLine> {
  const wait = { timeoutMs: nodeLimits.reachTimeoutMs };
  using deadline = startDeadline(options.clock, wait, nodeLimits.reachTimeoutMs);
  try {
    await until(options.reach(peerId, { ...wait, signal: deadline.signal }), deadline.signal);
    const stream = await options.transport.open(peerId, RPC_PROTOCOL, {
      timeoutMs: deadline.leftMs(),
      signal: deadline.signal,
    });
    await stream.write(toLine({ v: 1, to: "node", proto: "plain", mode: "call" }));
    readOk(await stream.readLine({ timeoutMs: nodeLimits.rpcOpeningMs, signal: deadline.signal }));
    return createLine({ stream, clock: options.clock, onEnd });
  } catch (error) {
    throw unsent(error, peerId);
  }
}

/** Nothing was sent yet: a time-out here is no call that may have happened. */
function unsent(error: unknown, peerId: string): ProtocolError {
  const known = toProtocolError(error, "PEER_UNREACHABLE");
  if (known.code !== "CALL_TIMEOUT") return known;
  return new ProtocolError("PEER_UNREACHABLE", `no way to ${peerId} in time`, { cause: error });
}

/** @throws the error of an answer that refuses the stream. */
function readOk(line: Uint8Array | undefined): void {
  if (line === undefined) throw new ProtocolError("STREAM_RESET", "the stream ended before its first line");
  const answer = parseTolerant(line, { maxDepth: nodeLimits.rpcDepth });
  if (isObject(answer) && answer["ok"] === true) return;
  throw fromRpcError(isObject(answer) ? answer["error"] : undefined);
}

interface Pending {
  readonly resolve: (value: JsonValue) => void;
  readonly reject: (error: unknown) => void;
}

function createLine(options: {
  readonly stream: BoundedStream;
  readonly clock: Clock;
  readonly onEnd: () => void;
}): CallLine {
  const { stream, clock } = options;
  const pending = new Map<number, Pending>();
  const waiting: (() => void)[] = [];
  let lastId = 0;
  let inFlight = 0;
  let ended: ProtocolError | undefined;
  let idle: Disposable | undefined;

  const end = (error: ProtocolError) => {
    if (ended !== undefined) return;
    ended = error;
    idle?.[Symbol.dispose]();
    options.onEnd();
    for (const call of pending.values()) call.reject(error);
    pending.clear();
    for (const wake of waiting.splice(0)) wake();
    stream.close({ timeoutMs: nodeLimits.rpcOpeningMs }).catch(() => stream.reset("not closed in time"));
  };
  const settle = (message: RpcMessage) => {
    if ((message.kind !== "result" && message.kind !== "failure") || message.id === null) {
      if (message.kind === "failure") end(message.error);
      return;
    }
    const call = typeof message.id === "number" ? pending.get(message.id) : undefined;
    if (message.kind === "result") call?.resolve(message.result);
    else call?.reject(message.error);
  };
  const read = async () => {
    try {
      for await (const message of pipe(linesOf(stream), decodeMessages)) settle(message);
      end(new ProtocolError("STREAM_RESET", "the callee ended the stream"));
    } catch (error) {
      end(toProtocolError(error, "STREAM_RESET"));
    }
  };
  const free = () => {
    inFlight -= 1;
    waiting.shift()?.();
    if (inFlight > 0 || ended !== undefined) return;
    idle = clock.timer(nodeLimits.rpcIdleMs, () => end(new ProtocolError("STREAM_RESET", "idle")));
  };
  const place = async (signal: AbortSignal) => {
    idle?.[Symbol.dispose]();
    if (inFlight >= nodeLimits.rpcInFlight) {
      if (waiting.length >= nodeLimits.rpcQueue) throw new ProtocolError("QUEUE_FULL", "too many calls wait");
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      try {
        await until(promise, signal);
      } catch (error) {
        const at = waiting.indexOf(resolve);
        if (at >= 0) waiting.splice(at, 1);
        // The place was given in the same turn: it goes to the next.
        else waiting.shift()?.();
        throw error;
      }
    }
    inFlight += 1;
  };
  const call = async (outgoing: OutgoingCall): Promise<JsonValue> => {
    await place(outgoing.signal);
    const id = ++lastId;
    try {
      if (ended !== undefined) throw ended;
      const { promise, resolve, reject } = Promise.withResolvers<JsonValue>();
      pending.set(id, { resolve, reject });
      promise.catch(() => undefined);
      const { method, params } = outgoing;
      await stream.write(requestLine({ id, method, params, leftMs: outgoing.leftMs() }));
      return await until(promise, outgoing.signal);
    } catch (error) {
      if (outgoing.signal.aborted && ended === undefined) {
        const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } };
        stream.write(toLine(cancel)).catch(() => undefined);
      }
      throw error;
    } finally {
      pending.delete(id);
      free();
    }
  };
  void read();
  return { call, end };
}
