import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, type Continuity, keyHash, openContinuity } from "@gridmesh/protocol";
import { createBans } from "../src/gate/admit.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { gossipPurposes } from "../src/gate/gossip.ts";
import { type Identity, identityFromSeed } from "../src/identity.ts";
import { nodeLimits } from "../src/limits.ts";
import { withHandovers } from "../src/link/handovers.ts";
import { createSuccessions, type Succession } from "../src/link/successions.ts";
import { silentLog } from "../src/log.ts";
import { createStanding } from "../src/standing.ts";
import { memoryStore } from "../src/store/memory.ts";
import type { StateStore, StoredSuccession } from "../src/store/types.ts";
import { manualClock } from "../src/testing/manual-clock.ts";
import { NETWORK } from "./node-fixture.ts";
import { type HandoverChange, signedHandover } from "./succession-rig.ts";

const network = NETWORK;
const engine = nodeEngine();
const DAY_MS = 86_400_000;
const [a, b, c, d] = ["a", "b", "c", "d"].map((_name, n) =>
  identityFromSeed(new Uint8Array(32).fill(n + 1)),
) as [Identity, Identity, Identity, Identity];
const hashOf = (of: Identity) => keyHash(of.signer.publicKey);

/** A memory store that keeps successions as a disk does. */
function keepingStore(): StateStore {
  const rows = new Map<string, StoredSuccession>();
  return {
    ...memoryStore(),
    successions: (sinceMs) => [...rows.values()].filter(({ atMs }) => atMs >= sinceMs),
    saveSuccession: (row) => void rows.set(row.oldId, row),
    removeSuccession: (oldId) => void rows.delete(oldId),
  };
}

function bookOver(store = keepingStore(), clock = manualClock(), relied = "") {
  const bans = createBans(store, clock);
  const changes: Succession[] = [];
  const fatal: unknown[] = [];
  const options = {
    network,
    engine,
    store,
    clock,
    log: silentLog(),
    bans,
    onFatal: (e: unknown) => fatal.push(e),
    isRelied: (peerId: string) => peerId === relied,
  };
  const book = createSuccessions(options);
  book.onChange((change) => changes.push(change));
  const handover = (from: Identity, to: Identity, more: HandoverChange = {}): Continuity => {
    const nowS = Math.floor(clock.nowMs() / 1_000);
    return openContinuity(signedHandover(from, to, { nowS, ...more }), { network, engine, nowS });
  };
  return { store, clock, bans, book, changes, fatal, handover };
}

test("bans, strikes and offences of the old key stand against the new one", () => {
  const { bans, book, handover } = bookOver();
  bans.ban(a.peerId, "SCHEMA_INVALID", { forMs: 3_600_000 });
  for (let n = 0; n < 4; n += 1) bans.offence(a.signer.agentId, "SIGNATURE_INVALID");
  assert.equal(book.take(handover(a, b)), "followed");
  assert.ok(bans.banned(b.peerId));
  assert.deepEqual(bans.left(b.peerId), bans.left(a.peerId));
  assert.equal(Math.round(bans.points(b.signer.agentId)), 40);
  assert.equal(bans.points(a.signer.agentId), 0);
  assert.equal(book.currentPeerId(a.peerId), b.peerId);
  assert.equal(book.take(handover(a, b)), "known", "signed again it says the same");
});

test("the promise that was seen first stays, and each handover promises anew", () => {
  const { book, handover, changes } = bookOver();
  book.promise(a.signer.agentId, hashOf(b));
  book.promise(a.signer.agentId, hashOf(c));
  assert.equal(book.take(handover(a, c)), "refused");
  assert.equal(book.disputes().length, 1);
  assert.equal(book.take(handover(a, b, { nextKeyHash: hashOf(d) })), "followed");
  assert.deepEqual(book.disputes(), [], "the promised key has come");
  book.promise(b.signer.agentId, hashOf(c));
  assert.equal(book.take(handover(b, c, { seq: 2 })), "refused");
  assert.equal(book.take(handover(b, d, { seq: 2 })), "followed");
  assert.equal(book.currentPeerId(a.peerId), d.peerId);
  assert.equal(changes.length, 2);
});

