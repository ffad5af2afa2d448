import assert from "node:assert/strict";
import { test } from "node:test";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey, peerIdFromString } from "@libp2p/peer-id";
import { Key } from "interface-datastore";
import { GuardedDatastore } from "../../src/network/libp2p/guarded-datastore.ts";
import { type Rigged, rigged } from "../libp2p-rig.ts";

/** More peers than the store remembers. */
const STRANGERS = 10_050;

/** What the next peer says it speaks. */
function identified({ parts }: Rigged): Promise<readonly string[]> {
  return new Promise((resolve) => {
    parts.node.addEventListener("peer:identify", ({ detail }) => resolve(detail.protocols), { once: true });
  });
}

test(
  "a node that heard of ten thousand strangers still says who it is, and knows whom it is linked with",
  { timeout: 30_000 },
  async () => {
    await using node = await rigged();
    await using friend = await rigged();
    const { parts } = node;
    const friendId = peerIdFromString(friend.transport.peerId);
    const met = identified(node);
    await friend.transport.dial({ addresses: node.transport.addresses() }, { timeoutMs: 5_000 });
    await met;
    const stranger = peerIdFromPrivateKey(await generateKeyPair("Ed25519"))
      .toCID()
      .toString();
    for (let n = 0; n < STRANGERS; n += 1) {
      // Names that differ in their last letters are names of peers all the same.
      const tail = n
        .toString(32)
        .padStart(4, "0")
        .replace(/[0189]/gu, (digit) => "wxyz"["0189".indexOf(digit)] ?? "");
      await parts.datastore.put(new Key(`/peers/${stranger.slice(0, -4)}${tail}`), new Uint8Array([1]));
    }
    const own = await parts.node.peerStore.get(peerIdFromString(node.transport.peerId));
    assert.ok(own.protocols.length > 0);
    assert.ok((await parts.node.peerStore.get(friendId)).protocols.length > 0);
    await using late = await rigged();
    const told = identified(late);
    await late.transport.dial({ addresses: node.transport.addresses() }, { timeoutMs: 5_000 });
    assert.ok((await told).includes("/ipfs/ping/1.0.0"));
  },
);

test("a store of provider records that strangers filled takes the node's own", async () => {
  const store = new GuardedDatastore({ records: 10, bytes: 1_000 }, { peerId: "own" });
  for (let n = 0; n < 10; n += 1)
    await store.put(new Key(`/dht/provider/content${n}/peer${n}`), Buffer.alloc(8));
  assert.throws(() => store.put(new Key("/dht/provider/content/other"), Buffer.alloc(8)), /records/u);
  await store.put(new Key("/dht/provider/content/own"), Buffer.alloc(8));
  assert.equal(store.records, 11);
});
