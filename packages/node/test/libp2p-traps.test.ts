/**
 * Canaries: what libp2p does that our streams work around. One that fails says that a work-around may go.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { circuitRelayServer, circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import type { Libp2p, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { lpStream } from "@libp2p/utils";
import { webSockets } from "@libp2p/websockets";
import { yamux } from "@libp2p/yamux";
import { MemoryDatastore } from "datastore-core";
import type { Datastore } from "interface-datastore";
import { pipe } from "it-pipe";
import { createLibp2p } from "libp2p";
import { until } from "./transport-fixture.ts";

const PROTOCOL = "/trap/1";
const KIB = 1_024;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

type Muxing = NonNullable<Parameters<typeof yamux>[0]>["streamOptions"];

async function withPair(
  run: (a: Libp2p, b: Libp2p) => Promise<void>,
  streamOptions: Muxing = { maxStreamWindowSize: 256 * KIB },
  datastore?: Datastore,
): Promise<void> {
  const create = () =>
    createLibp2p({
      addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ streamOptions: streamOptions ?? {} })],
      connectionMonitor: { enabled: false },
      ...(datastore === undefined ? {} : { datastore }),
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

/** Sends until the stream is no longer open, or `total` bytes are out. */
async function pour(stream: Stream, total: number): Promise<number> {
  const deadline = performance.now() + 5_000;
  let sent = 0;
  while (sent < total && stream.status === "open" && performance.now() < deadline) {
    if (!stream.send(new Uint8Array(64 * KIB))) {
      const drained = new Promise((resolve) => stream.addEventListener("drain", resolve, { once: true }));
      await Promise.race([drained, sleep(100)]);
    } else if (sent % KIB === 0) await sleep(0);
    sent += 64 * KIB;
  }
  return sent;
}

test("trap 3: a length-prefixed reader never pauses its stream, which ends at four unread MiB", async () => {
  await withPair(async (a, b) => {
    const closed = Promise.withResolvers<Error | undefined>();
    await b.handle(PROTOCOL, async (stream) => {
      stream.addEventListener("close", ({ error }) => closed.resolve(error));
      await lpStream(stream).read();
    });
    const stream = await open(a, b);
    // A frame of one byte, which is read, and many more that nobody asks for.
    stream.send(Uint8Array.of(1, 7));
    await pour(stream, 32 * KIB * KIB);
    assert.ok((await closed.promise) instanceof Error);
  });
});

