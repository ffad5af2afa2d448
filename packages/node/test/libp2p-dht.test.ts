/** What strangers may leave in the DHT store, by its rules and over the wire. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { identify } from "@libp2p/identify";
import { kadDHT, passthroughMapper, type SingleKadDHT } from "@libp2p/kad-dht";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { Key } from "interface-datastore";
import { createLibp2p } from "libp2p";
import { CID } from "multiformats/cid";
import * as raw from "multiformats/codecs/raw";
import * as Digest from "multiformats/hashes/digest";
import { GuardedDatastore } from "../src/network/libp2p/guarded-datastore.ts";
import type { TransportParts } from "../src/network/libp2p/parts.ts";
import { rigged } from "./libp2p-rig.ts";
import { until, wait } from "./transport-fixture.ts";

const cidOf = (index: number) =>
  CID.createV1(raw.code, Digest.create(0x12, createHash("sha256").update(`${index}`).digest()));
const provider = (content: string | number, peer: string) => new Key(`/dht/provider/cid${content}/${peer}`);
const put = (store: GuardedDatastore, key: Key, bytes = 8) => store.put(key, new Uint8Array(bytes));

/** How many of the writes were taken. */
function taken(count: number, write: (index: number) => unknown): number {
  let kept = 0;
  for (let index = 0; index < count; index += 1) {
    try {
      void write(index);
      kept += 1;
    } catch {
      // Refused.
    }
  }
  return kept;
}

test("of three thousand records of one provider 256 are kept, overwrites and deletions counted by difference", async () => {
  const store = new GuardedDatastore();
  assert.equal(
    taken(3_000, (index) => put(store, provider(index, "one"))),
    256,
  );
  const bytes = store.recordBytes;
  void put(store, provider(0, "one"), 108);
  assert.equal(store.recordBytes, bytes + 100);
  void put(store, provider(0, "one"));
  assert.equal(store.recordBytes, bytes);
  assert.throws(() => put(store, provider(9_999, "one")), /provider-records/u);
  void store.delete(provider(0, "one"));
  void store.delete(provider(0, "one"));
  assert.equal(store.records, 255);
  void put(store, provider(9_999, "one"));
  for (let index = 1; index < 256; index += 1) void store.delete(provider(index, "one"));
  void store.delete(provider(9_999, "one"));
  assert.deepEqual([store.records, store.recordBytes], [0, 0]);
  assert.deepEqual(store.refused, { "provider-records": 2_745 });
  // A batch is no way around.
  const batch = store.batch();
  for (let index = 0; index < 300; index += 1) batch.put(provider(index, "two"), new Uint8Array(8));
  await assert.rejects(async () => await batch.commit(), /provider-records/u);
  assert.ok(store.records <= 256);
});

test("the store holds twenty thousand records and 32 MiB, whoever they are from", () => {
  const many = new GuardedDatastore();
  assert.equal(
    taken(20_100, (index) => put(many, provider(index, `peer${index}`))),
    20_000,
  );
  assert.deepEqual(many.refused, { records: 100 });
  const big = new GuardedDatastore();
  taken(40, (index) => put(big, provider(index, `peer${index}`), 1024 * 1024));
  assert.ok(big.recordBytes <= 32 * 1024 * 1024 && big.records === 31, `${big.records}`);
  assert.deepEqual(big.refused, { bytes: 9 });
});

test("values are refused, peers are bounded, and a look-up walks only what it asks for", async () => {
  const store = new GuardedDatastore({ peers: 10 });
  assert.equal(
    taken(200, (index) => put(store, new Key(`/dht/record/${index}`), 50_000)),
    0,
  );
  assert.deepEqual(store.refused, { value: 200 });
  for (let index = 0; index < 9; index += 1) void put(store, new Key(`/peers/peer${index}`));
  // Written again, the first is the latest.
  void put(store, new Key("/peers/peer0"));
  for (let index = 9; index < 12; index += 1) void put(store, new Key(`/peers/peer${index}`));
  const has = (index: number) => store.has(new Key(`/peers/peer${index}`));
  assert.deepEqual([has(0), has(1), has(2), has(3), has(11)], [true, false, false, true, true]);
  for (const peer of ["a", "b"]) for (const content of [1, 2, 12]) void put(store, provider(content, peer));
  const found = [];
  for await (const { key } of store.query({ prefix: "/dht/provider/cid1" })) found.push(key.toString());
  assert.deepEqual(found, ["/dht/provider/cid1/a", "/dht/provider/cid1/b"]);
  const all = [];
  for await (const { key } of store.query({ prefix: "/dht/provider" })) all.push(key.toString());
  assert.equal(all.length, 6);
});

