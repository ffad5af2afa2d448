import assert from "node:assert/strict";
import { test } from "node:test";
import { rigged } from "../libp2p-rig.ts";
import { answerFrames, hasCode, limits, protocol, until, wait } from "../transport-fixture.ts";

const STREAMS = 6;

test("whoever hangs up resets all streams of the link, not every second one", async () => {
  await using a = await rigged({ dht: false });
  await using b = await rigged({ dht: false });
  using _ = b.transport.handle(protocol, limits, (stream) => void answerFrames(stream));
  await a.transport.dial({ addresses: b.transport.addresses() }, wait);
  const opened = Array.from({ length: STREAMS }, () => a.transport.open(b.transport.peerId, protocol, wait));
  const streams = await Promise.all(opened);
  await until(
    () => b.transport.snapshot().streamsByProtocol[protocol] === STREAMS,
    "all streams at the other side",
  );
  const reads = streams.map((stream) => assert.rejects(stream.readFrame(wait), hasCode("STREAM_RESET")));
  await b.transport.hangUp(a.transport.peerId, "test");
  await Promise.all(reads);
});
