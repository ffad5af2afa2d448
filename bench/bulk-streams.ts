/** Many bytes over the network seam: frames of 64 KiB, each with its number. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  identityFromSeed,
  libp2p,
  silentLog,
  systemClock,
  systemRandom,
} from "../packages/node/src/index.ts";
import type { BoundedStream, Transport } from "../packages/node/src/network/index.ts";

export const BULK = "/bench/bulk/1";
const FRAME_BYTES = 65_536;
export const bulkLimits = { maxFrameBytes: FRAME_BYTES, maxInboundPerPeer: 64, relayed: false };

export async function startTransport(): Promise<Transport> {
  const seed = new Uint8Array(randomBytes(32));
  const { peerId } = identityFromSeed(seed);
  const transport = await libp2p({ profile: "testnet", dht: false }).create({
    seed,
    peerId,
    network: "bench",
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog(),
  });
  await transport.start();
  return transport;
}

/** Answers the first frame, how many frames are wanted, with as many. */
export async function sendFrames(stream: BoundedStream): Promise<void> {
  const asked = await stream.readFrame({ timeoutMs: 10_000 });
  const count = Buffer.from(asked ?? []).readUInt32BE(0);
  for (let index = 0; index < count; index += 1) {
    const frame = Buffer.alloc(FRAME_BYTES, index);
    frame.writeUInt32BE(index, 0);
    await stream.writeFrame(frame);
  }
  await stream.closeWrite();
}

/** Fetches so many bytes over so many streams at once; megabytes a second. */
export async function fetchBytes(
  transport: Transport,
  peerId: string,
  { bytes, streams }: { readonly bytes: number; readonly streams: number },
): Promise<number> {
  const frames = Math.ceil(bytes / FRAME_BYTES / streams);
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: streams }, async () => {
      const stream = await transport.open(peerId, BULK, { timeoutMs: 10_000 });
      const asked = Buffer.alloc(4);
      asked.writeUInt32BE(frames, 0);
      await stream.writeFrame(asked);
      let came = 0;
      for (let frame = await stream.readFrame(); frame !== undefined; frame = await stream.readFrame()) {
        assert.equal(Buffer.from(frame.buffer, frame.byteOffset, 4).readUInt32BE(0), came);
        assert.equal(frame[FRAME_BYTES - 1], came % 256);
        came += 1;
      }
      assert.equal(came, frames);
      await stream.close();
    }),
  );
  return (frames * streams * FRAME_BYTES) / 1_000 / (performance.now() - startMs);
}
