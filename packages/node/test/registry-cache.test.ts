import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeLimits } from "../src/limits.ts";
import { createRecordCache, type RecordCache } from "../src/registry/cache.ts";
import type { AgentRecord } from "../src/registry/record.ts";
import { WordIndex } from "../src/registry/word-index.ts";
import { manualClock } from "../src/testing/index.ts";
import { failsWith, keyOf, recordOf } from "./registry-rig.ts";

function open() {
  const clock = manualClock();
  const links = new Map<string, number>();
  const cache = createRecordCache({ clock, linksHeard: () => links });
  const nowS = () => Math.floor(clock.nowMs() / 1_000);
  return { clock, links, cache, nowS };
}

/** Records in numbers, without a signature each. */
function like(record: AgentRecord, change: Partial<AgentRecord> & { agentId: string }): AgentRecord {
  return { ...record, name: change.agentId, hash: change.agentId, ...change };
}

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test("only a newer record replaces one, and two of one number are told apart", () => {
  const { clock, cache, nowS } = open();
  const made = (seq: number, capabilities = ["energy.sell"]) =>
    recordOf({ nowS: nowS(), seq, capabilities }).record;
  const first = made(5);
  assert.equal(cache.take(first), true);
  assert.equal(cache.take(first), false);
  failsWith("RECORD_OUTDATED", () => cache.take(made(4)));
  failsWith("EQUIVOCATION", () => cache.take(made(5, ["energy.buy"])));
  assert.equal(cache.take(made(6)), true);
  failsWith("RECORD_EXPIRED", () => {
    clock.shiftWall(200_000);
    cache.take(recordOf({ nowS: nowS() - 200, seq: 8 }).record);
  });
});

test("foreign keys that name a node take none of the places of its own agents", () => {
  const { cache, nowS } = open();
  const { record } = recordOf({ nowS: nowS() });
  for (let at = 0; at < nodeLimits.recordsPerNode; at += 1)
    cache.take(like(record, { agentId: `forged-${at}` }));
  assert.equal(
    codeOf(() => cache.take(like(record, { agentId: "one too many" }))),
    "REGISTRY_FULL",
  );
  for (let at = 0; at < nodeLimits.recordsPerNode; at += 1)
    cache.take(like(record, { agentId: `own-${at}` }), true);
  assert.equal(
    codeOf(() => cache.take(like(record, { agentId: "own too many" }), true)),
    "REGISTRY_FULL",
  );
  assert.deepEqual([cache.size, cache.confirmed], [512, 256]);
  assert.equal(cache.byId("own-255")?.confirmed, true);
  assert.equal(cache.byId("forged-3")?.confirmed, false);
});

test("a full registry holds 20,000 records, and hearsay makes way for what nodes tell themselves", () => {
  const { cache, nowS } = open();
  const { record } = recordOf({ nowS: nowS() });
  const put = (kind: string, count: number, confirmed: boolean) => {
    let refused = 0;
    for (let at = 0; at < count; at += 1) {
      const next = like(record, { agentId: `${kind}-${at}`, nodeId: `${kind} node ${at % 200}` });
      if (codeOf(() => cache.take(next, confirmed)) === "REGISTRY_FULL") refused += 1;
    }
    return refused;
  };
  assert.equal(put("heard", 12_000, false), 2_000);
  assert.equal(put("told", 15_000, true), 0);
  assert.deepEqual([cache.size, cache.confirmed], [20_000, 15_000]);
  assert.equal(put("late", 6_000, true), 1_000);
  assert.deepEqual([cache.size, cache.confirmed], [20_000, 20_000]);
  assert.equal(cache.byId("heard-0"), undefined);
  assert.equal(cache.byId("told-0")?.presence, "live");
});

