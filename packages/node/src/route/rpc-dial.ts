/** A stream to another node, open as far as its first answer. */

import { ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { Transport } from "../network/transport.ts";
import { RPC_PROTOCOL } from "./rpc-lines.ts";
import { openingLine, readAcceptance, type RpcAcceptance, type RpcOpening } from "./rpc-opening.ts";

export interface RpcDialer {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Makes sure there is a link. @throws PEER_NOT_FOUND, PEER_UNREACHABLE. */
  readonly reach: (peerId: string, wait: Wait) => Promise<void>;
}

export type OpeningDraft = Partial<RpcOpening> & Pick<RpcOpening, "to" | "proto" | "mode">;

export interface RpcStream {
  readonly stream: BoundedStream;
  readonly acceptance: RpcAcceptance;
}

/** @throws PEER_NOT_FOUND, PEER_UNREACHABLE, CALL_CANCELLED, the callee's refusal; nothing was executed. */
export async function dialRpc(
  { clock, transport, reach }: RpcDialer,
  to: { readonly peerId: string; readonly opening: OpeningDraft },
  wait: Wait = {},
): Promise<RpcStream> {
  const { peerId, opening } = to;
  const timeoutMs = Math.min(wait.timeoutMs ?? Infinity, nodeLimits.reachTimeoutMs);
  using deadline = startDeadline(clock, { ...wait, timeoutMs }, timeoutMs);
  const { signal } = deadline;
  try {
    await until(reach(peerId, { timeoutMs, signal }), signal);
    const stream = await transport.open(peerId, RPC_PROTOCOL, { timeoutMs: deadline.leftMs(), signal });
    return { stream, acceptance: await accepted(stream, opening, signal) };
  } catch (error) {
    throw unsent(error, peerId);
  }
}

/** A stream that does not get beyond its opening line is left to nobody. */
async function accepted(
  stream: BoundedStream,
  opening: OpeningDraft,
  signal: AbortSignal,
): Promise<RpcAcceptance> {
  try {
    stream.post(openingLine(opening));
    return readAcceptance(await stream.readLine({ timeoutMs: nodeLimits.rpcOpeningMs, signal }));
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
