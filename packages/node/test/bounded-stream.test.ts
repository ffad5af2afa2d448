/** The bounded stream over a pipe whose every byte the test moves. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import * as fc from "fast-check";
import { boundedStream } from "../src/network/bounded-stream.ts";
import { byteQueue } from "../src/network/byte-queue.ts";
import { memoryPipe } from "../src/network/memory-pipe.ts";
import type { RawListeners, RawStream } from "../src/network/raw-stream.ts";
import { type StreamBudget, streamBudget } from "../src/network/stream-budget.ts";
import type { BoundedStream, StreamLimits } from "../src/network/stream-types.ts";
import { encodeUvarint, readUvarint } from "../src/network/varint.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { hasCode } from "./transport-fixture.ts";

const KIB = 1_024;
const limits: StreamLimits = { maxFrameBytes: 1_024 * KIB, maxInboundPerPeer: 1, relayed: false };

/** A raw stream that records what is done to it; bytes come when the test says so. */
class HandFed implements RawStream {
  readonly protocol = "/test/1";
  readonly sent: Buffer[] = [];
  readStatus: RawStream["readStatus"] = "readable";
  readBufferLength = 0;
  canSend = true;
  aborted: Error | undefined;
  listeners: RawListeners | undefined;
  #held: Uint8Array[] = [];

  send(bytes: Uint8Array): boolean {
    this.sent.push(Buffer.from(bytes));
    return this.canSend;
  }

  feed(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.readBufferLength += bytes.length;
    this.#dispatch();
  }

  resume(): void {
    this.readStatus = "readable";
    this.#dispatch();
  }

  pause(): void {
    this.readStatus = "paused";
  }

  #dispatch(): void {
    while (this.readStatus === "readable") {
      const bytes = this.#held.shift();
      if (bytes === undefined) return;
      this.readBufferLength -= bytes.length;
      this.listeners?.onBytes(bytes);
    }
  }

  async closeWrite(): Promise<void> {
    this.listeners?.onRemoteEnd();
    this.listeners?.onClose(undefined);
  }

  async closeRead(): Promise<void> {
    this.readStatus = "closed";
  }

  abort(error: Error): void {
    this.aborted = error;
    this.readStatus = "closed";
    this.listeners?.onClose(error);
  }

  listen(listeners: RawListeners): void {
    this.listeners = listeners;
  }
}

function handFed(options: { budget?: StreamBudget; peerId?: string; idleMs?: number } = {}): {
  readonly raw: HandFed;
  readonly stream: BoundedStream;
  readonly clock: ManualClock;
} {
  const raw = new HandFed();
  const clock = new ManualClock();
  const stream = boundedStream({
    raw,
    peerId: options.peerId ?? "peer",
    limits: { ...limits, idleMs: options.idleMs },
    clock,
    budget: options.budget ?? streamBudget(),
  });
  return { raw, stream, clock };
}

test("a length is read as it was written, and nothing else is a length", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 35 - 1 }), (value) => {
      const bytes = encodeUvarint(value);
      assert.deepEqual(
        readUvarint((index) => bytes[index]!, bytes.length),
        { value, size: bytes.length },
      );
      assert.equal(
        readUvarint((index) => bytes[index]!, bytes.length - 1),
        "short",
      );
    }),
  );
  const read = (...bytes: number[]) => readUvarint((index) => bytes[index]!, bytes.length);
  assert.equal(read(0x80, 0x00), "bad");
  assert.equal(read(0xff, 0xff, 0xff, 0xff, 0xff), "bad");
});

test("the queue gives bytes back in order, however they came and are taken", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), fc.array(fc.nat(15)), (chunks, takes) => {
      const queue = byteQueue();
      for (const chunk of chunks) queue.append(chunk);
      const all = Buffer.concat(chunks);
      let at = 0;
      for (const count of takes.map((take) => Math.min(take, queue.length))) {
        const [found, rest] = [queue.indexOf(7, 0), all.subarray(at)];
        assert.equal(found, rest.indexOf(7));
        assert.equal(queue.lastIndexOf(7, queue.length), rest.lastIndexOf(7));
        assert.equal(queue.lastIndexOf(7, count), rest.subarray(0, count).lastIndexOf(7));
        if (rest.length > 0) assert.equal(queue.at(rest.length - 1), rest.at(-1));
        const taken = queue.take(Math.min(count, queue.length));
        assert.deepEqual(Buffer.from(taken), all.subarray(at, at + taken.length));
        at += taken.length;
      }
      assert.equal(queue.length, all.length - at);
    }),
  );
});

test("any bytes in any pieces are frames or an error of the table", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), async (chunks) => {
      const { raw, stream } = handFed();
      for (const chunk of chunks) raw.feed(chunk);
      raw.listeners?.onRemoteEnd();
      try {
        for (let frame = await stream.readFrame(); frame !== undefined; frame = await stream.readFrame());
      } catch (error) {
        assert.ok(isProtocolError(error), String(error));
      }
    }),
  );
});

test("frames do not depend on how their bytes were cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 10 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
      async (frames, cuts) => {
        const bytes = Buffer.concat(frames.flatMap((frame) => [encodeUvarint(frame.length), frame]));
        const { raw, stream } = handFed();
        const read = (async () => {
          const got: Uint8Array[] = [];
          for (let frame = await stream.readFrame(); frame !== undefined; frame = await stream.readFrame()) {
            got.push(frame);
          }
          return got;
        })();
        for (let at = 0; at < bytes.length;) {
          const { value } = cuts.next();
          raw.feed(bytes.subarray(at, at + value));
          at += value;
          await Promise.resolve();
        }
        raw.listeners?.onRemoteEnd();
        assert.deepEqual(await read, frames);
      },
    ),
    { numRuns: 50 },
  );
});

