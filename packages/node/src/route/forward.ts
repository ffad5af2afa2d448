/** Calls to other nodes: one shared stream per peer, many calls on it. */

import {
  fromRpcError,
  type JsonValue,
  parseTolerant,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { type Pacer, patiently } from "../gate/pace.ts";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { Transport } from "../network/transport.ts";
import { CallLine } from "./call-line.ts";
import { isObject, RPC_PROTOCOL, toLine } from "./rpc-lines.ts";

/** What is called, with what. */
export interface MethodCall {
  readonly method: string;
  readonly params: JsonValue;
}

export interface Forwarder {
  /**
   * Calls a method of another node.
   * @throws its error; PEER_NOT_FOUND, PEER_UNREACHABLE, STREAM_RESET, CALL_TIMEOUT, CALL_CANCELLED, QUEUE_FULL.
   */
  call(peerId: string, call: MethodCall, wait: Wait): Promise<JsonValue>;
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
  const lineTo = (peerId: string): Promise<CallLine> => {
    const known = lines.get(peerId);
    if (known !== undefined) return known;
    const drop = () => {
      if (lines.get(peerId) === opening) lines.delete(peerId);
    };
    const opening = openLine(options, peerId, drop);
    lines.set(peerId, opening);
    opening.catch(drop);
    return opening;
  };
  return {
    async call(peerId, { method, params }, wait) {
      using deadline = startDeadline(options.clock, wait, nodeLimits.callTimeoutMs);
      let line: CallLine;
      try {
        line = await until(lineTo(peerId), deadline.signal);
      } catch (error) {
        throw unsent(error, peerId);
      }
      return await patiently(options.clock, deadline.signal, async () => {
        await options.pacer.turn(peerId, deadline.signal);
        return line.call(method, params, deadline);
      });
    },
    close() {
      const reason = new ProtocolError("STREAM_RESET", "the node stops");
      for (const opening of lines.values()) {
        opening.then(
          (line) => line.end(reason),
          () => undefined,
        );
      }
      lines.clear();
    },
  };
}

async function openLine(options: ForwarderOptions, peerId: string, onEnd: () => void): Promise<CallLine> {
  const { clock, transport, reach } = options;
  using deadline = startDeadline(clock, {}, nodeLimits.reachTimeoutMs);
  const { signal } = deadline;
  try {
    await until(reach(peerId, { timeoutMs: nodeLimits.reachTimeoutMs, signal }), signal);
    const stream = await transport.open(peerId, RPC_PROTOCOL, { timeoutMs: deadline.leftMs(), signal });
    await opened(stream, signal);
    return new CallLine({ stream, clock, onEnd });
  } catch (error) {
    throw unsent(error, peerId);
  }
}

/** A stream that does not get beyond its opening line is left to nobody. */
async function opened(stream: BoundedStream, signal: AbortSignal): Promise<void> {
  try {
    await stream.write(toLine({ v: 1, to: "node", proto: "plain", mode: "call" }));
    readOk(await stream.readLine({ timeoutMs: nodeLimits.rpcOpeningMs, signal }));
  } catch (error) {
    stream.reset("the opening line was not answered");
    throw error;
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