test("of two successors neither is followed any more, the signer is banned for 30 days, and what moved goes back", async () => {
  const { book, bans, clock, handover, changes, store } = bookOver();
  assert.equal(book.take(handover(a, b)), "followed");
  assert.equal(book.take(handover(a, c)), "forked");
  assert.deepEqual(
    changes.map(({ newPeerId, undone }) => [newPeerId, undone]),
    [
      [b.peerId, false],
      [b.peerId, true],
    ],
  );
  assert.equal(book.currentPeerId(a.peerId), a.peerId);
  assert.equal(book.take(handover(a, d)), "known", "a third one is no news");
  assert.deepEqual(
    [b, c].map(({ peerId }) => bans.banned(peerId)),
    [false, false],
  );
  const again = bookOver(store, clock).book;
  assert.deepEqual([again.currentPeerId(a.peerId), again.take(handover(a, b))], [a.peerId, "known"]);

  assert.match(book.disputes()[0]?.text ?? "", new RegExp(`${b.peerId} and ${c.peerId}`));
  await clock.advance(30 * DAY_MS - 1_000);
  assert.equal(book.disputes().length, 1);
  await clock.advance(2_000);
  assert.deepEqual(book.disputes(), []);
});

test("a handover is followed on its day, also after a restart, and forgotten 400 days after its last news", async () => {
  const { book, clock, handover, store, changes } = bookOver();
  assert.equal(book.take(handover(a, b, { inS: 5 * 3_600 })), "kept");
  assert.equal(book.currentPeerId(a.peerId), a.peerId);
  book[Symbol.dispose]();
  const { book: restarted, changes: followed } = bookOver(store, clock);
  await clock.advance(5 * 3_600_000 - 1_000);
  assert.equal(followed.length, 0);
  await clock.advance(1_000);
  assert.deepEqual([followed.length, changes.length], [1, 0]);
  assert.equal(restarted.currentPeerId(a.peerId), b.peerId);
  await clock.advance(400 * DAY_MS - 6 * 3_600_000);
  assert.equal(bookOver(store, clock).book.currentPeerId(a.peerId), b.peerId);
  await clock.advance(DAY_MS);
  assert.equal(bookOver(store, clock).book.currentPeerId(a.peerId), a.peerId);
});

test("a key given up as stolen is banned, its successor is not", () => {
  const { book, bans, handover } = bookOver();
  assert.equal(book.take(handover(a, b, { reason: "compromise" })), "followed");
  const banned = [a, b].flatMap(({ peerId, signer }) =>
    [peerId, signer.agentId].map((id) => bans.banned(id)),
  );
  assert.deepEqual(banned, [false, true, false, false], "a key that never greeted is no peer");
  const { book: other, bans: theirs } = bookOver();
  other.promise(a.signer.agentId, hashOf(b));
  assert.equal(other.take(handover(a, b, { reason: "compromise" })), "followed");
  assert.deepEqual(
    [a.peerId, b.peerId].map((id) => theirs.banned(id)),
    [true, false],
  );
});

test("no key comes in two places, none comes back, and numbers follow each other", () => {
  const { book, handover } = bookOver();
  assert.equal(book.take(handover(a, c)), "followed");
  assert.equal(book.take(handover(b, c)), "refused");
  assert.equal(book.take(handover(c, a, { seq: 2 })), "refused");
  assert.equal(book.take(handover(c, d, { seq: 3 })), "refused");
  assert.equal(book.take(handover(c, d, { seq: 2 })), "followed");
});

