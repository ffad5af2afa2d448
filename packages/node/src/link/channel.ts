/** One stream of `/gridmesh/control/1` or `/gridmesh/trade/1`: signed messages as frames. */

import { limits } from "@gridmesh/protocol";
import type { BoundedStream, StreamLimits } from "../network/stream-types.ts";
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

/** The contents of a stream's frames until it ends. @throws FRAME_TOO_LARGE, STREAM_RESET. */
export async function* framesOf(channel: Channel): AsyncGenerator<Uint8Array> {
  for (;;) {
    const frame = await channel.stream.readFrame();
    if (frame === undefined) return;
    yield frame;
  }
}
