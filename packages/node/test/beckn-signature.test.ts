/** Beckn's header signatures against published and derived vectors, by both engines. */

import assert from "node:assert/strict";
import { createHash, createPrivateKey, sign } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  type BecknContext,
  becknDigest,
  becknV2,
  callbackBinding,
  checkParty,
  importedKey,
  isProtocolError,
  nobleEngine,
  parseAuthorization,
  signBeckn,
  signingString,
  verifyAuthorization,
  type VerifyEngine,
} from "@gridmesh/protocol";
import { signerOf } from "../../protocol/test/keys.ts";
import { nodeEngine } from "../src/gate/engine.ts";

const DATA = new URL("../../../../shared/data/beckn/", import.meta.url);
const absent = existsSync(new URL("signing-vectors.json", DATA))
  ? false
  : "Beckn's signing vectors are not on this machine";

interface Vector {
  readonly id: string;
  readonly body?: string;
  readonly bodyFile?: string;
  readonly seed?: string;
  readonly publicKey: string;
  readonly requestSignature?: string;
  readonly created: number;
  readonly expires: number;
  readonly digest: string;
  readonly signature: string;
  readonly header: string;
  readonly signingString: string;
  readonly input?: string;
}

interface LtsAck extends Vector {
  readonly requestDigest: string;
  readonly messageId: string;
  readonly bodyWithoutSignature: string;
  readonly counterSigningString: string;
  readonly counterSignature: string;
}

const engines: readonly [string, VerifyEngine][] = [
  ["node:crypto", nodeEngine()],
  ["noble", nobleEngine],
];

const file = absent
  ? { vectors: [], mustFail: [] }
  : (JSON.parse(readFileSync(new URL("signing-vectors.json", DATA), "utf8")) as {
      vectors: Vector[];
      mustFail: { id: string }[];
    });

const byId = (id: string): Vector => {
  const vector = file.vectors.find((entry) => entry.id === id);
  assert.ok(vector, id);
  return vector;
};
const utf8 = (text: string) => new TextEncoder().encode(text);
const bodyOf = (vector: Vector): Uint8Array =>
  vector.body === undefined
    ? new Uint8Array(readFileSync(new URL(vector.bodyFile ?? "", DATA)))
    : utf8(vector.body);
const keyOf = (vector: Vector) => () => new Uint8Array(Buffer.from(vector.publicKey, "base64"));

interface Attempt {
  readonly vector: Vector;
  readonly engine: VerifyEngine;
  readonly header?: string | undefined;
  readonly body?: Uint8Array;
  readonly nowS?: number;
  readonly publicKey?: Uint8Array;
  readonly requestSignature?: string | undefined;
}

function verify(attempt: Attempt) {
  const { vector, engine } = attempt;
  const { publicKey } = attempt;
  return verifyAuthorization(
    "header" in attempt ? attempt.header : vector.header,
    attempt.body ?? bodyOf(vector),
    {
      engine,
      nowS: attempt.nowS ?? vector.created,
      keyOf: publicKey ? () => publicKey : keyOf(vector),
      requestSignature: attempt.requestSignature ?? vector.requestSignature,
    },
  );
}

function refusedAs(attempt: Attempt, name = "AUT_SIGNATURE_INVALID") {
  assert.throws(
    () => verify(attempt),
    (error) => {
      assert.ok(isProtocolError(error), String(error));
      assert.equal(error.code, "BECKN_SIGNATURE_INVALID");
      assert.equal(error.data?.["beckn"], name);
      return true;
    },
  );
}

describe("vectors that hold", { skip: absent }, () => {
  test("the published digest of a sentence reproduces", () => {
    const vector = byId("blake2b-fox");
    assert.equal(becknDigest(utf8(vector.input ?? "")), vector.digest);
    assert.equal(
      createHash("blake2b512")
        .update(vector.input ?? "")
        .digest("base64"),
      vector.digest,
    );
  });

  for (const id of [
    "beckn-006-request",
    "derived-wave2-confirm",
    "derived-wave2-on-confirm-4line",
    "derived-onix-ack-4line",
    "derived-lts-ack",
  ]) {
    test(`${id} holds for both engines, line for line`, () => {
      const vector = byId(id);
      const { created, expires, requestSignature } = vector;
      const digest = becknDigest(bodyOf(vector));
      assert.equal(digest, vector.digest);
      assert.equal(signingString({ created, expires, digest }, { requestSignature }), vector.signingString);
      for (const [name, engine] of engines) {
        assert.equal(verify({ vector, engine }).signature, vector.signature, name);
      }
    });
  }

  test("the counter-signature inside a 2.0 ACK holds over its five lines", () => {
    const vector = byId("derived-lts-ack") as LtsAck;
    const body = utf8(vector.bodyWithoutSignature);
    const counter = { requestDigest: vector.requestDigest, messageId: vector.messageId };
    const { created, expires } = vector;
    const text = signingString({ created, expires, digest: becknDigest(body) }, { counter });
    assert.equal(text, vector.counterSigningString);
    for (const [, engine] of engines) {
      verifyAuthorization(vector.counterSignature, body, {
        engine,
        nowS: created,
        keyOf: keyOf(vector),
        counter,
      });
    }
  });
});

