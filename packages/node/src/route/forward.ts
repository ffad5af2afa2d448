/** Calls to other nodes: shared streams per peer, many calls on each. */

import { type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { CallMeter } from "../call-meter.ts";
import type { Clock, Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import type { Pacer } from "../gate/pace.ts";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { Transport } from "../network/transport.ts";
import { Expiry } from "./expiry.ts";
import { type MethodCall, OutboundCall } from "./outbound-call.ts";
import { PeerCalls } from "./peer-calls.ts";
import { RPC_PROTOCOL } from "./rpc-lines.ts";
import { openingLine, readAcceptance } from "./rpc-opening.ts";

export type { MethodCall };

export interface Forwarder {
  /**
   * Calls a method of another node.
   * @throws its error; PEER_NOT_FOUND, PEER_UNREACHABLE, STREAM_RESET, CALL_TIMEOUT, CALL_CANCELLED, QUEUE_FULL,
   * INVALID_PARAMS, FRAME_TOO_LARGE.
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
  readonly meter?: CallMeter | undefined;
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { clock, pacer, meter } = options;
  const peers = new Map<string, PeerCalls>();
  const expiry = new Expiry(clock);
  const callsTo = (peerId: string): PeerCalls => {
    const known = peers.get(peerId);
    if (known !== undefined) return known;
    const fresh = new PeerCalls({
      peerId,
      clock,
      meter,
      pacer,
      expiry,
      open: () => openStream(options, peerId),
      onEmpty: () => {
        if (peers.get(peerId) === fresh) peers.delete(peerId);
      },
    });
    peers.set(peerId, fresh);
    return fresh;
  };
  return {
    call(peerId, method, wait) {
      try {
        const call = new OutboundCall(method, { clock, wait });
        callsTo(peerId).begin(call);
        return call.outcome;
      } catch (error) {
        return Promise.reject(toProtocolError(error, "INTERNAL_ERROR"));
      }
    },
    close() {
      const reason = new ProtocolError("STREAM_RESET", "the node stops");
      for (const calls of peers.values()) calls.close(reason);
      peers.clear();
      expiry[Symbol.dispose]();
    },
  };
}

async function openStream(options: ForwarderOptions, peerId: string): Promise<BoundedStream> {
  const { clock, transport, reach } = options;
  using deadline = startDeadline(clock, {}, nodeLimits.reachTimeoutMs);
  const { signal } = deadline;
  try {
    await until(reach(peerId, { timeoutMs: nodeLimits.reachTimeoutMs, signal }), signal);
    const stream = await transport.open(peerId, RPC_PROTOCOL, { timeoutMs: deadline.leftMs(), signal });
    await opened(stream, signal);
    return stream;
  } catch (error) {
    throw unsent(error, peerId);
  }
}

/** A stream that does not get beyond its opening line is left to nobody. */
async function opened(stream: BoundedStream, signal: AbortSignal): Promise<void> {
  try {
    stream.post(openingLine({ to: "node", proto: "plain", mode: "call" }));
    readAcceptance(await stream.readLine({ timeoutMs: nodeLimits.rpcOpeningMs, signal }));
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
