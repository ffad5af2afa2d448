/** The faults of the memory network follow its seed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../src/log.ts";
import { memory, memoryHub, type Transport } from "../src/network/index.ts";
import { ManualClock, seededRandom, settle } from "./manual-clock.ts";
import { hasCode, limits, protocol } from "./transport-fixture.ts";

const TOPIC = "gridmesh/test/faults";

async function world(seed: number, names: readonly string[]) {
  const hub = memoryHub({ seed });
  const clock = new ManualClock();
  const transports: Transport[] = [];
  for (const peerId of names) {
    const transport = await memory({ hub }).create({
      seed: new Uint8Array(32),
      peerId,
      network: "test",
      clock,
      random: seededRandom(seed),
      log: silentLog(),
    });
    await transport.start();
    transports.push(transport);
  }
  return { hub, clock, transports };
}

async function heardOf(seed: number): Promise<readonly string[]> {
  const { hub, transports } = await world(seed, ["a", "b"]);
  const [a, b] = transports as [Transport, Transport];
  await a.dial({ addresses: b.addresses() }, {});
  const heard: string[] = [];
  b.join(TOPIC, async (_from, data) => {
    heard.push(Buffer.from(data).toString());
    return "accept";
  });
  hub.set({ lossPercent: 30, duplicatePercent: 30 });
  for (let index = 0; index < 100; index += 1) await a.publish(TOPIC, Buffer.from(String(index)));
  await settle();
  return heard;
}

test("lost gossip is lost by the seed, and a duplicate is heard once", async () => {
  const [first, again, other] = [await heardOf(1), await heardOf(1), await heardOf(2)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
  assert.ok(first.length > 50 && first.length < 90, `${first.length}`);
  assert.equal(new Set(first).size, first.length);
});

test("a stream keeps its order whatever the delay", async () => {
  const { hub, clock, transports } = await world(3, ["a", "b"]);
  const [a, b] = transports as [Transport, Transport];
  hub.set({ minDelayMs: 1, maxDelayMs: 100 });
  const linked = a.dial({ addresses: b.addresses() }, {});
  await clock.advance(100);
  await linked;
  const heard: number[] = [];
  b.handle(protocol, limits, (stream) => {
    void (async () => {
      for (let frame = await stream.readFrame(); frame !== undefined; frame = await stream.readFrame()) {
        heard.push(frame[0] ?? -1);
      }
    })();
  });
  const opening = a.open("b", protocol, {});
  await clock.advance(200);
  const stream = await opening;
  for (let index = 0; index < 50; index += 1) {
    await stream.writeFrame(Uint8Array.of(index));
    await clock.advance(1);
  }
  await clock.advance(1_000);
  assert.deepEqual(
    heard,
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test("a partition cuts links and refuses dials until it heals", async () => {
  const { hub, transports } = await world(4, ["a", "b", "c"]);
  const [a, b, c] = transports as [Transport, Transport, Transport];
  await a.dial({ addresses: b.addresses() }, {});
  await a.dial({ addresses: c.addresses() }, {});
  hub.partition([["a", "b"], ["c"]]);
  assert.deepEqual(
    a.links().map(({ peerId }) => peerId),
    ["b"],
  );
  assert.deepEqual(c.links(), []);
  await assert.rejects(a.dial({ addresses: c.addresses() }, {}), hasCode("PEER_UNREACHABLE"));
  hub.heal();
  await a.dial({ addresses: c.addresses() }, {});
  assert.equal(c.links().length, 1);
});