test("what we sign and answer under a partner's name is the vectors' bytes", { skip: absent }, () => {
  const asked = byId("derived-wave2-confirm");
  const ack = byId("derived-lts-ack") as LtsAck;
  const { subscriberId, keyId } = parseAuthorization(asked.header);
  const as = { subscriberId, keyId };
  const { seed, publicKey } = importedKey(Buffer.from(asked.seed ?? "", "base64"));
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
    format: "der",
    type: "pkcs8",
  });
  const signer = {
    agentId: "",
    publicKey,
    sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, key)),
  };
  assert.equal(signBeckn(bodyOf(asked), signer, { nowS: asked.created, as }), asked.header);
  const callback = byId("derived-wave2-on-confirm-4line");
  const { requestSignature } = callback;
  assert.equal(
    signBeckn(bodyOf(callback), signer, {
      nowS: callback.created,
      as,
      ...callbackBinding("beckn/2", requestSignature),
    }),
    callback.header,
  );
  const { requestDigest, messageId, created: nowS } = ack;
  const body = becknV2.encodeAck(undefined, { signer, as, nowS, requestDigest, messageId });
  assert.equal(new TextDecoder().decode(body), ack.body);
  assert.equal(signBeckn(body, signer, { nowS, as, requestSignature: ack.requestSignature }), ack.header);
});

