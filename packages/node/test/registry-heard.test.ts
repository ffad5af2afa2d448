/** Records on gossip: each row of the table of verdicts, and hints that outlive a restart. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { canonicalBytes, type JsonObject } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { memory, memoryHub } from "../src/network/index.ts";
import { createAbsentMemory } from "../src/registry/absent.ts";
import { keepRecords } from "../src/registry/keep.ts";
import { openRecord } from "../src/registry/record.ts";
import { openStateStore } from "../src/store/sqlite.ts";
import { manualClock } from "../src/testing/index.ts";
import { echoAgent, eventually, NETWORK } from "./node-fixture.ts";
import { ear } from "./registry-ear.ts";
import { keyOf, messageOf, NET, recordOf } from "./registry-rig.ts";

test("each row of the table of verdicts has its record", async () => {
  const { clock, bans, cache, hear, made, nowS, equivocations } = ear();
  assert.equal(await hear(new Uint8Array(16_385)), "reject FRAME_TOO_LARGE");
  assert.equal(await hear(Buffer.from("{ }")), "reject MESSAGE_MALFORMED");
  assert.equal(await hear({ ...made(), nonce: "short" }), "reject NONCE_INVALID");
  assert.equal(await hear({ ...made(), type: "no_such_type" }), "ignore TYPE_UNKNOWN");
  assert.equal(await hear({ ...made(), seq: "one" }), "reject SCHEMA_INVALID");
  assert.equal(await hear({ ...made(), recipient_id: keyOf(5).peerId }), "reject RECIPIENT_WRONG");
  assert.equal(await hear(made({ nowS: nowS() - 180 })), "ignore RECORD_EXPIRED");
  assert.equal(
    await hear({ ...made(), binding: { ...(made()["binding"] as JsonObject), name: "x" } }),
    "reject BINDING_INVALID",
  );
  assert.equal(await hear({ ...made(), seq: 2 }), "reject SIGNATURE_INVALID");
  assert.equal(
    await hear(made({ validS: 90_000 })),
    "ignore RECORD_INVALID",
    "whose clock is off is nobody's fault",
  );
  assert.equal(cache.size, 0, "nothing of that was remembered");

  assert.equal(await hear(made({ seq: 2 })), "accept");
  assert.equal(await hear(made({ seq: 2 })), "ignore RECORD_OUTDATED", "once");
  assert.equal(await hear(made({ seq: 1 })), "ignore RECORD_OUTDATED");
  assert.equal(await hear(made({ seq: 3 })), "accept", "two at once pass");
  assert.equal(await hear(made({ seq: 4 })), "ignore RATE_LIMITED");
  await clock.advance(5_000);
  assert.equal(await hear(made({ seq: 4 })), "accept");
  await clock.advance(5_000);
  const first = recordOf({ nowS: nowS(), seq: 5 });
  assert.equal(await hear(first.bytes), "accept");
  await clock.advance(5_000);
  const second = made({ nowS: nowS() - 5, seq: 5, capabilities: ["other"] });
  assert.equal(await hear(second), "ignore EQUIVOCATION");
  assert.equal(bans.banned(first.record.agentId), true);
  assert.equal(bans.banned(first.record.nodeId), false, "the node it names has said nothing");
  assert.deepEqual(
    equivocations.list().map(({ seq, first: one, second: two }) => [seq, one, two]),
    [[5, first.bytes, canonicalBytes(second)]],
  );
  assert.equal(cache.size, 0);
  await clock.advance(5_000);
  assert.equal(await hear(made({ seq: 6 })), "ignore PEER_BANNED");
});

test("a record learnt over a link is still passed on, once", async () => {
  const { registry, hear, nowS } = ear();
  const { record, bytes } = recordOf({ nowS: nowS() });
  registry.take(record, true);
  assert.equal(await hear(bytes), "accept");
  assert.equal(await hear(bytes), "ignore RECORD_OUTDATED");
});

test("a full registry forwards nothing it cannot keep", async () => {
  const { hear, made } = ear();
  for (let agent = 0; agent < 256; agent += 1) assert.equal(await hear(made({ agent })), "accept");
  assert.equal(await hear(made({ agent: 300 })), "ignore REGISTRY_FULL");
});

test("an answer proves what its node told, and only that", async () => {
  const { registry, answerWith, made, nowS, bans, cache, clock } = ear();
  const node = keyOf(1_000).peerId;
  const fetch = async () => {
    await clock.advance(1);
    await registry.fetch(node, { timeoutMs: 1_000 });
  };
  answerWith({
    agents: [{ record: made({ agent: 1 }) }, { record: made({ agent: 2 }) }, { name: "none" }, 7],
  });
  await fetch();
  assert.equal(cache.confirmed, 2);
  answerWith({ agents: [{ record: made({ agent: 3, nodeId: keyOf(7).peerId }) }] });
  await fetch();
  assert.equal(cache.size, 2, "a record of another node");
  assert.equal(cache.rows().length, 0, "those it does not name any more are not there");
  answerWith({ agents: [{ record: made({ agent: 1, seq: 2 }) }] });
  await fetch();
  assert.equal(cache.rows().length, 1);
  assert.equal(bans.banned(node), false);
  answerWith({ agents: [{ record: made({ agent: 1, seq: 2, capabilities: ["two"], nowS: nowS() }) }] });
  await fetch();
  assert.equal(bans.banned(node), true, "told two contents by itself");
});

test("a peer without such an agent is not asked for it again within ten minutes", async () => {
  const { registry, answerWith, asked, clock, made, nowS } = ear();
  const drain = async (capability: string) => {
    for await (const _row of registry.find({ capability, timeoutMs: 1_000 })) assert.fail("nobody");
  };
  await drain("old");
  assert.equal(asked.length, 1, "a node that had one before the restart is asked");
  await drain("old");
  assert.equal(asked.length, 1);
  await clock.advance(600_000);
  await drain("old");
  assert.equal(asked.length, 2);
  registry.take(recordOf({ nowS: nowS(), capabilities: ["other"] }).record, true);
  answerWith({ agents: [{ record: made({ capabilities: ["old"], seq: 2 }) }] });
  const names: string[] = [];
  for await (const row of registry.find({ capability: "old", timeoutMs: 1_000 })) names.push(row.name);
  assert.deepEqual(names, ["agent-1"], "a peer that told of an agent since may have it again");
});

test("the memory of absence is bounded", () => {
  const clock = manualClock();
  const absent = createAbsentMemory(clock);
  for (let at = 0; at < 10_001; at += 1) absent.note(`peer ${at}`, "word");
  assert.deepEqual([absent.knows("peer 0", "word"), absent.knows("peer 10000", "word")], [false, true]);
  for (let at = 0; at < 33; at += 1) absent.note("one", `word ${at}`);
  assert.deepEqual([absent.knows("one", "word 0"), absent.knows("one", "word 32")], [false, true]);
});

test("records and proofs outlive a restart: those still valid are verified again, the others are hints", async () => {
  const home = await mkdtemp(join(tmpdir(), "records-"));
  try {
    const clock = manualClock();
    const nowS = () => Math.floor(clock.nowMs() / 1_000);
    const open = (bytes: Uint8Array) =>
      openRecord(bytes, { network: NET, engine: nodeEngine(), nowS: nowS() });
    const { record } = recordOf({ nowS: nowS(), agent: 1 });
    const forged = {
      ...recordOf({ nowS: nowS(), agent: 2 }).record,
      bytes: canonicalBytes({ ...messageOf({ nowS: nowS(), agent: 2 }), seq: 9 }),
    };
    const taken: string[] = [];
    const keep = (store: ReturnType<typeof openStateStore>) =>
      keepRecords({
        store,
        clock,
        open,
        take: (one) => void taken.push(one.name),
        records: () => [record, forged],
        onFatal: (error) => assert.fail(String(error)),
      });
    const first = openStateStore(home);
    keep(first)[Symbol.dispose]();
    const proof = {
      agentId: "a",
      nodeId: "n",
      confirmed: true,
      seq: 3,
      first: record.bytes,
      second: forged.bytes,
      atMs: 5,
    };
    for (let at = 0; at < 5; at += 1) first.saveEquivocation({ ...proof, agentId: `a${at}`, atMs: at }, 3);
    assert.ok(first.nextSeq("record", 1_000) === 1_000 && first.nextSeq("record", 7) === 1_001);
    first.close();

    const second = openStateStore(home);
    const again = keep(second);
    await eventually("the valid one is taken", () => taken.length > 0);
    assert.deepEqual(taken, ["agent-1"]);
    assert.deepEqual(again.remembered("energy"), [record.nodeId]);
    assert.deepEqual(again.remembered("heat"), []);
    again[Symbol.dispose]();
    const kept = second.equivocations();
    assert.deepEqual(
      kept.map(({ agentId }) => agentId),
      ["a2", "a3", "a4"],
    );
    assert.deepEqual(Buffer.from(kept[0]?.second ?? []), Buffer.from(forged.bytes));
    second.close();

    await clock.advance(3_600_000);
    taken.length = 0;
    const third = openStateStore(home);
    const later = keep(third);
    assert.deepEqual(later.remembered("energy.sell"), [record.nodeId], "as a hint");
    later[Symbol.dispose]();
    third.close();
    await clock.advance(24 * 3_600_000 + 1);
    const fourth = openStateStore(home);
    assert.deepEqual(keep(fourth).remembered("energy.sell"), [], "for a day");
    fourth.close();
    assert.deepEqual(taken, []);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

test("a node of the same key that lost its memory is believed at once", async () => {
  const hub = memoryHub({ seed: 91 });
  await using peer = await createNode({ network: memory({ hub }), networkName: NETWORK });
  const seed = new Uint8Array(32).fill(9);
  const start = (words: readonly string[]) =>
    createNode({
      network: memory({ hub, bootstrap: peer.addresses }),
      networkName: NETWORK,
      seed,
      agents: [echoAgent("same", words)],
    });
  const known = () => peer.registry.known()[0]?.capabilities.join();
  {
    await using _first = await start(["one"]);
    await eventually("the first is known", () => known() === "one");
  }
  await using _second = await start(["two"]);
  await eventually("the second is", () => known() === "two");
});
