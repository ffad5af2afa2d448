/** One rule, two engines, the same verdict on everything. */

import assert from "node:assert/strict";
import { createPrivateKey, sign } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { nobleEngine, passesGate } from "@gridmesh/protocol";
import { signerOf } from "../../protocol/test/keys.ts";
import { fuzzSignatures } from "../../protocol/test/signature-fuzz.ts";
import { mixedOrderCase, withOrderAdded } from "../../protocol/test/mixed-order.ts";
import { nodeEngine } from "../src/gate/engine.ts";

const DATA = new URL("../../../../shared/data/crypto/", import.meta.url);
const absent = existsSync(DATA) ? false : "signature vectors are not on this machine";

interface Vector {
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  readonly publicKey: Uint8Array;
}

const engine = nodeEngine();
const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const utf8 = (text: string) => new TextEncoder().encode(text);
const load = (path: string): unknown => JSON.parse(readFileSync(new URL(path, DATA), "utf8"));

/** The verdict both engines agree on. */
function verdict({ signature, message, publicKey }: Vector): boolean {
  const ours = engine(signature, message, publicKey);
  const portable = nobleEngine(signature, message, publicKey);
  assert.equal(ours, portable, `the engines disagree on ${Buffer.from(signature).toString("hex")}`);
  return ours;
}

test("Wycheproof: 88 of 151 hold, exactly the valid ones", { skip: absent }, () => {
  const { testGroups } = load("wycheproof/ed25519_test.json") as {
    testGroups: { publicKey: { pk: string }; tests: { msg: string; sig: string; result: string }[] }[];
  };
  const cases = testGroups.flatMap(({ publicKey, tests }) =>
    tests.map((it) => ({
      vector: { signature: hex(it.sig), message: hex(it.msg), publicKey: hex(publicKey.pk) },
      valid: it.result === "valid",
    })),
  );
  assert.equal(cases.length, 151);
  for (const { vector, valid } of cases) assert.equal(verdict(vector), valid);
  assert.equal(cases.filter(({ valid }) => valid).length, 88);
  const gated = cases.filter(({ vector }) => !passesGate(vector.signature, vector.publicKey));
  assert.equal(gated.length, 41);
});

test("ZIP-215: none of 196 passes the gate", { skip: absent }, () => {
  const cases = load("noble-ed25519/zip215.json") as { vk_bytes: string; sig_bytes: string }[];
  assert.equal(cases.length, 196);
  for (const it of cases) {
    const vector = { signature: hex(it.sig_bytes), message: utf8("Zcash"), publicKey: hex(it.vk_bytes) };
    assert.equal(passesGate(vector.signature, vector.publicKey), false);
    assert.equal(verdict(vector), false);
  }
});

test("RFC 8032: 4 of 4 hold and are signed the same", { skip: absent }, () => {
  const cases = load("noble-ed25519/rfc8032-ed25519.json") as {
    priv: string;
    pub: string;
    msg: string;
    sig: string;
  }[];
  assert.equal(cases.length, 4);
  for (const it of cases) {
    assert.ok(verdict({ signature: hex(it.sig), message: hex(it.msg), publicKey: hex(it.pub) }));
    const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), hex(it.priv)]);
    const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    assert.equal(sign(null, hex(it.msg), key).toString("hex"), it.sig);
  }
});

test("a key of mixed order holds exactly when the torsion is multiplied away", () => {
  const cases = Array.from({ length: 200 }, (_, seed) => mixedOrderCase(seed, "key"));
  for (const it of cases) assert.equal(verdict(it), it.holds);
  const held = cases.filter(({ holds }) => holds).length;
  assert.ok(held > 10 && held < 45, `${held} of 200 held, about 25 should`);
});

test("torsion on R alone never holds, on both points only when it cancels", () => {
  for (let seed = 0; seed < 50; seed++) assert.equal(verdict(mixedOrderCase(seed, "nonce")), false);
  const both = Array.from({ length: 100 }, (_, seed) => mixedOrderCase(seed, "both"));
  for (const it of both) assert.equal(verdict(it), it.holds);
  assert.ok(both.some(({ holds }) => holds));
});

test("nothing holds under the identity key", () => {
  const identity = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 1 : 0));
  const signature = Uint8Array.from([...identity, ...new Uint8Array(32)]);
  for (let i = 0; i < 200; i++) {
    assert.equal(verdict({ signature, message: utf8(`message ${i}`), publicKey: identity }), false);
  }
});

test("S + L is refused though the equation holds", () => {
  const signer = signerOf(9);
  for (let i = 0; i < 1_000; i++) {
    const message = utf8(`message ${i}`);
    const signature = signer.sign(message);
    const changed = withOrderAdded(signature);
    assert.ok(changed);
    assert.equal(passesGate(changed, signer.publicKey), false);
    assert.equal(verdict({ signature: changed, message, publicKey: signer.publicKey }), false);
  }
});

test("1,000 honest, bent and cut signatures get one verdict", () => {
  const { held, disagreed } = fuzzSignatures({ cases: 1_000, seed: 1, engines: [engine, nobleEngine] });
  assert.deepEqual([held, disagreed], [200, 0]);
});

test("the engine still answers right after more signers than it keeps keys for", () => {
  const small = nodeEngine();
  const message = utf8("again");
  const first = signerOf(3);
  const signature = first.sign(message);
  assert.ok(small(signature, message, first.publicKey));
  const other = signerOf(4);
  for (let i = 0; i < 4_200; i++) {
    const key = other.publicKey.slice();
    new DataView(key.buffer).setUint32(4, i);
    small(signature, message, key);
  }
  assert.ok(small(signature, message, first.publicKey));
});