describe("vectors that must fail", { skip: absent }, () => {
  const confirm = () => byId("derived-wave2-confirm");
  const onConfirm = () => byId("derived-wave2-on-confirm-4line");
  /** The header with `how` done to it. */
  const changed = (how: (header: string) => string) => (engine: VerifyEngine) => {
    const vector = confirm();
    const header = how(vector.header);
    assert.notEqual(header, vector.header);
    refusedAs({ vector, engine, header });
  };
  /** A signature by the vector's own key over another text. */
  const signWith = (vector: Vector, text: string) => {
    const der = Buffer.concat([
      Buffer.from("302e020100300506032b657004220420", "hex"),
      Buffer.from(vector.seed ?? "", "base64"),
    ]);
    const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    return sign(null, Buffer.from(text), key).toString("base64");
  };
  const resigned = (how: (text: string) => string) => (engine: VerifyEngine) => {
    const vector = confirm();
    assert.equal(signWith(vector, vector.signingString), vector.signature);
    const header = vector.header.replace(vector.signature, signWith(vector, how(vector.signingString)));
    refusedAs({ vector, engine, header });
  };

  const cases: Readonly<Record<string, (engine: VerifyEngine) => void>> = {
    "trailing-newline": resigned((text) => `${text}\n`),
    "digest-prefix": resigned((text) => text.replace("BLAKE-512=", "BLAKE2b-512=")),
    "other-body": (engine) => {
      const vector = confirm();
      refusedAs({ vector, engine, body: Buffer.concat([bodyOf(vector), Buffer.from(" ")]) });
    },
    reserialised: (engine) => {
      const vector = confirm();
      const text = Buffer.from(bodyOf(vector)).toString("utf8");
      refusedAs({ vector, engine, body: utf8(JSON.stringify(JSON.parse(text))) });
    },
    expired: (engine) => refusedAs({ vector: confirm(), engine, nowS: confirm().expires + 1 }),
    "from-the-future": (engine) => refusedAs({ vector: confirm(), engine, nowS: confirm().created - 6 }),
    "algorithm-mismatch": (engine) => {
      changed((header) => header.replace('|ed25519"', '|rsa"'))(engine);
      changed((header) => header.replace('algorithm="ed25519"', 'algorithm="rsa"'))(engine);
    },
    "one-bar-keyid": changed((header) =>
      header.replace(/keyId="[^"]*"/, 'keyId="bap.example.com/keys/k001|ed25519"'),
    ),
    "header-list-shortened": changed((header) =>
      header.replace('headers="(created) (expires) digest"', 'headers="(created) digest"'),
    ),
    "spaces-after-commas": changed((header) => header.replaceAll('",', '", ')),
    base64url: changed((header) =>
      header.replace(/signature="[^"]*"/, (text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    ),
    "s-plus-l": (engine) => {
      const vector = confirm();
      const bytes = Buffer.from(vector.signature, "base64");
      const order = 2n ** 252n + 27742317777372353535851937790883648493n;
      const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString("hex")}`) + order;
      const raised = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
      const signature = Buffer.concat([bytes.subarray(0, 32), raised]).toString("base64");
      refusedAs({ vector, engine, header: vector.header.replace(vector.signature, signature) });
    },
    "small-order-key": (engine) => {
      const smallOrder = new Uint8Array(32);
      smallOrder[0] = 1;
      refusedAs({ vector: confirm(), engine, publicKey: smallOrder });
    },
    "four-lines-other-request": (engine) =>
      refusedAs({ vector: onConfirm(), engine, requestSignature: onConfirm().signature }),
    "wrong-signer": (engine) => {
      const vector = confirm();
      const signer = verify({ vector, engine }).subscriberId;
      const { context } = JSON.parse(Buffer.from(bodyOf(vector)).toString("utf8")) as {
        context: { bapId: string; bppId: string };
      };
      assert.notEqual(context.bapId, signer);
      for (const action of ["confirm", "on_confirm"] as const) {
        const named = { ...context, action } as unknown as BecknContext;
        assert.throws(
          () => checkParty(named, signer),
          (error) =>
            isProtocolError(error) &&
            error.code === "IDENTITY_MISMATCH" &&
            error.data?.["beckn"] === "AUT_UNAUTHORIZED_ACTION",
        );
      }
      checkParty({ ...context, action: "confirm" } as unknown as BecknContext, context.bapId);
      checkParty({ ...context, action: "on_confirm" } as unknown as BecknContext, context.bppId);
    },
    missing: (engine) => refusedAs({ vector: confirm(), engine, header: undefined }, "AUT_SIGNATURE_MISSING"),
  };

  for (const [id, run] of Object.entries(cases)) {
    test(`${id} is refused by both engines`, () => {
      for (const [, engine] of engines) run(engine);
    });
  }

  test("every case of the list is tried here", () => {
    assert.equal(file.mustFail.length, 16);
    assert.deepEqual(file.mustFail.map((entry) => entry.id).sort(), Object.keys(cases).sort());
  });

  test("the later prefix of the digest is taken where an operator wants it, and nothing else with it", () => {
    const vector = confirm();
    const header = vector.header.replace(
      vector.signature,
      signWith(vector, vector.signingString.replace("BLAKE-512=", "BLAKE2b-512=")),
    );
    for (const [, engine] of engines) {
      const options = { engine, nowS: vector.created, keyOf: keyOf(vector), acceptNfhDigestPrefix: true };
      verifyAuthorization(header, bodyOf(vector), options);
      verifyAuthorization(vector.header, bodyOf(vector), options);
      assert.throws(() => verifyAuthorization(header, utf8("{}"), options));
    }
  });

  test("published keys in 32 and in 64 bytes are the same key; halves of two keys are none", () => {
    const official = Buffer.from(
      (byId("beckn-006-request") as { privateKey64?: string }).privateKey64 ?? "",
      "base64",
    );
    assert.equal(official.length, 64);
    const { seed, publicKey } = importedKey(official);
    assert.equal(Buffer.from(publicKey).toString("base64"), byId("beckn-006-request").publicKey);
    assert.deepEqual(importedKey(seed), { seed, publicKey });
    const kit = importedKey(Buffer.from(confirm().seed ?? "", "base64"));
    assert.equal(Buffer.from(kit.publicKey).toString("base64"), confirm().publicKey);
    assert.throws(() => importedKey(Buffer.concat([seed, kit.publicKey])), { code: "IDENTITY_MISMATCH" });
    assert.throws(() => importedKey(seed.subarray(1)), { code: "IDENTITY_MISMATCH" });
  });
});

test("what we sign verifies, names its own key, and lives 300 s", () => {
  const signer = signerOf(0);
  const body = utf8("{}");
  const text = signBeckn(body, signer, { nowS: 1_700_000_000 });
  const header = parseAuthorization(text);
  assert.equal(header.subscriberId, signer.agentId);
  assert.equal(header.expires - header.created, 300);
  for (const [, engine] of engines) {
    const options = { engine, keyOf: () => signer.publicKey };
    verifyAuthorization(text, body, { ...options, nowS: header.expires });
    assert.throws(() => verifyAuthorization(text, body, { ...options, nowS: header.expires + 1 }));
    assert.throws(() => verifyAuthorization(text, utf8("[]"), { ...options, nowS: header.created }));
  }
});