test("a flood of strangers' handovers leaves promises, and disputes about relied-on peers, where they are", () => {
  const clock = manualClock();
  const store = keepingStore();
  const met = bookOver(store, clock).book;
  met.promise(d.signer.agentId, hashOf(c));
  for (let n = 0; n < nodeLimits.successions; n += 1) {
    const nothing = {
      promised: undefined,
      handover: undefined,
      rival: undefined,
      followed: false,
      told: false,
    };
    store.saveSuccession({ oldId: `ed25519:stranger${n}`, ...nothing, atMs: clock.nowMs() });
  }
  const { book, handover } = bookOver(store, clock, a.peerId);
  assert.equal(book.take(handover(a, b)), "followed");
  assert.equal(book.take(handover(a, c)), "forked");
  const keys = Array.from({ length: 260 }, (_unused, n) =>
    identityFromSeed(Uint8Array.from({ length: 32 }, (_byte, at) => (at < 2 ? (n >> (8 * at)) & 255 : 99))),
  );
  for (const [n, key] of keys.entries()) {
    const [next = key, third = key] = [keys[(n + 1) % keys.length], keys[(n + 2) % keys.length]];
    book.take(handover(key, next));
    book.take(handover(key, third));
  }
  assert.equal(store.successions(0).length, nodeLimits.successions);
  assert.equal(book.take(handover(d, a)), "refused", "the promise is known still");
  assert.ok(book.disputes().some(({ subject }) => subject === a.peerId));
  assert.equal(book.disputes().length, 256);
});

test("what settled trades are worth goes with the key of a peer, and back when it is disputed", () => {
  const { book, handover } = bookOver();
  const standing = createStanding();
  const settled = { finalAmountMicro: 1, counterpartyPeerId: a.peerId };
  using _watch = standing.watch(
    { orders: () => [settled, settled], onEvent: () => ({ [Symbol.dispose]() {} }) } as never,
    book,
  );
  assert.deepEqual(
    [a, b].map(({ peerId }) => standing.of(peerId)),
    [2, 0],
  );
  book.take(handover(a, b));
  assert.deepEqual(
    [a, b].map(({ peerId }) => standing.of(peerId)),
    [0, 2],
  );
  const restarted = createStanding();
  using _again = restarted.watch(
    { orders: () => [settled], onEvent: () => ({ [Symbol.dispose]() {} }) } as never,
    book,
  );
  assert.equal(restarted.of(b.peerId), 1, "after a restart the books name the old key");
  book.take(handover(a, c));
  assert.deepEqual(
    [a, b, c].map(({ peerId }) => standing.of(peerId)),
    [2, 0, 0],
  );
});

test("over gossip a handover is passed on once, the first rival too, and nobody is blamed for what he may not know", () => {
  const { book, handover, clock } = bookOver();
  const admitted: string[] = [];
  const records = {
    purpose: gossipPurposes.capability,
    open: (): { signerId: string } => assert.fail("a handover is no record"),
    take: () => assert.fail("a handover is no record"),
  };
  const topic = withHandovers(records, { network, engine, clock, successions: book });
  const hear = (continuity: Continuity) => {
    const proven = topic.open(canonicalBytes(continuity.message), (id) => admitted.push(id));
    topic.take(proven, "12D3KooWrelay");
  };
  book.take(handover(a, b));
  hear(handover(a, b));
  assert.throws(() => hear(handover(a, b)), { code: "RECORD_OUTDATED" });
  hear(handover(a, c));
  assert.equal(book.disputes().length, 1);
  book.promise(d.signer.agentId, hashOf(a));
  assert.throws(() => hear(handover(d, b)), { code: "RECORD_OUTDATED" });
  assert.deepEqual(
    admitted,
    [b, c, b].map(({ signer }) => signer.agentId),
  );
  const { message } = handover(b, d);
  const forged = canonicalBytes({ ...message, seq: 7 });
  assert.throws(() => topic.open(forged, () => undefined), { code: "SIGNATURE_INVALID" });
});
