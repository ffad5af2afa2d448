/** Calls to other nodes: shared streams per peer, many calls on each. */

import { type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { CallMeter } from "../call-meter.ts";
import type { Wait } from "../clock.ts";
import type { Pacer } from "../gate/pace.ts";
import type { CallNames } from "./call-names.ts";
import { Expiry } from "./expiry.ts";
import { type MethodCall, OutboundCall } from "./outbound-call.ts";
import { PeerCalls } from "./peer-calls.ts";
import { dialRpc, type OpeningDraft, type RpcDialer } from "./rpc-dial.ts";

export type { MethodCall };

export interface Forwarder {
  /**
   * Calls a method of another node.
   * @throws its error; PEER_NOT_FOUND, PEER_UNREACHABLE, STREAM_RESET, CALL_TIMEOUT, CALL_CANCELLED, QUEUE_FULL,
   * INVALID_PARAMS, FRAME_TOO_LARGE.
   */
  call(peerId: string, call: MethodCall, wait: ForwardWait): Promise<JsonValue>;
  /** Ends every stream; calls under way fail. */
  close(): void;
}

interface ForwardWait extends Wait {
  readonly names?: CallNames | undefined;
}

export interface ForwarderOptions extends RpcDialer {
  readonly pacer: Pacer;
  readonly meter?: CallMeter | undefined;
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { clock, pacer, meter } = options;
  const peers = new Map<string, PeerCalls>();
  const expiry = new Expiry(clock);
  const callsTo = (peerId: string, names: CallNames | undefined): PeerCalls => {
    const key = names === undefined ? peerId : `${peerId} ${names.key}`;
    const known = peers.get(key);
    if (known !== undefined) return known;
    if (names !== undefined) makeRoom(peers, peerId);
    const opening = (): OpeningDraft => ({ to: "node", proto: "plain", mode: "call", ...names?.draft() });
    const fresh = new PeerCalls({
      peerId,
      clock,
      meter,
      pacer,
      expiry,
      open: async () => (await dialRpc(options, { peerId, opening: opening() })).stream,
      onEmpty: () => {
        if (peers.get(key) === fresh) peers.delete(key);
      },
    });
    peers.set(key, fresh);
    return fresh;
  };
  return {
    call(peerId, method, wait) {
      try {
        const call = new OutboundCall(method, { clock, wait });
        callsTo(peerId, wait.names).begin(call);
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

/** Names towards one peer whose streams stay open when nobody calls: the peer serves 32 streams in all. */
const NAMES_KEPT = 16;

function makeRoom(peers: ReadonlyMap<string, PeerCalls>, peerId: string): void {
  const named = [...peers].filter(([key]) => key.startsWith(`${peerId} `));
  if (named.length < NAMES_KEPT) return;
  const [, idle] = named.find(([, calls]) => calls.idle) ?? [];
  idle?.close(new ProtocolError("STREAM_RESET", "others call in its place"));
}