test("large records are bounded by their bytes: 64 MiB in all, half of it hearsay", () => {
  const { cache, nowS } = open();
  const { record } = recordOf({ nowS: nowS() });
  // One buffer for all: what is counted is what each would hold.
  const bytes = new Uint8Array(16 * 1_024);
  const fill = (kind: string, confirmed: boolean) => {
    for (let at = 0; at < 8_000; at += 1) {
      const next = like(record, { agentId: `${kind}-${at}`, nodeId: `${kind} ${at}`, bytes });
      if (codeOf(() => cache.take(next, confirmed)) === "REGISTRY_FULL") return at;
    }
    return undefined;
  };
  const heard = fill("heard", false) ?? Infinity;
  assert.ok(heard < nodeLimits.recordsHearsayBytes / bytes.length, `${heard} records of hearsay`);
  const told = fill("told", true) ?? Infinity;
  assert.ok(told < nodeLimits.recordsBytes / bytes.length && told > 3_000, `${told} records`);
  assert.ok(cache.bytes <= nodeLimits.recordsBytes, `${cache.bytes} bytes`);
  assert.equal(cache.confirmed, told);
});

test("a failed replacement leaves the former record in its place, and findable", () => {
  const { cache, nowS } = open();
  const { record } = recordOf({ nowS: nowS() });
  for (let at = 0; at < nodeLimits.recordsPerNode; at += 1) {
    cache.take(like(record, { agentId: `a-${at}`, nodeId: "busy" }));
  }
  cache.take(like(record, { agentId: "mover", nodeId: "calm" }));
  const moved = like(record, { agentId: "mover", nodeId: "busy", seq: 2 });
  assert.equal(
    codeOf(() => cache.take(moved)),
    "REGISTRY_FULL",
  );
  assert.equal(cache.byId("mover")?.nodeId, "calm");
  assert.ok(cache.answering(["energy"]).some((row) => row.agentId === "mover"));
});

test("a record heard before is confirmed by its node, and renewed by gossip from then on", () => {
  const { cache, nowS } = open();
  const made = (seq: number, nodeId?: string) => recordOf({ nowS: nowS(), seq, nodeId }).record;
  const { agentId } = made(1);
  cache.take(made(1));
  assert.equal(cache.byId(agentId)?.confirmed, false);
  cache.take(made(1), true);
  assert.equal(cache.byId(agentId)?.confirmed, true);
  cache.take(made(2));
  assert.equal(cache.byId(agentId)?.confirmed, true);
  cache.take(made(3, keyOf(1_001).peerId));
  assert.equal(cache.byId(agentId)?.confirmed, false, "of another node nothing was confirmed");
});

/** Presence of the one agent, as time goes on. */
function watching() {
  const rig = open();
  const { record } = recordOf({ nowS: rig.nowS() });
  const presence = () => rig.cache.byId(record.agentId)?.presence;
  const renew = (change: Parameters<typeof recordOf>[0] | { seq: number }) =>
    rig.cache.take(recordOf({ nowS: rig.nowS(), ...change }).record);
  return { ...rig, ...record, presence, renew };
}

test("without a link an agent is suspect when its record is 90 s old, and gone when it expires", async () => {
  const { clock, presence, renew } = watching();
  renew({ seq: 1 });
  assert.equal(presence(), "live");
  await clock.advance(89_999);
  assert.equal(presence(), "live");
  await clock.advance(1);
  assert.equal(presence(), "suspect");
  renew({ seq: 2 });
  assert.equal(presence(), "live");
  await clock.advance(180_000);
  assert.equal(presence(), "gone");
  renew({ seq: 3 });
  assert.equal(presence(), "live");
});

test("over a link 45 s of silence make an agent suspect, 75 s gone, a byte live again", async () => {
  const { clock, links, nodeId, presence, renew } = watching();
  renew({ seq: 1 });
  links.set(nodeId, clock.nowMs());
  await clock.advance(44_999);
  assert.equal(presence(), "live");
  await clock.advance(1);
  assert.equal(presence(), "suspect");
  await clock.advance(30_000);
  assert.equal(presence(), "gone");
  links.set(nodeId, clock.nowMs());
  assert.equal(presence(), "live");
});

