/** One row of the table of gossip verdicts each: what is refused, by which code, and whether the relay is to blame. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, type JsonObject, ProtocolError, seal, signBinding } from "@gridmesh/protocol";
import { createBans } from "../src/gate/admit.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { createNonceMemory } from "../src/gate/fresh.ts";
import { createGossipGate, gossipPurposes, type GossipTopic } from "../src/gate/gossip.ts";
import { signedGossip } from "../src/gate/gossip-signed.ts";
import { createRateGate } from "../src/gate/rate-limit.ts";
import { identityFromSeed } from "../src/identity.ts";
import { nodeLimits } from "../src/limits.ts";
import { silentLog } from "../src/log.ts";
import type { Verdict } from "../src/network/index.ts";
import { memoryStore } from "../src/store/memory.ts";
import { manualClock, seededRandom } from "../src/testing/index.ts";

const NETWORK = "testnet";
const RELAY = identityFromSeed(new Uint8Array(32).fill(1)).peerId;
const author = identityFromSeed(new Uint8Array(32).fill(2));
const other = identityFromSeed(new Uint8Array(32).fill(3));

function rig() {
  const clock = manualClock();
  const random = seededRandom("gossip gate");
  const bans = createBans(memoryStore(), clock);
  const rates = createRateGate(clock);
  const gate = createGossipGate({ clock, log: silentLog(), bans, load: (priority) => rates.load(priority) });
  const nonces = createNonceMemory(memoryStore(), clock, (error) => assert.fail(String(error)));
  const seqs = new Map<string, { readonly seq: number; readonly load: unknown }>();
  const validate = gate.validator(
    signedGossip({
      purpose: gossipPurposes.capability,
      network: NETWORK,
      engine: nodeEngine(),
      clock,
      nonces,
      types: new Set(["capability_advertisement"]),
      take({ signerId, message }) {
        const {
          seq,
          load,
          valid_until: untilS,
        } = message as { seq: number; load: unknown; valid_until: number };
        const known = seqs.get(signerId);
        if (untilS * 1_000 < clock.nowMs()) throw new ProtocolError("RECORD_EXPIRED", "over");
        if (known !== undefined && seq < known.seq) throw new ProtocolError("RECORD_OUTDATED", "older");
        if (seq === known?.seq && load !== known.load)
          throw new ProtocolError("EQUIVOCATION", "two contents");
        seqs.set(signerId, { seq, load });
      },
    }),
  );
  const nowS = () => Math.floor(clock.nowMs() / 1000);
  const record = (fields: JsonObject = {}, by = author): JsonObject => {
    const { signer, peerId } = by;
    const binding = signBinding({
      network: NETWORK,
      peerId,
      signer,
      name: "home",
      notAfterS: nowS() + 1_000,
    });
    const draft = {
      type: "capability_advertisement",
      recipient_id: "*",
      name: "home",
      status: "available",
      seq: 5,
      valid_until: nowS() + 180,
      capabilities: {},
      ...fields,
    };
    return seal(draft, { network: NETWORK, signer, nowS: nowS(), random, binding });
  };
  const verdict = async (message: JsonObject | Uint8Array): Promise<readonly [Verdict, string]> => {
    const before = { ...gate.refused };
    const data = message instanceof Uint8Array ? message : canonicalBytes(message);
    const given = await validate(RELAY, data);
    const code = Object.keys(gate.refused).find((one) => gate.refused[one] !== (before[one] ?? 0));
    return [given, code ?? ""];
  };
  return { clock, bans, rates, gate, record, verdict, nowS };
}

test("what every correct relay would have refused is rejected, by its code", async () => {
  const { record, verdict } = rig();
  const good = record();
  const rows: readonly (readonly [string, JsonObject | Uint8Array])[] = [
    ["FRAME_TOO_LARGE", new Uint8Array(gossipPurposes.capability.maxBytes + 1)],
    ["MESSAGE_MALFORMED", new Uint8Array([0xff, 0xfe])],
    ["MESSAGE_MALFORMED", new TextEncoder().encode(` ${JSON.stringify(good)}`)],
    ["MESSAGE_MALFORMED", { ...good, message_id: "none" }],
    ["NONCE_INVALID", { ...good, nonce: "AAAA" }],
    ["SCHEMA_INVALID", record({ status: "asleep" })],
    ["SCHEMA_INVALID", record({ surplus: 1 })],
    ["RECIPIENT_WRONG", record({ recipient_id: author.peerId })],
    ["BINDING_INVALID", { ...good, binding: record({}, other)["binding"] ?? null }],
    ["IDENTITY_MISMATCH", { ...good, agent_id: "ed25519:nobody" }],
    ["SIGNATURE_INVALID", { ...good, load: 1 }],
    ["SIGNATURE_INVALID", { ...good, signature: "AAAA" }],
  ];
  for (const [code, message] of rows) assert.deepEqual(await verdict(message), ["reject", code]);
  assert.deepEqual(await verdict(good), ["accept", ""]);
});

test("time, repeats, versions of the past and policy are dropped, and no relay is blamed", async () => {
  const { clock, bans, record, verdict, nowS } = rig();
  const first = record();
  assert.deepEqual(await verdict(first), ["accept", ""]);
  assert.deepEqual(await verdict(first), ["ignore", "MESSAGE_REPLAYED"]);
  assert.deepEqual(await verdict(record({ seq: 4 })), ["ignore", "RECORD_OUTDATED"]);
  const heartbeat = { ...record(), type: "heartbeat" };
  assert.deepEqual(await verdict(heartbeat), ["ignore", "TYPE_UNKNOWN"]);
  const unheard = { ...record(), type: "ext:nobody.knows" };
  assert.equal((await verdict(unheard))[0], "ignore");
  const late = record({ seq: 6 });
  const over = record({ seq: 7, valid_until: nowS() + 20 });
  await clock.advance(30_000);
  assert.deepEqual(await verdict(over), ["ignore", "RECORD_EXPIRED"]);
  await clock.advance(31_000);
  assert.deepEqual(await verdict(late), ["ignore", "MESSAGE_STALE"]);
  assert.deepEqual(await verdict(first), ["ignore", "MESSAGE_STALE"], "61 s");
  for (const passedS of [179 - 61, 2]) {
    await clock.advance(passedS * 1_000);
    assert.deepEqual(await verdict(first), ["ignore", "MESSAGE_STALE"], "a replay at 179 and at 181 s");
  }
  assert.equal(bans.banned(RELAY), false);
});

test("a signer over its rate is dropped before its signature is checked, and a forger uses up nobody's rate", async () => {
  const { clock, record, verdict } = rig();
  for (let n = 0; n < 20; n += 1) {
    assert.equal((await verdict({ ...record({ seq: 10 + n }), load: 0.5 }))[0], "reject");
  }
  assert.deepEqual(await verdict(record({ seq: 40 })), ["accept", ""]);
  assert.deepEqual(await verdict(record({ seq: 41 })), ["accept", ""]);
  assert.deepEqual(await verdict(record({ seq: 42 })), ["ignore", "RATE_LIMITED"]);
  assert.deepEqual(await verdict({ ...record({ seq: 43 }), load: 1 }), ["ignore", "RATE_LIMITED"]);
  assert.deepEqual(await verdict(record({}, other)), ["accept", ""]);
  await clock.advance(5_000);
  assert.deepEqual(await verdict(record({ seq: 44 })), ["accept", ""]);
});

test("two contents under one number ban their signer for thirty days, not the relay", async () => {
  const { bans, record, verdict } = rig();
  assert.deepEqual(await verdict(record({ load: 0.1 })), ["accept", ""]);
  assert.deepEqual(await verdict(record({ load: 0.2 })), ["ignore", "EQUIVOCATION"]);
  assert.equal(bans.left(author.signer.agentId).data.retry_after_ms, 30 * 86_400_000);
  assert.equal(bans.banned(author.peerId), false, "the node it names has signed nothing");
  assert.equal(bans.banned(RELAY), false);
  assert.deepEqual(await verdict(record({ seq: 9 })), ["ignore", "PEER_BANNED"]);
});

test("whoever relays what is wrong again and again is banned", async () => {
  const { bans, record, verdict } = rig();
  for (let n = 0; n < 5; n += 1) await verdict({ ...record({ seq: n }), load: 1 });
  assert.equal(bans.banned(RELAY), true);
});

test("a full queue drops its oldest message, and what waited longer than 100 ms is dropped too", async () => {
  const { clock, bans, gate } = rig();
  let held: string[] = [];
  const slow: GossipTopic<{ readonly signerId: string }> = {
    purpose: { ...gossipPurposes.market, perSecond: 1e6, burst: 1e6 },
    open: (data) => ({ signerId: String(data[0]) }),
    take({ signerId }) {
      held.push(signerId);
      clockMs += 9;
    },
  };
  let clockMs = 0;
  const ticking = { ...clock, monotonicMs: () => clockMs };
  const busy = createGossipGate({ clock: ticking, log: silentLog(), bans, load: () => undefined });
  const validate = busy.validator(slow);
  const sent = Array.from({ length: nodeLimits.gossipQueue + 2 }, (_, n) =>
    validate(RELAY, Uint8Array.of(n % 251)),
  );
  const verdicts = await Promise.all(sent);
  assert.equal(verdicts[0], "accept");
  assert.equal(verdicts[1], "ignore");
  assert.equal(busy.refused["QUEUE_FULL"], 1);
  assert.ok((busy.refused["OVERLOADED"] ?? 0) > 900, "most of them waited too long");
  assert.equal(held.length + (busy.refused["OVERLOADED"] ?? 0) + 1, sent.length);
  held = [];
  assert.equal(gate.refused["QUEUE_FULL"], undefined);
});

test("under load the least urgent topics are dropped first", async () => {
  const { rates, record, verdict } = rig();
  for (let n = 0; n < 1_000; n += 1) rates.load("critical");
  assert.deepEqual(await verdict(record()), ["ignore", "OVERLOADED"]);
  assert.doesNotThrow(() => rates.load("normal"));
});