test("over the wire: no value is taken under any name, and a stranger's 300 records leave 256", async () => {
  await using node = await rigged({ profile: "testnet" });
  const stranger = await createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({ protocol: "/gridmesh/kad/1", clientMode: false, peerInfoMapper: passthroughMapper }),
    },
  });
  try {
    await stranger.dial(node.transport.addresses().map((address) => multiaddr(address)));
    const { routingTable } = stranger.services.dht as unknown as SingleKadDHT;
    await until(() => routingTable.size > 0, "the node in the stranger's table");
    const names = ["constructor", "toString", "valueOf", "hasOwnProperty", "__proto__", "pk", "unknown", "v"];
    for (const name of names) {
      const signal = AbortSignal.timeout(5_000);
      const key = new TextEncoder().encode(`/${name}/x`);
      for await (const event of stranger.services.dht.put(key, Uint8Array.of(1), { signal })) {
        assert.notEqual(event.name, "VALUE");
      }
    }
    const records = [];
    for await (const { key } of node.parts.datastore.query({ prefix: "/dht/record" })) records.push(key);
    assert.deepEqual(records, []);
    assert.ok((node.transport.snapshot().refused["dht-value"] ?? 0) >= 5);

    const signal = AbortSignal.timeout(60_000);
    for (let index = 0; index < 300; index += 1) {
      for await (const _ of stranger.services.dht.provide(cidOf(index), { signal })) continue;
    }
    assert.equal(node.parts.datastore.records, 256);
    assert.equal(node.transport.snapshot().refused["dht-provider-records"], 44);
  } finally {
    await stranger.stop();
  }
});

test("a withdrawn record is told no more: libp2p forgets to repeat it", async () => {
  await using a = await rigged({ profile: "testnet" });
  await using b = await rigged({ profile: "testnet" });
  await a.transport.dial({ addresses: b.transport.addresses() }, wait);
  await until(() => a.transport.snapshot().dht?.tablePeers === 1, "a table entry");
  const key = new Uint8Array(createHash("sha256").update("word").digest());
  await a.transport.provide(key, wait);
  assert.equal(a.parts.datastore.records, 1);
  await a.transport.withdraw(key);
  assert.equal(a.parts.datastore.records, 0);
  // It lives on elsewhere until its time is over.
  assert.equal(b.parts.datastore.records, 1);
});

test("in a small network a word is told without a walk; a newcomer is walked to once, and told as well", async () => {
  await using a = await rigged({ profile: "testnet" });
  await using b = await rigged({ profile: "testnet" });
  await using c = await rigged({ profile: "testnet" });
  const { routing, walks } = countWalks(a.parts);
  const keyOf = (word: string) => new Uint8Array(createHash("sha256").update(word).digest());
  await a.transport.dial({ addresses: b.transport.addresses() }, wait);
  await until(() => routing.size === 1, "the first in the table");
  for (const word of ["one", "two", "three"]) await a.transport.provide(keyOf(word), wait);
  assert.equal(walks(), 1);
  await until(() => b.parts.datastore.records === 3, "three records");

  await a.transport.dial({ addresses: c.transport.addresses() }, wait);
  await until(() => routing.size === 2, "the newcomer in the table");
  for (const word of ["four", "five"]) await a.transport.provide(keyOf(word), wait);
  assert.equal(walks(), 2);
  await until(() => b.parts.datastore.records === 5 && c.parts.datastore.records === 2, "both were told");

  // Who is gone costs no word its time.
  await c.transport.stop({ deadlineMs: 2_000 });
  await a.transport.provide(keyOf("six"), wait);
  await until(() => b.parts.datastore.records === 6, "a record more");
});

/** Walks to words, whose keys are hashes; the table's own walks are to PeerIds. */
function countWalks({ node }: TransportParts) {
  const service = node.services.dht as unknown as SingleKadDHT & { readonly peerRouting: Walking };
  const { peerRouting } = service;
  const walk = peerRouting.getClosestPeers.bind(peerRouting);
  let walks = 0;
  peerRouting.getClosestPeers = (key, options) => {
    if (key[0] === 0x12) walks += 1;
    return walk(key, options);
  };
  return { routing: service.routingTable, walks: () => walks };
}

type Walking = Pick<SingleKadDHT, "getClosestPeers">;
