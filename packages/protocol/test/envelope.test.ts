/** The ladder of a received message: what falls off, at which rung, with which code. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type AgentBinding,
  canonicalBytes,
  isProtocolError,
  type MessageDraft,
  messageSchemas,
  NonceTable,
  nobleEngine,
  type OpenContext,
  openEnvelope,
  peerIdFromKey,
  seal,
  type SealOptions,
  signBinding,
  signDocument,
  verifyDocument,
} from "@gridmesh/protocol";
import { countingRandom, signerOf } from "./keys.ts";

const NOW = 1_800_000_000;
const node = signerOf(0);
const agent = signerOf(1);
const stranger = signerOf(2);
const nodePeerId = peerIdFromKey(node.publicKey);
const me = peerIdFromKey(stranger.publicKey);
const random = countingRandom();

const heartbeat = {
  type: "heartbeat",
  recipient_id: me,
  status: "healthy",
  active_tasks: 3,
  available_capacity: 0.6,
  uptime_seconds: 86_400,
};
const query = { type: "trade_query", recipient_id: me, orderIds: ["o1"] };

const sealing: SealOptions = { network: "test", signer: node, nowS: NOW, random };
const opening: OpenContext = {
  network: "test",
  engine: nobleEngine,
  nowS: NOW,
  isMine: (id) => id === me,
  peerId: nodePeerId,
};

const sealed = (draft: MessageDraft = heartbeat, options: Partial<SealOptions> = {}) =>
  seal(draft, { ...sealing, ...options });
const open = (message: object, context: Partial<OpenContext> = {}) =>
  openEnvelope(canonicalBytes(message), { ...opening, ...context });
const boundTo = (peerId: string, notAfterS = NOW + 3_600): AgentBinding =>
  signBinding({ network: "test", peerId, name: "solar", notAfterS, signer: agent });

test("a sealed message opens to what was said", () => {
  const message = sealed();
  const opened = open(message);
  assert.equal(opened.signerId, node.agentId);
  assert.equal(opened.messageId, message.message_id);
  assert.equal(opened.nonce, message.nonce);
  assert.equal(opened.isLive, true);
  assert.equal(open(message, { live: false }).isLive, false);
  assert.deepEqual(opened.body, {
    status: "healthy",
    active_tasks: 3,
    available_capacity: 0.6,
    uptime_seconds: 86_400,
  });
  assert.match(message.message_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
});

test("a changed or injected field, another signer and another network break the signature", () => {
  const message = sealed();
  const forged = [
    { ...message, available_capacity: 0.600_000_01 },
    { ...message, timestamp: NOW + 1 },
    { ...message, extra: { "vendor.name": 1 } },
    { ...message, nonce: sealed().nonce },
    { ...message, signature: sealed().signature },
  ];
  for (const it of forged) assert.throws(() => open(it), { code: "SIGNATURE_INVALID" });
  assert.throws(() => open({ ...message, agent_id: stranger.agentId }, { peerId: me }), {
    code: "SIGNATURE_INVALID",
  });
  assert.throws(() => open(message, { network: "other" }), { code: "SIGNATURE_INVALID" });
});

test("the signature of one type does not hold for another", () => {
  const spoken = messageSchemas.get("heartbeat");
  assert.ok(spoken);
  const schemas = new Map([
    ["heartbeat", spoken],
    ["pulse", spoken],
  ]);
  const message = sealed();
  assert.equal(open(message, { schemas }).type, "heartbeat");
  assert.throws(() => open({ ...message, type: "pulse" }, { schemas }), { code: "SIGNATURE_INVALID" });
});

test("an unknown field is refused, but for a newer minor it is kept and not read", () => {
  const message = sealed({ ...heartbeat, mood: "good" });
  assert.throws(() => open(message), { code: "SCHEMA_INVALID" });
  const newer = open(sealed({ ...heartbeat, mood: "good" }, { version: "1.2" }));
  assert.equal(newer.message["mood"], "good");
  assert.equal(newer.body["mood"], undefined);
  assert.throws(() => open(sealed(heartbeat, { version: "2.0" })), { code: "VERSION_UNSUPPORTED" });
});

test("a message for somebody else is RECIPIENT_WRONG", () => {
  assert.throws(() => open(sealed({ ...heartbeat, recipient_id: nodePeerId })), { code: "RECIPIENT_WRONG" });
  assert.throws(() => open(sealed({ ...heartbeat, recipient_id: "*" })), { code: "RECIPIENT_WRONG" });
});

test("60 seconds either way are fresh, 61 are stale", () => {
  const message = sealed();
  for (const nowS of [NOW - 60, NOW + 60]) assert.doesNotThrow(() => open(message, { nowS }));
  for (const nowS of [NOW - 61, NOW + 61]) {
    assert.throws(
      () => open(message, { nowS }),
      (error: unknown) =>
        isProtocolError(error) && error.code === "MESSAGE_STALE" && error.data?.["now"] === nowS,
    );
  }
});

test("a replay is told apart once the nonce is stored, and a forger stores nothing", () => {
  const table = new NonceTable();
  const message = sealed();
  const context = { nonceSeen: (signerId: string, nonce: string) => table.has(signerId, nonce) };
  const forged = { ...message, active_tasks: 4 };
  assert.throws(() => open(forged, context), { code: "SIGNATURE_INVALID" });
  assert.equal(table.size, 0);
  const opened = open(message, context);
  table.add(opened.signerId, opened.nonce, NOW);
  assert.throws(() => open(message, context), { code: "MESSAGE_REPLAYED" });
  assert.throws(() => open(forged, context), { code: "MESSAGE_REPLAYED" });
});

test("a bad header falls before anything is believed", () => {
  const message = sealed();
  const { nonce: _nonce, ...withoutNonce } = message;
  const cases: readonly [object, string][] = [
    [withoutNonce, "NONCE_INVALID"],
    [{ ...message, nonce: "AAAA" }, "NONCE_INVALID"],
    [{ ...message, nonce: `${"A".repeat(42)}B=` }, "NONCE_INVALID"],
    [{ ...message, message_id: "1" }, "MESSAGE_MALFORMED"],
    [{ ...message, timestamp: "now" }, "MESSAGE_MALFORMED"],
    [{ ...message, timestamp: 1.5 }, "MESSAGE_MALFORMED"],
    [{ ...message, signature: "x" }, "SIGNATURE_INVALID"],
    [{ ...message, trace: "x" }, "MESSAGE_MALFORMED"],
    [{ ...message, extra: { "a.b": "x".repeat(4_096) } }, "MESSAGE_MALFORMED"],
    [{ ...message, type: "weather" }, "TYPE_UNKNOWN"],
    [{ ...message, type: "ext:federated_learning_update" }, "EXTENSION_UNSUPPORTED"],
    [{ ...message, type: "__proto__x" }, "MESSAGE_MALFORMED"],
    [{ ...message, agent_id: "ed25519:abc" }, "IDENTITY_MISMATCH"],
    [{ ...message, agent_id: 7 }, "MESSAGE_MALFORMED"],
    [[message], "MESSAGE_MALFORMED"],
  ];
  for (const [it, code] of cases) assert.throws(() => open(it), { code });
});

test("an agent speaks only through the node it is bound to", () => {
  const fromAgent = { signer: agent };
  assert.throws(() => open(sealed(query, fromAgent)), { code: "BINDING_INVALID" });
  const binding = boundTo(nodePeerId);
  const opened = open(sealed(query, { ...fromAgent, binding }));
  assert.deepEqual(opened.binding, binding);
  assert.doesNotThrow(() => open(sealed(query, fromAgent), { bindingFor: () => binding }));
  const elsewhere = sealed(query, { ...fromAgent, binding: boundTo(me) });
  assert.throws(() => open(elsewhere), { code: "BINDING_INVALID" });
  const expired = sealed(query, { ...fromAgent, binding: boundTo(nodePeerId, NOW) });
  assert.throws(() => open(expired), { code: "BINDING_EXPIRED" });
  const tooLong = sealed(query, { ...fromAgent, binding: boundTo(nodePeerId, NOW + 91 * 86_400) });
  assert.throws(() => open(tooLong), { code: "BINDING_INVALID" });
  const forged = sealed(query, { ...fromAgent, binding: { ...binding, name: "wind" } });
  assert.throws(() => open(forged), { code: "BINDING_INVALID" });
  const foreign = sealed(query, { signer: stranger, binding });
  assert.throws(() => open(foreign), { code: "BINDING_INVALID" });
  assert.throws(() => open(sealed(query, fromAgent), { bindingFor: () => boundTo(nodePeerId, NOW - 1) }), {
    code: "BINDING_EXPIRED",
  });
});

test("an advertisement always carries its binding, and as a record outlives its minute", () => {
  const advertisement = {
    type: "capability_advertisement",
    recipient_id: "*",
    name: "solar",
    status: "available",
    seq: 1,
    valid_until: NOW + 180,
    capabilities: { "energy.sell": {} },
  };
  const everybody = { isMine: (id: string) => id === "*", peerId: undefined };
  assert.throws(() => open(sealed(advertisement, { signer: agent }), everybody), { code: "BINDING_INVALID" });
  const message = sealed(advertisement, { signer: agent, binding: boundTo(nodePeerId) });
  assert.equal(open(message, everybody).signerId, agent.agentId);
  assert.throws(() => open(message, { ...everybody, nowS: NOW + 120 }), { code: "MESSAGE_STALE" });
  assert.doesNotThrow(() => open(message, { ...everybody, nowS: NOW + 120, live: false }));
  const isPublished = (type: string) => type === "capability_advertisement";
  const onStream = { isPublished, nowS: NOW + 120, nonceSeen: () => true };
  assert.equal(open(message, onStream).recipientId, "*");
  const elsewhere = sealed(advertisement, { signer: agent, binding: boundTo(me) });
  assert.throws(() => open(elsewhere, onStream), { code: "BINDING_INVALID" });
  assert.throws(() => open(sealed({ ...heartbeat, recipient_id: "*" }), { isPublished }), {
    code: "RECIPIENT_WRONG",
  });
  const toMe = sealed(
    { ...advertisement, recipient_id: me },
    { signer: agent, binding: boundTo(nodePeerId) },
  );
  assert.throws(() => open(toMe, onStream), { code: "MESSAGE_STALE" });
});

test("a hello of another network is NETWORK_MISMATCH", () => {
  const hello = {
    type: "hello",
    recipient_id: me,
    supported_versions: ["1.1"],
    preferred_version: "1.1",
    required_features: [],
    optional_features: [],
    network: "other",
    software: "gridmesh",
  };
  assert.throws(() => open(sealed(hello, { network: "other" })), { code: "NETWORK_MISMATCH" });
});

test("sealing what no strict reader takes throws", () => {
  assert.throws(() => sealed({ ...heartbeat, active_tasks: 1e20 }), { code: "MESSAGE_MALFORMED" });
  assert.throws(() => sealed({ ...heartbeat, extra: { constructor: 1 } }), { code: "MESSAGE_MALFORMED" });
  assert.throws(() => sealed({ ...heartbeat, clock: undefined }), TypeError);
  assert.throws(() => sealed({ ...heartbeat, type: "weather" }), { code: "TYPE_UNKNOWN" });
});

test("a document holds under its own type, network and signer alone", () => {
  const signing = { type: "trade_receipt", network: "test", signer: agent };
  const document = signDocument({ seller: agent.agentId, amountMicro: 5 }, signing);
  const check = { type: "trade_receipt", network: "test", engine: nobleEngine, signerField: "seller" };
  assert.equal(verifyDocument(document, check), agent.agentId);
  const broken: readonly [object, object][] = [
    [{ ...document, amountMicro: 6 }, {}],
    [{ ...document, note: 1 }, {}],
    [document, { type: "trade_payment" }],
    [document, { network: "other" }],
    [{ ...document, seller: node.agentId }, {}],
  ];
  for (const [it, other] of broken) {
    assert.throws(() => verifyDocument({ ...it }, { ...check, ...other }), { code: "SIGNATURE_INVALID" });
  }
  assert.throws(() => verifyDocument(document, { ...check, signerField: "buyer" }), {
    code: "IDENTITY_MISMATCH",
  });
});

test("3,000 mutated messages fall with a code of the table, and none passes", () => {
  const original = canonicalBytes(sealed());
  const mutation = fc.tuple(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      const bytes = original.slice();
      for (const [at, change] of mutations) bytes[at] = (bytes[at] ?? 0) ^ change;
      fc.pre(mutations.length === 1 || Buffer.compare(bytes, original) !== 0);
      assert.throws(() => openEnvelope(bytes, opening), isProtocolError);
    }),
    { numRuns: 3_000 },
  );
});
