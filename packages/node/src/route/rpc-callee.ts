/** The answering end of `/gridmesh/rpc/1`. */

import { forPeer, type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { pipe } from "it-pipe";
import type { Clock } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { Link, Transport } from "../network/transport.ts";
import {
  decodeMessages,
  errorLine,
  isObject,
  linesOf,
  resultLine,
  RPC_PROTOCOL,
  type RpcId,
  type RpcMessage,
  rpcStreamLimits,
  toLine,
} from "./rpc-lines.ts";

/** A call as it came off a stream. */
export interface InboundCall {
  /** The agent of the stream's opening line, or `node`. */
  readonly to: string;
  readonly method: string;
  readonly params: JsonValue;
  readonly peerId: string;
  readonly signal: AbortSignal;
  /** Wall ms since the epoch. */
  readonly deadlineMs: number;
}

export interface RpcCalleeOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Called before each request; throws RATE_LIMITED and the like. */
  readonly admit: (peerId: string) => void;
  /** Called once per stream; throws what the opening line's target deserves. */
  readonly accept: (to: string, peerId: string) => void;
  readonly dispatch: (call: InboundCall) => Promise<JsonValue>;
}

interface Load {
  node: number;
  readonly peers: Map<string, number>;
}

const MAX_UNSENT = 128;

/** Answers calls of peers until disposed. */
export function serveRpc(options: RpcCalleeOptions): Disposable {
  const load: Load = { node: 0, peers: new Map() };
  return options.transport.handle(RPC_PROTOCOL, rpcStreamLimits, (stream, from) => {
    void serveStream(options, load, { stream, from });
  });
}

interface Session {
  readonly stream: BoundedStream;
  readonly from: Link;
}

async function serveStream(options: RpcCalleeOptions, load: Load, session: Session): Promise<void> {
  const { stream, from } = session;
  const running = new Map<RpcId, AbortController>();
  try {
    const to = await readOpening(stream);
    options.accept(to, from.peerId);
    await stream.write(
      toLine({ ok: true, era: "modern", versions: [], maxInFlight: nodeLimits.rpcInFlight }),
    );
    const work: Work = { options, load, session, running, to, unsent: new Set() };
    for await (const message of pipe(linesOf(stream), decodeMessages)) {
      receive(work, message);
      // Who does not read its answers is not read either.
      while (work.unsent.size >= MAX_UNSENT) await Promise.race(work.unsent);
    }
    await stream.close({ timeoutMs: nodeLimits.rpcOpeningMs });
  } catch (error) {
    await refuse(stream, error);
  } finally {
    for (const controller of running.values()) {
      controller.abort(new ProtocolError("CALL_CANCELLED", "the caller's stream ended"));
    }
  }
}

/** The stream cannot go on: one error line, then its end; a stream already gone needs nothing. */
async function refuse(stream: BoundedStream, error: unknown): Promise<void> {
  const known = forPeer(toProtocolError(error, "INTERNAL_ERROR"));
  if (known.code === "STREAM_RESET") return;
  try {
    await stream.write(errorLine(null, known), { timeoutMs: nodeLimits.rpcOpeningMs });
    await stream.close({ timeoutMs: nodeLimits.rpcOpeningMs });
  } catch {
    stream.reset("the error could not be told");
  }
}

/** @throws INVALID_REQUEST, VERSION_UNSUPPORTED, PROTOCOL_UNSUPPORTED; returns the target. */
async function readOpening(stream: BoundedStream): Promise<string> {
  const line = await stream.readLine({ timeoutMs: nodeLimits.rpcOpeningMs });
  if (line === undefined || line.length > nodeLimits.rpcOpeningBytes) {
    throw new ProtocolError("INVALID_REQUEST", "no opening line");
  }
  const opening = parseOpening(line);
  if (opening["v"] !== 1) throw new ProtocolError("VERSION_UNSUPPORTED", "this end speaks v 1");
  const { to, proto, mode } = opening;
  if (typeof to !== "string" || typeof proto !== "string" || typeof mode !== "string") {
    throw new ProtocolError("INVALID_REQUEST", "an opening line names to, proto and mode");
  }
  if (mode !== "call" || (proto !== "plain" && proto !== "mcp")) {
    throw new ProtocolError("PROTOCOL_UNSUPPORTED", "this end answers mode call of proto plain or mcp", {
      data: { modes: ["call"], protos: ["plain", "mcp"] },
    });
  }
  return to;
}

