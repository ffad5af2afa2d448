import assert from "node:assert/strict";
import { test } from "node:test";
import { rigged } from "../libp2p-rig.ts";
import { answerFrames, hasCode, limits, protocol, wait } from "../transport-fixture.ts";

for (const who of ["the other side hangs up", "the connection breaks"] as const) {
  test(`a stream that is lost before anybody listens to it was reset, not ended: ${who}`, async () => {
    await using a = await rigged();
    await using b = await rigged();
    using _ = b.transport.handle(protocol, limits, (stream) => void answerFrames(stream));
    await a.transport.dial({ addresses: b.transport.addresses() }, wait);
    const connection = a.parts.links.connectionTo(b.transport.peerId);
    assert.ok(connection !== undefined);
    const open = connection.newStream.bind(connection);
    connection.newStream = async (...asked) => {
      const stream = await open(...asked);
      const lost = new Promise((resolve) => stream.addEventListener("close", resolve, { once: true }));
      if (who === "the connection breaks") connection.abort(new Error("broken"));
      else await b.transport.hangUp(a.transport.peerId, "test");
      await lost;
      return stream;
    };
    const stream = await a.transport.open(b.transport.peerId, protocol, wait);
    await assert.rejects(stream.readFrame(wait), hasCode("STREAM_RESET"));
    assert.ok((await stream.closed) instanceof Error);
    assert.equal(a.transport.snapshot().streamsOpen, 0);
  });
}