test("an unread stream pauses at 256 KiB and goes on below 64 KiB", async () => {
  const { raw, stream } = handFed();
  const frame = Buffer.concat([encodeUvarint(16 * KIB), Buffer.alloc(16 * KIB)]);
  for (let index = 0; index < 40; index += 1) raw.feed(frame);
  assert.equal(raw.readStatus, "paused");
  const heldBytes = 40 * frame.length - raw.readBufferLength;
  assert.ok(heldBytes >= 256 * KIB && heldBytes < 256 * KIB + frame.length, `${heldBytes}`);
  for (let index = 0; index < 12; index += 1) await stream.readFrame();
  assert.equal(raw.readStatus, "paused");
  await stream.readFrame();
  // Went on, and filled up to the bound again in the same breath.
  assert.ok(raw.readBufferLength < 40 * frame.length - heldBytes);
  for (let index = 0; index < 27; index += 1) await stream.readFrame();
  assert.equal(raw.readBufferLength, 0);
});

test("a frame larger than the pause bound still arrives", async () => {
  const { raw, stream } = handFed();
  const body = Buffer.alloc(900 * KIB, 7);
  const bytes = Buffer.concat([encodeUvarint(body.length), body]);
  for (let at = 0; at < bytes.length; at += 50 * KIB) raw.feed(bytes.subarray(at, at + 50 * KIB));
  assert.equal(raw.readStatus, "paused");
  assert.deepEqual(Buffer.from((await stream.readFrame()) ?? []), body);
});

test("over half of a peer's share its streams pause between frames, and go on when it is relieved", async () => {
  const budget = streamBudget({ unreadBytesPerPeer: 200 * KIB, unreadBytes: 1_000 * KIB });
  const [a, b, other] = [handFed({ budget }), handFed({ budget }), handFed({ budget, peerId: "other" })];
  const frame = Buffer.concat([encodeUvarint(60 * KIB), Buffer.alloc(60 * KIB)]);
  a.raw.feed(frame);
  b.raw.feed(frame);
  assert.ok(budget.isTight("peer"));
  b.raw.feed(Uint8Array.of(1, 9));
  assert.equal(b.raw.readStatus, "paused");
  other.raw.feed(frame);
  assert.equal(other.raw.readStatus, "readable");
  await a.stream.readFrame();
  assert.ok(!budget.isTight("peer"));
  assert.equal(b.raw.readStatus, "readable");
});

test("over a peer's whole share its fullest stream is reset with OVERLOADED", async () => {
  const budget = streamBudget({ unreadBytesPerPeer: 200 * KIB, unreadBytes: 1_000 * KIB });
  const [small, big] = [handFed({ budget }), handFed({ budget })];
  small.raw.feed(Buffer.alloc(60 * KIB, 1));
  const bigRead = assert.rejects(big.stream.readFrame(), hasCode("OVERLOADED"));
  const bytes = Buffer.concat([encodeUvarint(500 * KIB), Buffer.alloc(150 * KIB)]);
  big.raw.feed(bytes.subarray(0, 10));
  await settle();
  big.raw.feed(bytes.subarray(10));
  await bigRead;
  assert.ok(hasCode("OVERLOADED")(big.raw.aborted));
  assert.equal(small.raw.aborted, undefined);
  assert.equal(budget.unreadBytes(), 60 * KIB);
});

test("more urgent writes overtake, and what gathers goes out as one", async () => {
  const { raw, stream } = handFed();
  await Promise.all([
    stream.write(Buffer.from("low "), { priority: "low" }),
    stream.write(Buffer.from("one ")),
    stream.write(Buffer.from("two ")),
    stream.write(Buffer.from("now "), { priority: "critical" }),
  ]);
  await settle();
  assert.deepEqual(
    raw.sent.map((bytes) => bytes.toString()),
    ["now one two low "],
  );
});

test("a writer that is held back waits, and one that never waits is told QUEUE_FULL", async () => {
  const { raw, stream } = handFed();
  raw.canSend = false;
  await stream.write(Buffer.alloc(1));
  await settle();
  let written = false;
  const write = stream.write(Buffer.alloc(300 * KIB)).then(() => {
    written = true;
  });
  await settle();
  assert.ok(!written);
  await assert.rejects(stream.write(Buffer.alloc(17 * KIB * KIB)), hasCode("QUEUE_FULL"));
  raw.canSend = true;
  raw.listeners?.onDrain();
  await write;
  await settle();
  assert.equal(Buffer.concat(raw.sent).length, 300 * KIB + 1);
});

test("an idle stream is reset after its time, a busy one is not", async () => {
  const { raw, clock, stream } = handFed({ idleMs: 1_000 });
  for (let index = 0; index < 5; index += 1) {
    await clock.advance(900);
    raw.feed(Uint8Array.of(0));
  }
  assert.equal(raw.aborted, undefined);
  await clock.advance(1_000);
  assert.ok(hasCode("STREAM_RESET")(await stream.closed));
});

test("a closed stream whose other side never ends is reset after ten seconds", async () => {
  const clock = new ManualClock();
  const now = (fn: () => void) => fn();
  const pipe = memoryPipe("/test/1", { toAnswerer: now, toOpener: now });
  const stream = boundedStream({ raw: pipe.opener, peerId: "peer", limits, clock, budget: streamBudget() });
  await stream.close();
  await clock.advance(9_999);
  assert.ok(!pipe.opener.isClosed);
  await clock.advance(1);
  assert.ok((await stream.closed) instanceof Error);
});
