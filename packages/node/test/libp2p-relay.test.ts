/** Relays: a node that nobody can dial is reached through an anchor that serves. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import type { Transport } from "../src/network/index.ts";
import { rigged, type RigOptions } from "./libp2p-rig.ts";
import { answerFrames, hasCode, limits, protocol, until, wait } from "./transport-fixture.ts";

// On one machine every address can be dialled: a query of the DHT would find the direct way.
const base = { profile: "testnet", listen: ["/ip4/127.0.0.1/tcp/0"], mdns: false, dht: false } as const;
const TOPIC = "gridmesh/test/search/energy";
const direct = "/gridmesh/direct/1";

const isRelayed = (address: string) => address.includes("/p2p-circuit");

async function withRelay(
  options: RigOptions,
  run: (parts: { relay: Transport; guest: Transport; dialer: Transport }) => Promise<void>,
): Promise<void> {
  await using relay = await rigged({ ...base, ...options, reach: { ...options.reach, relay: "serve" } });
  const use = { ...options.reach, relay: "use", holePunch: false } as const;
  await using guest = await rigged({
    ...base,
    ...options,
    reach: use,
    bootstrap: relay.transport.addresses(),
    bend: (settings) => ({ ...settings, reach: { ...settings.reach, relayAfterMs: 100 } }),
  });
  await using dialer = await rigged({ ...base, ...options, reach: use });
  await guest.transport.dial({ addresses: relay.transport.addresses() }, wait);
  await until(() => guest.transport.addresses().some(isRelayed), "a place at the relay");
  await run({ relay: relay.transport, guest: guest.transport, dialer: dialer.transport });
}

const psk = `/key/swarm/psk/1.0.0/\n/base16/\n${randomBytes(32).toString("hex")}`;
const networks: readonly (readonly [string, RigOptions])[] = [
  ["an open network", {}],
  ["a private network", { reach: { psk } }],
];

for (const [name, options] of networks) {
  test(`in ${name} two megabytes cross a relay, and gossip and direct protocols do not`, async () => {
    await withRelay(options, async ({ guest, dialer }) => {
      using _1 = guest.handle(protocol, { ...limits, relayed: true }, (stream) => void answerFrames(stream));
      using _2 = dialer.handle(protocol, { ...limits, relayed: true }, () => {});
      using _3 = guest.handle(direct, limits, (stream) => void answerFrames(stream));
      using _4 = guest.join(TOPIC, async () => "accept");
      using _5 = dialer.join(TOPIC, async () => "accept");
      const circuit = guest.addresses().filter(isRelayed);
      const link = await dialer.dial({ peerId: guest.peerId, addresses: circuit }, wait);
      assert.ok(link.relayed && isRelayed(link.address), link.address);
      await until(() => guest.links().some(({ peerId }) => peerId === dialer.peerId), "the other end");
      assert.ok(guest.links().find(({ peerId }) => peerId === dialer.peerId)?.relayed);

      // Sixteen times what libp2p's default would let through.
      const sent = createHash("sha256");
      const back = createHash("sha256");
      const stream = await dialer.open(guest.peerId, protocol, wait);
      for (let index = 0; index < 16; index += 1) {
        const frame = new Uint8Array(randomBytes(128 * 1024));
        sent.update(frame);
        await stream.writeFrame(frame, wait);
        back.update((await stream.readFrame(wait)) ?? "");
      }
      assert.equal(back.digest("hex"), sent.digest("hex"));
      await stream.close(wait);

      await assert.rejects(dialer.open(guest.peerId, direct, wait), hasCode("PROTOCOL_UNSUPPORTED"));
      // Subscriptions were told before the bytes above, had they been told at all.
      assert.deepEqual(await dialer.publish(TOPIC, Buffer.from("not over a relay")), { recipients: 0 });
      assert.equal(guest.snapshot().topics[0]?.subscribers, 0);
      assert.equal(guest.snapshot().reach?.relays, 1);
      assert.equal(guest.snapshot().reach?.reachable, "no");
    });
  });
}

test("a relay holds places for one hour and 256 MiB, and for as many as 128", async () => {
  await using relay = await rigged({ ...base, reach: { relay: "serve" } });
  const services = relay.parts.node.services as unknown as {
    relay: { reservationStore: Record<string, unknown> };
  };
  const { maxReservations, defaultDurationLimit, defaultDataLimit, applyDefaultLimit } =
    services.relay.reservationStore;
  assert.deepEqual(
    { maxReservations, defaultDurationLimit, defaultDataLimit, applyDefaultLimit },
    {
      maxReservations: 128,
      defaultDurationLimit: 3_600_000,
      defaultDataLimit: 268_435_456n,
      applyDefaultLimit: true,
    },
  );
});
