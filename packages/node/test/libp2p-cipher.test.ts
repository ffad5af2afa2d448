/** The cipher of every connection speaks the same bytes as the library's own, and trusts no more than it. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { asCrypto } from "@libp2p/noise/crypto";
import { Uint8ArrayList } from "uint8arraylist";
import { keptKeyCrypto } from "../src/network/libp2p/cipher.ts";
import { rigged } from "./libp2p-rig.ts";
import { until } from "./transport-fixture.ts";

const ours = keptKeyCrypto();
const NONE = new Uint8Array(0);
const bytesOf = (seed: string, length: number) =>
  createHash("shake256", { outputLength: length }).update(seed).digest();

test("both ways between our cipher and the library's, at every length where either changes its way", () => {
  const key = bytesOf("key", 32);
  for (const length of [0, 1, 511, 512, 513, 1_199, 1_200, 65_519]) {
    const nonce = bytesOf(`nonce ${length}`, 12);
    const text = bytesOf(`text ${length}`, length);
    for (const ad of [NONE, bytesOf("ad", 32)]) {
      const sealed = ours.chaCha20Poly1305Encrypt(text, nonce, ad, key).subarray();
      assert.deepEqual(
        Buffer.from(sealed),
        Buffer.from(asCrypto.chaCha20Poly1305Encrypt(text, nonce, ad, key).subarray()),
      );
      const opened = ours.chaCha20Poly1305Decrypt(sealed, nonce, ad, key).subarray();
      assert.deepEqual(Buffer.from(opened), text);
    }
  }
});

test("a flipped bit, another key, nonce or associated byte opens nothing", () => {
  const [key, nonce, text] = [bytesOf("key", 32), bytesOf("nonce", 12), bytesOf("text", 2_000)];
  const sealed = ours.chaCha20Poly1305Encrypt(text, nonce, NONE, key).subarray();
  for (const at of [0, 1_000, sealed.length - 1]) {
    const broken = Uint8Array.from(sealed);
    broken[at] = (broken[at] ?? 0) ^ 1;
    assert.throws(() => ours.chaCha20Poly1305Decrypt(broken, nonce, NONE, key));
  }
  assert.throws(() => ours.chaCha20Poly1305Decrypt(sealed, nonce, NONE, bytesOf("another", 32)));
  assert.throws(() => ours.chaCha20Poly1305Decrypt(sealed, bytesOf("another", 12), NONE, key));
  assert.throws(() => ours.chaCha20Poly1305Decrypt(sealed, nonce, Uint8Array.of(1), key));
  assert.deepEqual(Buffer.from(ours.chaCha20Poly1305Decrypt(sealed, nonce, NONE, key).subarray()), text);
});

/** What a connection of the library has beyond its published type. */
interface Encrypted {
  readonly muxer: { readonly maConn: { readonly decoder: { lengthDecoder(bytes: unknown): number } } };
}

test("both ends of a connection read a message's length however it is cut, and make no error while they wait", async () => {
  await using dialer = await rigged({ dht: false });
  await using answerer = await rigged({ dht: false });
  await dialer.transport.dial({ addresses: answerer.transport.addresses() }, { timeoutMs: 30_000 });
  await until(() => answerer.transport.links().length === 1, "both see the link", 30_000);
  for (const { parts } of [dialer, answerer]) {
    const [connection] = parts.links.connections();
    const { decoder } = (connection as unknown as Encrypted).muxer.maConn;
    const lengthOf = (...pieces: readonly number[][]) =>
      decoder.lengthDecoder(new Uint8ArrayList(...pieces.map((piece) => Uint8Array.from(piece))));
    assert.equal(lengthOf([0x12, 0x34, 0x56]), 0x1234);
    assert.equal(lengthOf([0x12], [0x34]), 0x1234);
    assert.equal(lengthOf([0xff, 0xff]), 0xffff);
    assert.equal(decoder.lengthDecoder(Uint8Array.of(0x12, 0x34)), 0x1234);
    const thrown = [[], [0x12]].map((piece) => {
      try {
        return lengthOf(piece);
      } catch (error) {
        return error;
      }
    });
    // The library goes on waiting at this very kind of error.
    assert.ok(thrown[0] instanceof RangeError && thrown[0] === thrown[1]);
  }
});