function parseOpening(line: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    throw new ProtocolError("PARSE_ERROR", "the opening line is no JSON", { cause: error });
  }
  throw new ProtocolError("INVALID_REQUEST", "the opening line is no object");
}

interface Work {
  readonly options: RpcCalleeOptions;
  readonly load: Load;
  readonly session: Session;
  readonly running: Map<RpcId, AbortController>;
  readonly to: string;
  /** Lines whose writing has not ended. */
  readonly unsent: Set<Promise<void>>;
}

/** A write that fails means the stream is gone, which the reader sees too. */
async function send(work: Work, line: Uint8Array): Promise<void> {
  const writing = work.session.stream.write(line).catch(() => undefined);
  work.unsent.add(writing);
  await writing;
  work.unsent.delete(writing);
}

function receive(work: Work, message: RpcMessage): void {
  if (message.kind === "request") return void answer(work, message);
  if (message.kind === "unreadable") {
    // No call to refuse: over the rate, the stream ends.
    work.options.admit(work.session.from.peerId);
    return void send(work, errorLine(message.id, message.error));
  }
  if (message.kind !== "notification" || message.method !== "notifications/cancelled") return;
  const params = message.params;
  const id = isObject(params) ? params["requestId"] : undefined;
  if (typeof id !== "string" && typeof id !== "number") return;
  work.running.get(id)?.abort(new ProtocolError("CALL_CANCELLED", "the caller gave up"));
}

async function answer(work: Work, request: RpcMessage & { kind: "request" }): Promise<void> {
  let line: Uint8Array;
  try {
    line = resultLine(request.id, await run(work, request));
  } catch (error) {
    line = errorLine(request.id, forPeer(toProtocolError(error, "INTERNAL_ERROR")));
  }
  if (line.length > nodeLimits.rpcLineBytes) {
    line = errorLine(request.id, new ProtocolError("FRAME_TOO_LARGE", "the result is over the line's limit"));
  }
  await send(work, line);
}

async function run(work: Work, request: RpcMessage & { kind: "request" }): Promise<JsonValue> {
  const { options, session, running, to } = work;
  const peerId = session.from.peerId;
  options.admit(peerId);
  if (running.has(request.id)) throw new ProtocolError("INVALID_REQUEST", "this id is under way already");
  using place = takePlace(work.load, peerId);
  const controller = new AbortController();
  running.set(request.id, controller);
  using _listed = { [Symbol.dispose]: () => running.delete(request.id) };
  using deadline = startDeadline(
    options.clock,
    {
      timeoutMs: Math.min(request.leftMs ?? nodeLimits.callTimeoutMs, nodeLimits.callTimeoutMaxMs),
      signal: controller.signal,
    },
    nodeLimits.callTimeoutMs,
  );
  const { signal, atMs } = deadline;
  const { method, params } = request;
  const dispatched = options.dispatch({ to, method, params, peerId, signal, deadlineMs: atMs });
  dispatched.then(place.ended, place.ended);
  return await until(dispatched, signal);
}

interface Place extends Disposable {
  /** The work is over: only now its peer may ask for more, lest calls given up at once pile it up. */
  readonly ended: () => void;
}

/** Disposing gives the node's share back. @throws TOO_MANY_STREAMS above the limits of the peer or the node. */
function takePlace(load: Load, peerId: string): Place {
  const mine = load.peers.get(peerId) ?? 0;
  if (mine >= nodeLimits.rpcInFlight || load.node >= nodeLimits.rpcInFlightNode) {
    throw new ProtocolError("TOO_MANY_STREAMS", "too many calls under way", {
      data: { retry_after_ms: 100 },
    });
  }
  load.peers.set(peerId, mine + 1);
  load.node += 1;
  return {
    [Symbol.dispose]() {
      load.node -= 1;
    },
    ended() {
      const left = (load.peers.get(peerId) ?? 1) - 1;
      if (left === 0) load.peers.delete(peerId);
      else load.peers.set(peerId, left);
    },
  };
}
