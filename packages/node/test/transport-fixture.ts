/** What tests over the network seam share. */

import { randomBytes } from "node:crypto";
import { after } from "node:test";
import { type ErrorCode, ProtocolError } from "@gridmesh/protocol";
import { systemClock, systemRandom } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import type { NetworkChoice, TransportContext } from "../src/network/network-choice.ts";
import type { BoundedStream, StreamLimits } from "../src/network/stream-types.ts";
import type { Transport } from "../src/network/transport.ts";
import { peerIdOfSeed } from "./seeds.ts";

export interface Seam {
  readonly name: string;
  /** A fresh choice; all choices of one seam can reach each other. */
  choice(): NetworkChoice;
  /** An address of the seam at which nobody answers. */
  readonly deadAddress: string;
}

export const wait = { timeoutMs: 5_000 };
export const protocol = "/gridmesh/test/1";
export const limits: StreamLimits = { maxFrameBytes: 2 * 1024 * 1024, maxInboundPerPeer: 16, relayed: false };

/** A started transport with a key of its own. */
export async function startTransport(
  choice: NetworkChoice,
  network = "test",
  more: Partial<TransportContext> = {},
): Promise<Transport> {
  const seed = new Uint8Array(randomBytes(32));
  const transport = await choice.create({
    seed,
    peerId: peerIdOfSeed(seed),
    network,
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog(),
    ...more,
  });
  await transport.start();
  return transport;
}

export async function until(condition: () => boolean, what: string, deadlineMs = 5_000): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function hasCode(code: ErrorCode) {
  return (error: unknown) => error instanceof ProtocolError && error.code === code;
}

/** Starts transports of a seam and stops them after the last test. */
export function starter(seam: Seam) {
  const started: Transport[] = [];
  const start = async (more: Partial<TransportContext> = {}) => {
    const transport = await startTransport(seam.choice(), "test", more);
    started.push(transport);
    return transport;
  };
  const pair = async () => {
    const [a, b] = [await start(), await start()];
    await a.dial({ peerId: b.peerId, addresses: b.addresses() }, wait);
    await until(() => b.links().length === 1, "the answerer sees the link");
    return { a, b };
  };
  const title = (text: string) => `${seam.name}: ${text}`;
  after(async () => {
    for (const transport of started) await transport.stop({ deadlineMs: 2_000 });
  });
  return { start, pair, title };
}

/** Sends every frame back until the other side ends. */
export async function answerFrames(stream: BoundedStream): Promise<void> {
  try {
    for (
      let frame = await stream.readFrame(wait);
      frame !== undefined;
      frame = await stream.readFrame(wait)
    ) {
      await stream.writeFrame(frame, wait);
    }
    await stream.closeWrite(wait);
  } catch {
    stream.reset("the echo ended");
  }
}
