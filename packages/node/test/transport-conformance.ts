/** The promises every transport keeps; run over each implementation by `transport.test.ts`. */

import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { type ErrorCode, peerIdFromKey, ProtocolError } from "@gridmesh/protocol";
import { systemClock, systemRandom } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import type { NetworkChoice } from "../src/network/network-choice.ts";
import type { BoundedStream, StreamLimits } from "../src/network/stream-types.ts";
import type { NetworkEvent, Transport, Verdict } from "../src/network/transport.ts";

export interface Seam {
  readonly name: string;
  /** A fresh choice; all choices of one seam can reach each other. */
  choice(): NetworkChoice;
  /** An address of the seam at which nobody answers. */
  readonly deadAddress: string;
}

const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");
const wait = { timeoutMs: 5_000 };
const protocol = "/gridmesh/test/1";
const limits: StreamLimits = { maxFrameBytes: 2 * 1024 * 1024, maxInboundPerPeer: 16, relayed: false };

export function peerIdOfSeed(seed: Uint8Array): string {
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, seed]),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return peerIdFromKey(new Uint8Array(spki.subarray(-32)));
}

/** A started transport with a key of its own. */
export async function startTransport(choice: NetworkChoice, network = "test"): Promise<Transport> {
  const seed = new Uint8Array(randomBytes(32));
  const transport = await choice.create({
    seed,
    peerId: peerIdOfSeed(seed),
    network,
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog(),
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

function hasCode(code: ErrorCode) {
  return (error: unknown) => error instanceof ProtocolError && error.code === code;
}

export function transportConformance(seam: Seam): void {
  const started: Transport[] = [];
  const start = async () => {
    const transport = await startTransport(seam.choice());
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

  test(title("addresses end in the PeerId"), async () => {
    const a = await start();
    assert.ok(a.addresses().length > 0);
    for (const address of a.addresses()) assert.ok(address.endsWith(`/p2p/${a.peerId}`), address);
  });

  test(title("a failed dial tells a reason for every address"), async () => {
    const [a, b] = [await start(), await start()];
    await assert.rejects(a.dial({ addresses: [seam.deadAddress] }, wait), (error) => {
      assert.ok(hasCode("PEER_UNREACHABLE")(error));
      const attempts = (error as ProtocolError).data?.["attempts"] as { address: string; reason: string }[];
      assert.deepEqual(
        attempts.map(({ address }) => address),
        [seam.deadAddress],
      );
      assert.match(attempts[0]!.reason, /refused/u);
      return true;
    });
    const wrong = b.addresses()[0]!.replace(b.peerId, peerIdOfSeed(new Uint8Array(randomBytes(32))));
    await assert.rejects(a.dial({ addresses: [wrong] }, wait), (error) => {
      assert.ok(hasCode("PEER_UNREACHABLE")(error));
      const attempts = (error as ProtocolError).data?.["attempts"] as { reason: string }[];
      assert.match(attempts[0]!.reason, /another peer/u);
      return true;
    });
  });

  test(title("both ends see link and unlink, and a second dial finds the first link"), async () => {
    const [a, b] = [await start(), await start()];
    const seen: string[] = [];
    const note = (name: string) => (event: NetworkEvent) => seen.push(`${name} ${event.peerId}`);
    using _1 = a.on("link", note("a link"));
    using _2 = b.on("link", note("b link"));
    using _3 = a.on("unlink", note("a unlink"));
    using _4 = b.on("unlink", note("b unlink"));
    const link = await a.dial({ addresses: b.addresses() }, wait);
    assert.equal(link.peerId, b.peerId);
    assert.equal(link.inbound, false);
    await a.dial({ peerId: b.peerId, addresses: b.addresses() }, wait);
    await until(() => seen.length === 2, "two link events");
    assert.deepEqual(
      b.links().map(({ peerId, inbound }) => ({ peerId, inbound })),
      [{ peerId: a.peerId, inbound: true }],
    );
    await a.hangUp(b.peerId, "test");
    await until(() => seen.length === 4, "two unlink events");
    assert.deepEqual(seen.slice(0, 2).sort(), [`a link ${b.peerId}`, `b link ${a.peerId}`]);
    assert.deepEqual(seen.slice(2).sort(), [`a unlink ${b.peerId}`, `b unlink ${a.peerId}`]);
    assert.deepEqual([a.links(), b.links()], [[], []]);
  });

  test(
    title("a protocol nobody answers is PROTOCOL_UNSUPPORTED, a peer without link PEER_UNREACHABLE"),
    async () => {
      const { a, b } = await pair();
      await assert.rejects(a.open(b.peerId, "/gridmesh/none/1", wait), hasCode("PROTOCOL_UNSUPPORTED"));
      const other = peerIdOfSeed(new Uint8Array(randomBytes(32)));
      await assert.rejects(a.open(other, protocol, wait), hasCode("PEER_UNREACHABLE"));
    },
  );

  test(title("frames and lines cross byte for byte, and the end is told"), async () => {
    const { a, b } = await pair();
    using _ = b.handle(protocol, limits, (stream) => void answerFrames(stream));
    const stream = await a.open(b.peerId, protocol, wait);
    const sizes = [0, 1, 127, 128, 65_535, 300_000, 2 * 1024 * 1024];
    for (const size of sizes) {
      const sent = new Uint8Array(randomBytes(size));
      await stream.writeFrame(sent, wait);
      const back = await stream.readFrame(wait);
      assert.equal(Buffer.compare(sent, back!), 0, `${size} bytes`);
    }
    await stream.write(Buffer.from("one\ntwo\n"), wait);
    await stream.closeWrite(wait);
    // The answerer was waiting for a frame: "one…" is read as one.
    await stream.closed;
  });

  test(title("lines cross, and one above the limit is FRAME_TOO_LARGE"), async () => {
    const { a, b } = await pair();
    const lineLimits = { ...limits, maxLineBytes: 1_000 };
    const heard: (string | undefined)[] = [];
    let failure: unknown;
    using _ = b.handle(protocol, lineLimits, (stream) => {
      void (async () => {
        for (let line = await stream.readLine(wait); line !== undefined; line = await stream.readLine(wait)) {
          heard.push(Buffer.from(line).toString());
        }
      })().catch((error: unknown) => {
        failure = error;
      });
    });
    const stream = await a.open(b.peerId, protocol, wait);
    await stream.write(Buffer.from("one\ntw"), wait);
    await until(() => heard.length === 1, "the first line");
    await stream.write(Buffer.from(`o\n\n${"x".repeat(1_000)}\n`), wait);
    await until(() => heard.length === 4, "all lines");
    assert.deepEqual(heard, ["one", "two", "", "x".repeat(1_000)]);
    await stream.write(Buffer.from("y".repeat(1_002)), wait);
    await stream.closed;
    await until(() => failure !== undefined, "the failure");
    assert.ok(hasCode("FRAME_TOO_LARGE")(failure));
  });

  test(title("a frame above the limit is refused before its body and the stream is reset"), async () => {
    const { a, b } = await pair();
    const failed = Promise.withResolvers<unknown>();
    using _ = b.handle(protocol, { ...limits, maxFrameBytes: 1_000 }, (stream) => {
      stream.readFrame(wait).then(failed.resolve, failed.resolve);
    });
    const stream = await a.open(b.peerId, protocol, wait);
    // Length 1,001 and not one byte of body.
    await stream.write(Uint8Array.from([0xe9, 0x07]), wait);
    assert.ok(hasCode("FRAME_TOO_LARGE")(await failed.promise));
    assert.ok((await stream.closed) instanceof Error);
    await assert.rejects(stream.readFrame(wait), hasCode("STREAM_RESET"));
  });

  test(title("a slow reader holds the writer back and loses nothing"), async () => {
    const { a, b } = await pair();
    const frames = 96;
    const size = 64 * 1024;
    const received = createHash("sha256");
    const done = Promise.withResolvers<number>();
    let mostUnread = 0;
    using _ = b.handle(protocol, limits, (stream) => {
      void (async () => {
        let count = 0;
        for (
          let frame = await stream.readFrame(wait);
          frame !== undefined;
          frame = await stream.readFrame(wait)
        ) {
          received.update(frame);
          count += 1;
          mostUnread = Math.max(mostUnread, b.snapshot().unreadBytes);
          if (count % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
        }
        await stream.closeWrite(wait);
        return count;
      })().then(done.resolve, done.reject);
    });
    const sent = createHash("sha256");
    const stream = await a.open(b.peerId, protocol, wait);
    for (let index = 0; index < frames; index += 1) {
      const frame = new Uint8Array(randomBytes(size));
      sent.update(frame);
      await stream.writeFrame(frame, wait);
    }
    await stream.closeWrite(wait);
    assert.equal(await done.promise, frames);
    assert.equal(received.digest("hex"), sent.digest("hex"));
    assert.ok(mostUnread <= 768 * 1024, `${mostUnread} bytes were unread`);
    assert.equal(await stream.closed, undefined);
  });

  test(title("two hundred streams in turn leave none"), async () => {
    const { a, b } = await pair();
    const idle = [a.snapshot().streamsOpen, b.snapshot().streamsOpen];
    using _ = b.handle(protocol, limits, (stream) => void answerFrames(stream));
    for (let index = 0; index < 200; index += 1) {
      const stream = await a.open(b.peerId, protocol, wait);
      await stream.writeFrame(Uint8Array.of(index), wait);
      assert.deepEqual(await stream.readFrame(wait), Uint8Array.of(index));
      await stream.close(wait);
      assert.equal(await stream.closed, undefined);
    }
    await until(
      () => a.snapshot().streamsOpen === idle[0] && b.snapshot().streamsOpen === idle[1],
      "no stream left",
    );
  });

  test(title("the opener is told when too many streams are open"), async () => {
    const { a, b } = await pair();
    const two = { ...limits, maxInboundPerPeer: 2 };
    using _1 = a.handle(protocol, two, () => {});
    using _2 = b.handle(protocol, two, (stream) => void answerFrames(stream));
    const first = await a.open(b.peerId, protocol, wait);
    const second = await a.open(b.peerId, protocol, wait);
    await assert.rejects(a.open(b.peerId, protocol, wait), hasCode("TOO_MANY_STREAMS"));
    await first.close(wait);
    await first.closed;
    const third = await a.open(b.peerId, protocol, wait);
    for (const stream of [second, third]) stream.reset("test");
  });

  test(title("a read ends with its time or its signal, and reading goes on after it"), async () => {
    const { a, b } = await pair();
    using _ = b.handle(protocol, limits, (stream) => void answerFrames(stream));
    const stream = await a.open(b.peerId, protocol, wait);
    await assert.rejects(stream.readFrame({ timeoutMs: 20 }), hasCode("CALL_TIMEOUT"));
    const controller = new AbortController();
    const read = stream.readFrame({ signal: controller.signal });
    controller.abort();
    await assert.rejects(read, hasCode("CALL_CANCELLED"));
    await stream.writeFrame(Uint8Array.of(7), wait);
    assert.deepEqual(await stream.readFrame(wait), Uint8Array.of(7));
    await stream.close(wait);
  });

  test(title("a lost link resets its streams"), async () => {
    const { a, b } = await pair();
    using _ = b.handle(protocol, limits, (stream) => void answerFrames(stream));
    const stream = await a.open(b.peerId, protocol, wait);
    const read = assert.rejects(stream.readFrame(wait), hasCode("STREAM_RESET"));
    await b.hangUp(a.peerId, "test");
    await read;
  });

  test(
    title("accepted gossip travels on, ignored and rejected does not, a replay is not heard"),
    async () => {
      const [a, b, c] = [await start(), await start(), await start()];
      await a.dial({ addresses: b.addresses() }, wait);
      await b.dial({ addresses: c.addresses() }, wait);
      const topic = "gridmesh/test/search/energy";
      const heardB: string[] = [];
      const heardC: string[] = [];
      using _1 = a.join(topic, async () => "accept");
      using _2 = b.join(topic, async (from, data) => {
        assert.equal(from, a.peerId);
        const text = Buffer.from(data).toString();
        heardB.push(text);
        return (text === "no" ? "reject" : text === "hm" ? "ignore" : "accept") as Verdict;
      });
      using _3 = c.join(topic, async (from, data) => {
        assert.equal(from, b.peerId);
        heardC.push(Buffer.from(data).toString());
        return "accept";
      });
      const meshed = (transport: Transport) => transport.snapshot().topics[0]?.subscribers ?? 0;
      await until(() => meshed(a) === 1 && meshed(b) === 2 && meshed(c) === 1, "subscriptions known");
      for (const text of ["no", "hm", "yes"]) {
        assert.deepEqual(await a.publish(topic, Buffer.from(text)), { recipients: 1 });
      }
      await until(() => heardC.length === 1 && heardB.length === 3, "all messages");
      assert.deepEqual(await a.publish(topic, Buffer.from("yes")), { recipients: 0 });
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual([heardB, heardC], [["no", "hm", "yes"], ["yes"]]);
    },
  );

  test(title("a publisher without a subscriber is told so, and waits for the first one"), async () => {
    const [a, b] = [await start(), await start()];
    const topic = "gridmesh/test/late";
    assert.deepEqual(await a.publish(topic, Buffer.from("alone")), { recipients: 0 });
    await a.dial({ addresses: b.addresses() }, wait);
    using _1 = a.join(topic, async () => "accept");
    const heard: string[] = [];
    const published = a.publish(topic, Buffer.from("late"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    using _2 = b.join(topic, async (_from, data) => {
      heard.push(Buffer.from(data).toString());
      return "accept";
    });
    assert.deepEqual(await published, { recipients: 1 });
    await until(() => heard.length === 1, "the late message");
  });

  test(title("a neighbour that relays three rejected messages is no longer heard"), async () => {
    const { a, b } = await pair();
    const topic = "gridmesh/test/junk";
    let heard = 0;
    using _1 = a.join(topic, async () => "accept");
    using _2 = b.join(topic, async () => {
      heard += 1;
      return "reject";
    });
    await until(() => a.snapshot().topics[0]?.subscribers === 1, "subscription known");
    for (let index = 0; index < 3; index += 1) await a.publish(topic, Buffer.from(`junk ${index}`));
    await until(() => heard === 3, "three rejects");
    // The score is reckoned anew once a second.
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    for (let index = 3; index < 6; index += 1) await a.publish(topic, Buffer.from(`junk ${index}`));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(heard, 3);
  });

  test(title("providers are found by others, and withdrawn ones are not"), async () => {
    const [a, b, c] = [await start(), await start(), await start()];
    const key = new Uint8Array(createHash("sha256").update(randomBytes(8)).digest());
    await assert.rejects(a.provide(key, { timeoutMs: 300 }), hasCode("DHT_FAILED"));
    await a.dial({ addresses: b.addresses() }, wait);
    await c.dial({ addresses: b.addresses() }, wait);
    await until(() => [a, b, c].every((one) => (one.snapshot().dhtTablePeers ?? 0) > 0), "tables filled");
    await a.provide(key, wait);
    const found: string[] = [];
    for await (const hint of c.providers(key, wait)) {
      found.push(hint.peerId);
      assert.ok(hint.addresses.length > 0);
    }
    assert.deepEqual(found, [a.peerId]);
    await a.withdraw(key);
    const known = await c.findPeer(a.peerId, wait);
    assert.equal(known.peerId, a.peerId);
  });

  test(title("ping tells a round trip"), async () => {
    const { a, b } = await pair();
    assert.ok((await a.ping(b.peerId, wait)) >= 0);
    const other = peerIdOfSeed(new Uint8Array(randomBytes(32)));
    await assert.rejects(a.ping(other, wait), hasCode("PEER_UNREACHABLE"));
  });

  test(title("stop keeps its deadline with a hanging handler and full buffers"), async () => {
    const [a, b] = [await start(), await start()];
    await a.dial({ addresses: b.addresses() }, wait);
    b.handle(protocol, limits, () => {
      // Never reads.
    });
    const stream = await a.open(b.peerId, protocol, wait);
    void (async () => {
      for (;;) await stream.writeFrame(new Uint8Array(64 * 1024));
    })().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const startMs = performance.now();
    await Promise.all([a.stop({ deadlineMs: 1_000 }), b.stop({ deadlineMs: 1_000 })]);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < 1_500, `${tookMs} ms`);
    assert.deepEqual([a.links(), b.links()], [[], []]);
  });
}

/** Sends every frame back until the other side ends. */
async function answerFrames(stream: BoundedStream): Promise<void> {
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
