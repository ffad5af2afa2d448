/** Bytes a second and bytes in waiting, over pipes whose clock the test turns. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bandwidth, type BandwidthLimits } from "../src/network/bandwidth.ts";
import { boundedStream } from "../src/network/bounded-stream.ts";
import { memoryPipe } from "../src/network/memory-pipe.ts";
import { streamBudget } from "../src/network/stream-budget.ts";
import { unsentBudget } from "../src/network/unsent-budget.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { hasCode } from "./transport-fixture.ts";

const KIB = 1_024;
const limits = { maxFrameBytes: KIB * KIB, maxLineBytes: KIB * KIB };

function rig(bounds: BandwidthLimits = {}, unmetered = false) {
  const clock = new ManualClock();
  const bandwidth = new Bandwidth(clock, bounds);
  const unsent = unsentBudget({ unsentBytesPerPeer: 100 * KIB, unsentBytes: 1_000 * KIB });
  const budget = streamBudget();
  let crossed = 0;
  const open = (peerId: string) => {
    const now = (fn: () => void) => fn();
    const pipe = memoryPipe("/test/1", { toAnswerer: now, toOpener: now });
    const send = pipe.opener.send.bind(pipe.opener);
    pipe.opener.send = (bytes) => {
      crossed += bytes.length;
      return send(bytes);
    };
    const common = { peerId, limits: { ...limits, unmetered }, clock, budget };
    return {
      near: boundedStream({ ...common, raw: pipe.opener, bandwidth, unsent }),
      far: boundedStream({ ...common, raw: pipe.answerer, bandwidth }),
      raw: pipe.answerer,
    };
  };
  return { clock, open, unsent, crossed: () => crossed };
}

test("what goes out keeps to the node's bytes a second, after a burst of one second's worth", async () => {
  const { clock, open, crossed } = rig({ outboundBytesPerSecond: 10_000 });
  const [a, b] = [open("a"), open("b")];
  for (let index = 0; index < 4; index += 1) {
    a.near.post(new Uint8Array(5_000));
    b.near.post(new Uint8Array(5_000));
  }
  await settle();
  assert.equal(crossed(), 10_000);
  for (let step = 1; step <= 80; step += 1) {
    await clock.advance(50);
    await settle();
    assert.ok(crossed() <= 10_000 + step * 500, `${crossed()} after ${step * 50} ms`);
  }
  assert.equal(crossed(), 40_000);
});

test("a peer's own limit holds back its streams and nobody else's", async () => {
  const { clock, open } = rig({ outboundBytesPerSecondPerPeer: 1_000 });
  const [a, b] = [open("a"), open("b")];
  a.near.post(new Uint8Array(1_000).fill(0x20));
  a.near.post("late\n");
  b.near.post("soon\n");
  const heard: string[] = [];
  const note = (line: Uint8Array | undefined) =>
    heard.push(
      Buffer.from(line ?? [])
        .toString()
        .trim(),
    );
  const reading = Promise.all([a.far.readLine().then(note), b.far.readLine().then(note)]);
  await settle();
  assert.deepEqual(heard, ["soon"]);
  await clock.advance(100);
  await reading;
  assert.deepEqual(heard, ["soon", "late"]);
});

test("what comes in faster than allowed is left with its sender", async () => {
  const { clock, open } = rig({ inboundBytesPerSecond: 1_000 });
  const { near, far, raw } = open("a");
  near.post(new Uint8Array(3_000).fill(0x0a));
  await settle();
  near.post("next\n");
  await settle();
  assert.equal(raw.readStatus, "paused");
  assert.equal(raw.readBufferLength, 5);
  assert.equal((await far.readLines())?.length, 3_000);
  assert.equal(raw.readStatus, "paused");
  await clock.advance(2_100);
  assert.equal(raw.readBufferLength, 0);
  assert.equal(Buffer.from((await far.readLine()) ?? []).toString(), "next");
});

test("control and trade streams are not held back", async () => {
  const { open, crossed } = rig({ outboundBytesPerSecond: 10, inboundBytesPerSecond: 10 }, true);
  const { near, raw } = open("a");
  for (let index = 0; index < 5; index += 1) {
    near.post(new Uint8Array(1_000));
    await settle();
  }
  assert.equal(crossed(), 5_000);
  assert.equal(raw.readStatus, "readable");
});

test("what one peer leaves unread is bounded over all its streams together", async () => {
  const { open, unsent } = rig({ outboundBytesPerSecond: 1 });
  const [first, second, other] = [open("slow"), open("slow"), open("other")];
  first.near.post(new Uint8Array(60 * KIB));
  assert.throws(() => second.near.post(new Uint8Array(60 * KIB)), hasCode("QUEUE_FULL"));
  other.near.post(new Uint8Array(60 * KIB));
  second.near.post(new Uint8Array(30 * KIB));
  assert.equal(unsent.bytes, 150 * KIB);
  for (const { near } of [first, second, other]) near.reset("done");
  await settle();
  assert.equal(unsent.bytes, 0);
});

test("text that is longer in bytes than in characters is counted as what it becomes", async () => {
  const { open, unsent } = rig();
  const { near, far } = open("a");
  const text = `${"€".repeat(90 * KIB)}\n`;
  near.post(text);
  const line = await far.readLine();
  assert.equal(Buffer.from(line ?? []).toString(), text.slice(0, -1));
  assert.equal(unsent.bytes, 0);
});
