/** Keys that hand over to keys. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canonicalBytes,
  chainOf,
  type Continuity,
  type ContinuityTerms,
  currentId,
  extendChain,
  type JsonObject,
  keyHash,
  nobleEngine,
  openContinuity,
  openEnvelope,
  seal,
  signContinuity,
  signedBytes,
  startChain,
  toBase64,
} from "@gridmesh/protocol";
import { countingRandom, signerOf } from "./keys.ts";

const NOW = 1_800_000_000;
const YEARS = 10 * 365 * 86_400;
const random = countingRandom();
const keys = [0, 1, 2, 3, 4].map(signerOf);
const [a, b, c, d] = keys as [
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
];
const context = { network: "test", engine: nobleEngine, nowS: NOW };

function handover(
  from: ReturnType<typeof signerOf>,
  to: ReturnType<typeof signerOf>,
  more: Partial<ContinuityTerms> = {},
) {
  return signContinuity({
    network: "test",
    subject: "node",
    oldSigner: from,
    newSigner: to,
    seq: 1,
    reason: "routine",
    notBeforeS: NOW,
    nowS: NOW,
    random,
    ...more,
  });
}

const opened = (...terms: Parameters<typeof handover>): Continuity =>
  openContinuity(handover(...terms), context);

test("a handover is signed by both keys and proven whoever brings it, years later", () => {
  const message = handover(a, b);
  const late = openContinuity(message, { ...context, nowS: NOW + YEARS });
  assert.equal(late.old_id, a.agentId);
  assert.equal(late.new_id, b.agentId);
  assert.deepEqual(late.message, message);
  const brought = openEnvelope(canonicalBytes(message), {
    ...context,
    nowS: NOW + YEARS,
    isMine: () => false,
    nonceSeen: () => true,
    peerId: "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB",
  });
  assert.deepEqual([brought.type, brought.isLive], ["key_continuity", false]);
});

test("the new key signs the same bytes without both signatures", () => {
  const { signature: _old, new_key_signature: shown, ...rest } = handover(a, b) as JsonObject;
  assert.equal(shown, toBase64(b.sign(signedBytes("key_continuity", "test", rest))));
});

test("a handover that either key did not sign, or for another network, is SIGNATURE_INVALID", () => {
  const message = handover(a, b);
  const other = handover(a, c);
  const stolen = { ...message, new_key_signature: other["new_key_signature"] ?? "" };
  const resigned = seal(
    {
      type: "key_continuity",
      recipient_id: "*",
      subject: "node",
      new_id: b.agentId,
      seq: 1,
      reason: "routine",
      not_before: NOW,
      new_key_signature: toBase64(c.sign(new Uint8Array(8))),
    },
    { network: "test", signer: a, nowS: NOW, random },
  );
  for (const it of [stolen, { ...message, seq: 2 }, { ...message, new_id: c.agentId }, resigned]) {
    assert.throws(() => openContinuity(it, context), { code: "SIGNATURE_INVALID" });
  }
  assert.throws(() => openContinuity(message, { ...context, network: "other" }), {
    code: "SIGNATURE_INVALID",
  });
});

test("a key cannot hand over to itself, and another message hands over nothing", () => {
  assert.throws(() => opened(a, a), { code: "RECORD_INVALID" });
  const record = { ...handover(a, b), type: "heartbeat" };
  assert.throws(() => openContinuity(record, context));
});

test("a chain follows one handover after another and counts those in force", () => {
  const links = [
    opened(a, b),
    opened(b, c, { seq: 2, reason: "compromise" }),
    opened(c, d, { seq: 3, notBeforeS: NOW + 100 }),
  ];
  const chain = chainOf(startChain(a.agentId), links.toReversed());
  assert.deepEqual(
    chain.links.map(({ new_id: id }) => id),
    [b.agentId, c.agentId, d.agentId],
  );
  assert.equal(currentId(chain, NOW - 1), a.agentId);
  assert.equal(currentId(chain, NOW), c.agentId);
  assert.equal(currentId(chain, NOW + 100), d.agentId);
});

test("the same handover told again, or signed again, changes nothing", () => {
  const chain = extendChain(startChain(a.agentId), opened(a, b));
  assert.equal(extendChain(chain, opened(a, b)), chain);
  assert.equal(extendChain(chain, opened(a, b, { nowS: NOW + 5 })), chain);
});

test("two successors of one key, or two contents of one seq, are EQUIVOCATION", () => {
  const chain = extendChain(startChain(a.agentId), opened(a, b));
  const rivals = [opened(a, c), opened(a, c, { seq: 2 }), opened(a, b, { reason: "compromise" })];
  for (const rival of rivals) assert.throws(() => extendChain(chain, rival), { code: "EQUIVOCATION" });
});

test("a stranger's handover of the same seq is of another chain, and proves nothing against this one", () => {
  const chain = extendChain(startChain(a.agentId), opened(a, b));
  assert.throws(() => extendChain(chain, opened(c, d)), { code: "RECORD_OUTDATED" });
});

test("a gap, another chain, a subject that changes and a key that comes back are refused", () => {
  const chain = extendChain(startChain(a.agentId), opened(a, b));
  assert.throws(() => extendChain(chain, opened(b, c, { seq: 3 })), { code: "RECORD_OUTDATED" });
  assert.throws(() => extendChain(chain, opened(c, d, { seq: 2 })), { code: "RECORD_OUTDATED" });
  assert.throws(() => extendChain(chain, opened(b, c, { seq: 2, subject: "agent" })), {
    code: "RECORD_INVALID",
  });
  assert.throws(() => extendChain(chain, opened(b, a, { seq: 2 })), { code: "RECORD_INVALID" });
});

test("who announced the hash of its next key can hand over to no other", () => {
  const start = startChain(a.agentId, keyHash(b.publicKey));
  assert.throws(() => extendChain(start, opened(a, c)), { code: "IDENTITY_MISMATCH" });
  const chain = extendChain(start, opened(a, b, { nextKeyHash: keyHash(c.publicKey) }));
  assert.throws(() => extendChain(chain, opened(b, d, { seq: 2 })), { code: "IDENTITY_MISMATCH" });
  const longer = extendChain(chain, opened(b, c, { seq: 2 }));
  assert.doesNotThrow(() => extendChain(longer, opened(c, d, { seq: 3 })), "it announced nothing further");
  assert.throws(
    () => extendChain(longer, opened(a, d)),
    { code: "IDENTITY_MISMATCH" },
    "a thief is no rival",
  );
});
