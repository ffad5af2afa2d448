/** One stream of `/gridmesh/control/1` or `/gridmesh/trade/1`: signed messages as frames. */

import {
  canonicalBytes,
  decodeFrame,
  encodeFrame,
  frameFlags,
  limits,
  type SealedMessage,
} from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import type { BoundedStream, StreamLimits, WritePriority } from "../network/stream-types.ts";
import type { SignedProtocol } from "../signed-exchange.ts";

export const protocolIds: Readonly<Record<SignedProtocol, string>> = {
  control: "/gridmesh/control/1",
  trade: "/gridmesh/trade/1",
};

export const channelLimits: Readonly<Record<SignedProtocol, StreamLimits>> = {
  control: { maxFrameBytes: limits.controlFrameBytes, maxInboundPerPeer: 2, relayed: true, unmetered: true },
  trade: { maxFrameBytes: limits.tradeFrameBytes, maxInboundPerPeer: 4, relayed: true, unmetered: true },
};

export interface Channel {
  readonly peerId: string;
  readonly protocol: SignedProtocol;
  /** Did this node open it? */
  readonly outbound: boolean;
  readonly stream: BoundedStream;
}

/** Types that go before others on a full stream, and wait for no turn. */
export const CRITICAL: ReadonlySet<string> = new Set(["hello", "hello_ack", "heartbeat", "error_response"]);

/** Writes a sealed message as one frame; its bytes. @throws STREAM_RESET, CALL_TIMEOUT. */
export async function sendMessage(channel: Channel, message: SealedMessage, wait: Wait): Promise<number> {
  const priority: WritePriority = CRITICAL.has(message.type) ? "critical" : "high";
  const body = canonicalBytes(message);
  await channel.stream.writeFrame(encodeFrame(frameFlags.none, body), { ...wait, priority });
  return body.length;
}

/** The bodies of a stream's frames until it ends. @throws FRAME_TOO_LARGE, STREAM_RESET, ENCODING_UNSUPPORTED. */
export async function* bodiesOf(channel: Channel): AsyncGenerator<Uint8Array> {
  for (;;) {
    const frame = await channel.stream.readFrame();
    if (frame === undefined) return;
    yield decodeFrame(frame).body;
  }
}
