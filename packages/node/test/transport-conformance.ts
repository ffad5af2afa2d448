/** The promises every transport keeps of its links and streams; run over each by `transport.test.ts`. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import type { ProtocolError } from "@gridmesh/protocol";
import type { NetworkEvent } from "../src/network/transport.ts";
import { peerIdOfSeed } from "./seeds.ts";
import {
  answerFrames,
  hasCode,
  limits,
  protocol,
  type Seam,
  starter,
  until,
  wait,
} from "./transport-fixture.ts";

export function transportConformance(seam: Seam): void {
  const { start, pair, title } = starter(seam);

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

  test(title("ping tells a round trip"), async () => {
    const { a, b } = await pair();
    assert.ok((await a.ping(b.peerId, wait)) >= 0);
    const other = peerIdOfSeed(new Uint8Array(randomBytes(32)));
    await assert.rejects(a.ping(other, wait), hasCode("PEER_UNREACHABLE"));
  });

  test(title("a peer record tells its signer's addresses, and a forged one tells nothing"), async () => {
    const [a, b] = [await start(), await start()];
    const record = await a.peerRecord();
    const opened = await b.openPeerRecord(record);
    assert.equal(opened.peerId, a.peerId);
    assert.ok(opened.addresses.length > 0);
    for (const address of opened.addresses) {
      assert.ok(
        a.addresses().some((own) => own.startsWith(address)),
        address,
      );
    }
    assert.ok(Math.abs(opened.seq - Date.now()) < 60_000, `${opened.seq}`);
    const link = await b.dial(opened, wait);
    assert.equal(link.peerId, a.peerId);
    // A changed byte may be one that says nothing; no change makes the record say anything else.
    let refused = 0;
    for (let index = 0; index < record.length; index += 1) {
      const forged = record.slice();
      forged[index] = (forged[index] ?? 0) ^ 1;
      try {
        assert.deepEqual(await b.openPeerRecord(forged), opened, `byte ${index}`);
      } catch (error) {
        assert.ok(hasCode("RECORD_INVALID")(error), String(error));
        refused += 1;
      }
    }
    assert.ok(refused > record.length * 0.9, `${refused} of ${record.length}`);
    for (const junk of [new Uint8Array(), record.subarray(0, -1), new Uint8Array(5_000), randomBytes(200)]) {
      await assert.rejects(b.openPeerRecord(junk), hasCode("RECORD_INVALID"));
    }
  });

  test(title("a banned peer is neither dialled nor let in, until the ban is lifted"), async () => {
    const banned = new Set<string>();
    const strict = await start({ bannedPeer: (peerId) => banned.has(peerId) });
    const other = await start();
    banned.add(other.peerId);
    await assert.rejects(strict.dial({ addresses: other.addresses() }, wait), (error) => {
      assert.ok(hasCode("PEER_UNREACHABLE")(error));
      const attempts = (error as ProtocolError).data?.["attempts"] as { reason: string }[];
      assert.match(attempts[0]!.reason, /our own rules/u);
      return true;
    });
    // Over libp2p the dialer may believe for a moment that it is in.
    await other.dial({ addresses: strict.addresses() }, wait).catch((error: unknown) => {
      assert.ok(hasCode("PEER_UNREACHABLE")(error));
      const attempts = (error as ProtocolError).data?.["attempts"] as { reason: string }[];
      assert.match(attempts[0]!.reason, /limit or ban over there|right after it opened/u);
    });
    await until(() => strict.links().length === 0 && other.links().length === 0, "no link");
    assert.ok((strict.snapshot().refused["banned-peer"] ?? 0) >= 2);
    await until(() => other.snapshot().cutDials.length === 1, "a dial that was cut");
    const [cut] = other.snapshot().cutDials;
    assert.deepEqual([cut?.peerId, cut?.count], [strict.peerId, 1]);
    assert.ok((other.snapshot().dials["cut"] ?? 0) >= 1);
    banned.clear();
    const link = await other.dial({ addresses: strict.addresses() }, wait);
    assert.equal(link.relayed, false);
    assert.deepEqual(other.snapshot().cutDials, []);
    assert.ok((other.snapshot().dials["linked"] ?? 0) >= 1);
  });

  test(title("the snapshot tells streams by protocol, and resets with their reasons"), async () => {
    const { a, b } = await pair();
    using _ = b.handle(protocol, limits, (stream) => void answerFrames(stream));
    const stream = await a.open(b.peerId, protocol, wait);
    await until(() => b.snapshot().streamsByProtocol[protocol] === 1, "the stream at the other end");
    assert.equal(a.snapshot().streamsByProtocol[protocol], 1);
    stream.reset("test");
    const resets = () =>
      Object.entries(b.snapshot().streamResets).filter(([name]) => name.startsWith(`${protocol} `));
    await until(() => resets().length === 1, "a counted reset");
    await until(() => (b.snapshot().streamsByProtocol[protocol] ?? 0) === 0, "no stream");
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