test("trap 4: with the default window a paused stream is reset, though it asked for no more", async () => {
  await withPair(async (a, b) => {
    const closed = Promise.withResolvers<Error | undefined>();
    await b.handle(PROTOCOL, (stream) => {
      stream.addEventListener("close", ({ error }) => closed.resolve(error));
      let heard = 0;
      stream.addEventListener("message", ({ data }) => {
        heard += data.byteLength;
        // Long enough for the window to have grown.
        if (heard > 2 * KIB * KIB) stream.pause();
      });
    });
    const stream = await open(a, b);
    await pour(stream, 64 * KIB * KIB);
    assert.match(String((await closed.promise)?.message), /exceeded limit/u);
  }, {});
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

test("trap 6: unsent bytes have no bound, and one that is set aborts the stream that passes it", async () => {
  const unread = async (streamOptions: Muxing) => {
    let stream: Stream | undefined;
    await withPair(async (a, b) => {
      await b.handle(PROTOCOL, (held) => held.pause());
      stream = await open(a, b);
      for (let index = 0; index < 256 && stream.status === "open"; index += 1)
        stream.send(new Uint8Array(64 * KIB));
      await sleep(0);
      seen.push({ status: stream.status, unsent: stream.writeBufferLength });
      stream.abort(new Error("done"));
    }, streamOptions);
  };
  const seen: { status: string; unsent: number }[] = [];
  await unread({ maxStreamWindowSize: 256 * KIB });
  await unread({ maxStreamWindowSize: 256 * KIB, maxWriteBufferLength: 1_024 * KIB }).catch(() => undefined);
  assert.equal(seen[0]?.status, "open");
  assert.ok((seen[0]?.unsent ?? 0) > 8 * KIB * KIB, JSON.stringify(seen));
  assert.notEqual(seen[1]?.status, "open");
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

test("trap 10: of streams whose own half is closed the 65th cannot be opened", async () => {
  await withPair(async (a, b) => {
    await b.handle(PROTOCOL, () => undefined, { maxInboundStreams: 1_000 });
    const streams: Stream[] = [];
    for (let index = 0; index < 64; index += 1) {
      const stream = await open(a, b);
      await stream.close();
      streams.push(stream);
    }
    await assert.rejects(open(a, b), { name: "TooManyOutboundProtocolStreamsError" });
    for (const stream of streams) stream.abort(new Error("done"));
  });
});

test("trap 11: of many streams opened right after the dial all are lost, though the link looks open", async () => {
  await withPair(async (a, b) => {
    await b.handle(PROTOCOL, () => undefined, { maxInboundStreams: 1_000 });
    await a.hangUp(b.peerId);
    const connection = await a.dial(b.getMultiaddrs());
    const opening = Array.from({ length: 128 }, () =>
      connection.newStream(PROTOCOL, { maxOutboundStreams: 1_000, signal: AbortSignal.timeout(3_000) }),
    );
    const ends = await Promise.allSettled(opening);
    assert.ok(ends.every(({ status }) => status === "rejected"));
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

test("trap 13: over a relay a protocol that did not ask for it throws", async () => {
  const create = (listen: string[], services: object, relayed = true) =>
    createLibp2p({
      addresses: { listen },
      transports: relayed ? [tcp(), circuitRelayTransport()] : [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), ...services },
    });
  const relay = await create(["/ip4/127.0.0.1/tcp/0"], { relay: circuitRelayServer() }, false);
  const guest = await create([`${String(relay.getMultiaddrs()[0])}/p2p-circuit`], {});
  const caller = await create([], {});
  try {
    await until(() => guest.getMultiaddrs().length > 0, "a place at the relay");
    await guest.handle(PROTOCOL, () => undefined);
    const connection = await caller.dial(guest.getMultiaddrs());
    await assert.rejects(connection.newStream(PROTOCOL), { name: "LimitedConnectionError" });
  } finally {
    await Promise.all([caller, guest, relay].map(async (node) => await node.stop()));
  }
});

test("trap 14: every stream costs both ends a negotiation and a write to their peer stores", async () => {
  let writes = 0;
  class Counting extends MemoryDatastore {
    override put(...input: Parameters<MemoryDatastore["put"]>): ReturnType<MemoryDatastore["put"]> {
      writes += 1;
      return super.put(...input);
    }
  }
  await withPair(
    async (a, b) => {
      await b.handle(PROTOCOL, (stream) => void stream.close());
      await sleep(100);
      writes = 0;
      for (let index = 0; index < 8; index += 1) {
        const stream = await open(a, b);
        await stream.close();
      }
      await until(() => writes >= 8, "a write per stream");
    },
    { maxStreamWindowSize: 256 * KIB },
    new Counting(),
  );
});

test("trap 15: what pipes iterables takes no stream", async () => {
  await withPair(async (a, b) => {
    await b.handle(PROTOCOL, () => undefined);
    const stream = await open(a, b);
    const through: (...parts: unknown[]) => unknown = pipe;
    assert.throws(() => through([Uint8Array.of(1)], stream), TypeError);
    assert.ok(!("sink" in stream));
    stream.abort(new Error("done"));
  });
});

test("trap 16: an aborted WebSocket stays open, and the other end never hears of it", async () => {
  const create = (listen: string[]) =>
    createLibp2p({
      addresses: { listen },
      transports: [webSockets()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
    });
  const [a, b] = [await create([]), await create(["/ip4/127.0.0.1/tcp/0/ws"])];
  try {
    const connection = await a.dial(b.getMultiaddrs());
    await until(() => b.getConnections().length === 1, "the other end");
    connection.abort(new Error("gone"));
    await sleep(500);
    assert.equal(b.getConnections()[0]?.status, "open");
  } finally {
    await Promise.all([a.stop(), b.stop()]);
  }
});
