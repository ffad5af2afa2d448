/** The promises every transport keeps of gossip and provider records; run over each by `transport.test.ts`. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import type { Transport, Verdict } from "../src/network/transport.ts";
import { hasCode, type Seam, starter, until, wait } from "./transport-fixture.ts";

export function gossipConformance(seam: Seam): void {
  const { start, pair, title } = starter(seam);

  test(
    title("accepted gossip travels on, ignored and rejected does not, a replay is not heard"),
    async () => {
      const [a, b, c] = [await start(), await start(), await start()];
      await a.dial({ addresses: b.addresses() }, wait);
      await b.dial({ addresses: c.addresses() }, wait);
      const topic = "gridmesh/test/search/energy";
      const verdicts: Record<string, Verdict> = { no: "reject", hm: "ignore" };
      const heardB: string[] = [];
      const heardC: string[] = [];
      using _1 = a.join(topic, async () => "accept");
      using _2 = b.join(topic, async (from, data) => {
        assert.equal(from, a.peerId);
        const text = Buffer.from(data).toString();
        heardB.push(text);
        return verdicts[text] ?? "accept";
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
}
