/** Who reads slowly holds its sender back: a bound on what is held, no reset, every byte in order. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { libp2p, memory, memoryHub } from "../src/network/index.ts";
import type { BoundedStream } from "../src/network/stream-types.ts";
import { limits, protocol, startTransport, until, wait } from "./transport-fixture.ts";

const KIB = 1_024;
const FRAME = 64 * KIB;

const hub = memoryHub({ seed: 11 });
const seams = [
  // No window below: a send arrives whole.
  { name: "memory", choice: () => memory({ hub }), heldKiB: 768 },
  { name: "libp2p", choice: () => libp2p({ dht: false }), heldKiB: 512 },
];

/** Reads frames to the end, each 16 KiB later than it could; their hash. */
async function readSlowly(stream: BoundedStream, onFrame: () => void): Promise<string> {
  const hash = createHash("sha256");
  let count = 0;
  for (let frame = await stream.readFrame(); frame !== undefined; frame = await stream.readFrame()) {
    hash.update(frame);
    onFrame();
    count += 1;
    if (count % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await stream.closeWrite();
  return hash.digest("hex");
}

async function writeAll(stream: BoundedStream, frames: number): Promise<string> {
  const hash = createHash("sha256");
  for (let index = 0; index < frames; index += 1) {
    const frame = Buffer.alloc(FRAME, index);
    frame.writeUInt32BE(index, 0);
    hash.update(frame);
    await stream.writeFrame(frame);
  }
  await stream.closeWrite();
  return hash.digest("hex");
}

for (const { name, choice, heldKiB } of seams) {
  for (const [streams, frames] of [
    [1, 320],
    [8, 60],
  ] as const) {
    const title = `${name}: ${streams} slow readers of ${(frames * FRAME) / KIB / KIB} MiB each hold at most ${heldKiB} KiB`;
    test(`${title}, are never reset and lose nothing`, async () => {
      const [a, b] = [await startTransport(choice()), await startTransport(choice())];
      try {
        await a.dial({ addresses: b.addresses() }, wait);
        let most = 0;
        const read: Promise<string>[] = [];
        const onFrame = () => {
          most = Math.max(most, b.snapshot().unreadBytes);
        };
        using _ = b.handle(protocol, limits, (stream) => read.push(readSlowly(stream, onFrame)));
        const opened: BoundedStream[] = [];
        for (let index = 0; index < streams; index += 1) opened.push(await a.open(b.peerId, protocol, wait));
        const sent = await Promise.all(opened.map((stream) => writeAll(stream, frames)));
        await until(() => read.length === streams, "every stream has come");
        assert.deepEqual(await Promise.all(read), sent);
        assert.ok(most <= streams * heldKiB * KIB, `${most} bytes were held`);
        const ends = await Promise.all(opened.map((stream) => stream.closed));
        assert.deepEqual(
          ends,
          opened.map(() => undefined),
        );
        assert.deepEqual([a.snapshot().streamResets, b.snapshot().streamResets], [{}, {}]);
      } finally {
        await Promise.all([a, b].map((transport) => transport.stop({ deadlineMs: 1_000 })));
      }
    });
  }
}