test("a lost link makes an agent suspect at once and gone after 75 s, unless a newer record comes", async () => {
  const { clock, links, cache, nodeId, presence, renew } = watching();
  renew({ seq: 1 });
  links.set(nodeId, clock.nowMs());
  await clock.advance(10_000);
  links.delete(nodeId);
  cache.unlinked(nodeId);
  assert.equal(presence(), "suspect");
  await clock.advance(20_000);
  renew({ seq: 2 });
  assert.equal(presence(), "live");
  await clock.advance(10);
  cache.unlinked(nodeId);
  assert.equal(presence(), "suspect");
  await clock.advance(75_000);
  assert.equal(presence(), "gone");
});

test("an agent that says it is gone, or whose node knows of none, is gone until a higher number", async () => {
  const { clock, cache, agentId, nodeId, presence, renew } = watching();
  renew({ seq: 1 });
  renew({ seq: 2, status: "gone", nowS: Math.floor(clock.nowMs() / 1_000) });
  assert.equal(presence(), "gone");
  assert.deepEqual(cache.answering(["energy.sell"]), []);
  renew({ seq: 3 });
  assert.equal(presence(), "live");
  assert.equal(cache.absent(agentId), true);
  assert.equal(cache.absent(agentId), false);
  assert.equal(presence(), "gone");
  renew({ seq: 4 });
  assert.equal(presence(), "live");
  await clock.advance(1);
  const asked = { nodeId, word: "energy", present: new Set<string>(), askedMs: clock.nowMs() };
  assert.equal(cache.onlyThese({ ...asked, word: "weather" }), false);
  assert.equal(cache.onlyThese(asked), true);
  assert.equal(presence(), "gone");
  renew({ seq: 5 });
  assert.equal(cache.onlyThese(asked), false, "heard after the question");
});

test("a gone agent is remembered for ten minutes, and as long as an older record of it could come back", async () => {
  const rig = open();
  const take = (seq: number, more: { validS?: number; status?: "gone"; agent?: number } = {}) =>
    rig.cache.take(recordOf({ nowS: rig.nowS(), seq, ...more }).record);
  const { agentId } = recordOf({ nowS: rig.nowS() }).record;
  take(1, { validS: 3_000 });
  take(2, { status: "gone" });
  await rig.clock.advance(900_000);
  take(1, { agent: 2 });
  assert.equal(rig.cache.byId(agentId)?.presence, "gone");
  await rig.clock.advance(2_200_000);
  take(2, { agent: 2 });
  assert.equal(rig.cache.byId(agentId), undefined);
});

test("the index finds what a look at every agent finds", () => {
  const parts = ["a", "b", "c"];
  const words: string[] = [];
  for (const one of parts) {
    words.push(one);
    for (const two of parts) {
      words.push(`${one}.${two}`);
      for (const three of parts) words.push(`${one}.${two}.${three}`, `${one}.${two}.${three}.d.e`);
    }
  }
  const entries = words.map((word, at) => ({
    agentId: String(at),
    words: [word, words[(at * 7) % words.length] ?? ""],
  }));
  const index = new WordIndex<(typeof entries)[number]>();
  for (const entry of entries) index.add(entry);
  const asked = [...words, "d", "a.b.c.d", "a.b.c.d.e.f", "aa"];
  const found = (word: string) => [...index.find(word)].map(({ agentId }) => agentId).sort();
  const seen = (word: string, among = entries) =>
    among
      .filter((entry) => entry.words.some((one) => one === word || one.startsWith(`${word}.`)))
      .map(({ agentId }) => agentId)
      .sort();
  for (const word of asked) assert.deepEqual(found(word), seen(word), word);
  for (const entry of entries.slice(0, 20)) index.remove(entry);
  for (const word of asked) assert.deepEqual(found(word), seen(word, entries.slice(20)), word);
});

export type { RecordCache };
