/**
 * Canaries: what libp2p does that our streams work around. One that fails says that a work-around may go.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Libp2p, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";
import { until } from "./transport-fixture.ts";

const PROTOCOL = "/trap/1";
const KIB = 1_024;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function withPair(run: (a: Libp2p, b: Libp2p) => Promise<void>): Promise<void> {
  const create = () =>
    createLibp2p({
      addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 256 * KIB } })],
      connectionMonitor: { enabled: false },
    });
  const [a, b] = [await create(), await create()];
  try {
    await a.dial(b.getMultiaddrs());
    await run(a, b);
  } finally {
    await Promise.all([a.stop(), b.stop()]);
  }
}

const open = (a: Libp2p, b: Libp2p) => a.dialProtocol(b.getMultiaddrs(), PROTOCOL);

test("trap 1: after its first drain, onDrain resolves although the stream still needs one", async () => {
  await withPair(async (a, b) => {
    const held: Stream[] = [];
    await b.handle(PROTOCOL, (stream) => void held.push(stream));
    const stream = await open(a, b);
    await until(() => held.length === 1, "the stream");
    const fill = () => {
      for (let index = 0; index < 100 && stream.send(new Uint8Array(64 * KIB)); index += 1);
      assert.ok(stream.writableNeedsDrain);
    };
    fill();
    const drained = stream.onDrain();
    let taken = 0;
    held[0]?.addEventListener("message", ({ data }) => {
      taken += data.byteLength;
    });
    await drained;
    held[0]?.pause();
    fill();
    const answer = await Promise.race([
      stream.onDrain().then(() => "at once"),
      sleep(300).then(() => "waits"),
    ]);
    assert.equal(answer, "at once");
    assert.ok(stream.writableNeedsDrain && taken > 0);
    stream.abort(new Error("done"));
  });
});

test("trap 2: a slow reader with `for await` never holds the writer back", async () => {
  await withPair(async (a, b) => {
    let read = 0;
    await b.handle(PROTOCOL, async (stream) => {
      for await (const bytes of stream) {
        read += bytes.byteLength;
        await sleep(50);
      }
    });
    const stream = await open(a, b);
    const total = 16 * KIB * KIB;
    let sent = 0;
    const deadline = performance.now() + 5_000;
    while (sent < total && performance.now() < deadline) {
      if (stream.send(new Uint8Array(64 * KIB))) await sleep(0);
      else await new Promise((resolve) => stream.addEventListener("drain", resolve, { once: true }));
      sent += 64 * KIB;
    }
    assert.equal(sent, total);
    assert.ok(read < total / 2, `${read} bytes were read`);
    stream.abort(new Error("done"));
  });
});

test("trap 5: a pause inside the dispatch of a resume is lost, and the stream ends over its limit", async () => {
  await withPair(async (a, b) => {
    let failure: Error | undefined;
    await b.handle(PROTOCOL, (stream) => {
      stream.addEventListener("close", ({ error }) => {
        failure = error;
      });
      stream.addEventListener("message", () => stream.pause());
      // Paused at the first byte: the first resume hands that over, and pauses again in vain.
      setTimeout(() => stream.resume(), 200);
    });
    const stream = await open(a, b);
    stream.addEventListener("close", () => undefined);
    const deadline = performance.now() + 5_000;
    while (stream.status === "open" && performance.now() < deadline) {
      if (stream.send(new Uint8Array(64 * KIB))) await sleep(0);
      else
        await Promise.race([
          new Promise((resolve) => stream.addEventListener("drain", resolve, { once: true })),
          sleep(100),
        ]);
    }
    assert.match(String(failure?.message), /exceeded limit/u);
  });
});

test("trap 7: the nth stream under a middleware runs its handler n times", async () => {
  await withPair(async (a, b) => {
    const runs: number[] = [];
    let count = 0;
    b.use(PROTOCOL, [(stream, connection, next) => next(stream, connection)]);
    await b.handle(PROTOCOL, () => {
      count += 1;
    });
    for (let index = 0; index < 3; index += 1) {
      count = 0;
      const stream = await open(a, b);
      await sleep(50);
      runs.push(count);
      stream.abort(new Error("done"));
    }
    assert.deepEqual(runs, [1, 2, 3]);
  });
});

test("trap 8: inactivityTimeout ends nothing", async () => {
  await withPair(async (a, b) => {
    await b.handle(PROTOCOL, () => undefined);
    const stream = await open(a, b);
    stream.inactivityTimeout = 100;
    await sleep(500);
    assert.equal(stream.status, "open");
    stream.abort(new Error("done"));
  });
});

test("trap 9: a stream above the callee's limit opens, then is reset", async () => {
  await withPair(async (a, b) => {
    await b.handle(PROTOCOL, () => undefined, { maxInboundStreams: 2 });
    const streams: Stream[] = [];
    for (let index = 0; index < 3; index += 1) streams.push(await open(a, b));
    await until(() => streams[2]?.status === "reset", "the third stream is reset");
    assert.equal(streams[0]?.status, "open");
    for (const stream of streams) stream.abort(new Error("done"));
  });
});

test("trap 12: a handler that throws resets its stream without a word", async () => {
  await withPair(async (a, b) => {
    await b.handle(PROTOCOL, () => {
      throw new Error("nobody hears this");
    });
    const stream = await open(a, b);
    await until(() => stream.status === "reset", "the reset");
  });
});
