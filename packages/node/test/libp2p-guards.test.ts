/** What the node refuses before libp2p would: connections, records, configurations. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { MultiaddrConnection } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { Key } from "interface-datastore";
import { libp2p, profiles } from "../src/network/index.ts";
import { Gater } from "../src/network/libp2p/gater.ts";
import { GuardedDatastore } from "../src/network/libp2p/guarded-datastore.ts";
import { hasCode, startTransport, wait } from "./transport-fixture.ts";

/** The part of a connection that the gater looks at. */
function arriving(address: string): MultiaddrConnection & { close(): void } {
  const events = new EventTarget();
  const connection = {
    remoteAddr: multiaddr(address),
    addEventListener: (name: string, fn: () => void) => events.addEventListener(name, fn),
    close: () => events.dispatchEvent(new Event("close")),
  };
  return connection as unknown as MultiaddrConnection & { close(): void };
}

function gaterOf(name: "public" | "testnet", inbound: readonly string[] = []) {
  let nowMs = 0;
  const links = inbound.map((address) => multiaddr(address));
  const gater = new Gater({ profile: profiles[name], monotonicMs: () => nowMs, inbound: () => links });
  return { gater, pass: (ms: number) => void (nowMs += ms) };
}

test("an address may open twenty connections a second, eight pending, and each refusal is counted by rule", () => {
  const { gater, pass } = gaterOf("public");
  const opened = [];
  for (let index = 0; index < 30; index += 1) {
    const connection = arriving(`/ip4/192.0.2.7/tcp/${1_000 + index}`);
    if (!gater.denyInboundConnection(connection)) opened.push(connection);
  }
  assert.equal(opened.length, 8);
  assert.deepEqual(gater.refused, { "pending-per-ip": 22 });
  for (const connection of opened) gater.opened(connection.remoteAddr.encapsulate("/p2p-circuit"));
  let more = 0;
  for (let index = 0; index < 40; index += 1) {
    const connection = arriving(`/ip4/192.0.2.7/tcp/${2_000 + index}`);
    if (!gater.denyInboundConnection(connection)) more += 1;
    void connection.close();
  }
  assert.equal(more, 0);
  pass(1_000);
  for (let index = 0; index < 40; index += 1) {
    const connection = arriving(`/ip4/192.0.2.7/tcp/${3_000 + index}`);
    if (!gater.denyInboundConnection(connection)) more += 1;
    void connection.close();
  }
  assert.equal(more, 20);
  assert.deepEqual(Object.keys(gater.refused), ["pending-per-ip", "rate-per-ip"]);
});

test("an address may hold sixteen links and a /24 thirty-two, but loopback in the testnet any number", () => {
  const same = Array.from({ length: 16 }, (_, index) => `/ip4/192.0.2.7/tcp/${1_000 + index}`);
  assert.ok(gaterOf("public", same).gater.denyInboundConnection(arriving("/ip4/192.0.2.7/tcp/9")));
  assert.ok(!gaterOf("public", same).gater.denyInboundConnection(arriving("/ip4/192.0.2.8/tcp/9")));
  const near = Array.from({ length: 32 }, (_, index) => `/ip4/192.0.2.${index}/tcp/1000`);
  const { gater } = gaterOf("public", near);
  assert.ok(gater.denyInboundConnection(arriving("/ip4/192.0.2.99/tcp/9")));
  assert.ok(!gater.denyInboundConnection(arriving("/ip4/198.51.100.1/tcp/9")));
  const local = Array.from({ length: 100 }, (_, index) => `/ip4/127.0.0.1/tcp/${1_000 + index}`);
  assert.ok(!gaterOf("testnet", local).gater.denyInboundConnection(arriving("/ip4/127.0.0.1/tcp/9")));
});

test("libp2p dials nobody but whom the supervisor or a query of ours needs", () => {
  const { gater } = gaterOf("testnet");
  const peer = { toString: () => "peer" } as Parameters<Gater["denyDialPeer"]>[0];
  assert.ok(gater.denyDialPeer(peer));
  {
    using _ = gater.allowDial("peer");
    assert.ok(!gater.denyDialPeer(peer));
  }
  assert.ok(gater.denyDialPeer(peer));
  using _ = gater.allowQuery();
  assert.ok(!gater.denyDialPeer(peer));
});

test("the DHT store refuses values, a provider's 257th record, and everything over its bounds", async () => {
  const store = new GuardedDatastore({ recordsPerProvider: 256, records: 300, bytes: 100_000 });
  const put = (key: string, bytes = 8) => store.put(new Key(key), new Uint8Array(bytes));
  assert.throws(() => put("/dht/record/anything"), /value/u);
  for (let index = 0; index < 256; index += 1) await put(`/dht/provider/cid${index}/peer`);
  assert.throws(() => put("/dht/provider/cid256/peer"), /provider-records/u);
  await put("/dht/provider/cid0/peer");
  await store.delete(new Key("/dht/provider/cid0/peer"));
  await put("/dht/provider/cid256/peer");
  for (let index = 0; index < 44; index += 1) await put(`/dht/provider/cid/peer${index}`);
  assert.throws(() => put("/dht/provider/cid/another"), /records/u);
  await put("/peers/abc", 200_000);
  assert.deepEqual(store.refused, { value: 1, "provider-records": 1, records: 1 });
  const small = new GuardedDatastore({ recordsPerProvider: 256, records: 300, bytes: 100 });
  assert.throws(() => small.put(new Key("/dht/provider/cid/peer"), new Uint8Array(200)), /bytes/u);
});

test("a configuration that cannot work is CONFIG_INVALID", () => {
  const bad = [
    { listen: ["127.0.0.1:4801"] },
    { profile: "lan", bootstrap: ["/ip4/127.0.0.1/tcp/1"] },
    { profile: "private" },
  ] as const;
  for (const options of bad) assert.throws(() => libp2p(options), hasCode("CONFIG_INVALID"));
  libp2p({ profile: "testnet", bootstrap: ["/ip4/127.0.0.1/tcp/1"] });
});

test("a taken port is PORT_IN_USE", async () => {
  const first = await startTransport(libp2p());
  try {
    const listen = [first.addresses()[0]!.replace(/\/p2p\/.*/u, "")];
    await assert.rejects(startTransport(libp2p({ listen })), hasCode("PORT_IN_USE"));
  } finally {
    await first.stop({ deadlineMs: 1_000 });
  }
});

test("a bootstrap without PeerId is dialled in the testnet", async () => {
  const [a, b] = [await startTransport(libp2p()), await startTransport(libp2p())];
  try {
    const link = await a.dial({ addresses: [b.addresses()[0]!.replace(/\/p2p\/.*/u, "")] }, wait);
    assert.equal(link.peerId, b.peerId);
  } finally {
    await Promise.all([a.stop({ deadlineMs: 1_000 }), b.stop({ deadlineMs: 1_000 })]);
  }
});
