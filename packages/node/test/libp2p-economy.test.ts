import assert from "node:assert/strict";
import { test } from "node:test";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Peer, PeerStore } from "@libp2p/interface";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { keyFromSeed } from "../src/network/libp2p/key.ts";
import { spareProtocolWrites } from "../src/network/libp2p/peer-store.ts";

test("a seed gives the key that libp2p derives from it", async () => {
  const seed = Uint8Array.from({ length: 32 }, (_, at) => at * 7);
  const theirs = await generateKeyPairFromSeed("Ed25519", seed);
  const ours = keyFromSeed(seed);
  assert.ok(ours.equals(theirs));
  assert.deepEqual(ours.publicKey.raw, theirs.publicKey.raw);
  const message = Uint8Array.of(1, 2, 3);
  assert.ok(theirs.publicKey.verify(message, await ours.sign(message)));
});

test("a protocol is written into the peer store once, and again after it was taken back", async () => {
  const id = peerIdFromPrivateKey(keyFromSeed(new Uint8Array(32)));
  const writes: string[] = [];
  let protocols: string[] = [];
  const written = async (what: string, told: readonly string[] | undefined): Promise<Peer> => {
    writes.push(what);
    protocols = what === "merge" ? [...new Set([...protocols, ...(told ?? [])])] : [...(told ?? [])];
    return { id, addresses: [], metadata: new Map(), tags: new Map(), protocols };
  };
  // As much of a peer store as is written through.
  const store = {
    merge: (_id, data) => written("merge", data.protocols),
    patch: (_id, data) => written("patch", data.protocols),
    save: (_id, data) => written("save", data.protocols),
    delete: async () => {
      writes.push("delete");
    },
  } satisfies Partial<PeerStore> as Partial<PeerStore> as PeerStore;
  spareProtocolWrites(store);

  await store.merge(id, { protocols: ["/a"] });
  await store.merge(id, { protocols: ["/a"] });
  assert.deepEqual(writes, ["merge"]);
  assert.deepEqual((await store.merge(id, { protocols: ["/a", "/b"] })).protocols, ["/a", "/b"]);
  await store.merge(id, { protocols: ["/b"], tags: {} });
  assert.deepEqual(writes, ["merge", "merge", "merge"]);
  await store.patch(id, { protocols: ["/b"] });
  await store.merge(id, { protocols: ["/a"] });
  assert.deepEqual(writes.slice(3), ["patch", "merge"]);
  await store.delete(id);
  await store.merge(id, { protocols: ["/a"] });
  await store.save(id, { protocols: ["/c"] });
  await store.merge(id, { protocols: ["/c"] });
  assert.deepEqual(writes.slice(5), ["delete", "merge", "save"]);
});
