import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, type JsonObject, signBinding } from "@gridmesh/protocol";
import { nodeEngine } from "../src/gate/engine.ts";
import { identityFromSeed } from "../src/identity.ts";
import type { AgentNode } from "../src/node.ts";
import { createRecordCache } from "../src/registry/cache.ts";
import { presenceOf } from "../src/registry/presence.ts";
import { openRecord, sealRecord } from "../src/registry/record.ts";
import type { RegistryQuery } from "../src/registry/types.ts";
import { answers, withPrefixes, wordsOf } from "../src/registry/words.ts";
import { manualClock, seededRandom, testNetwork } from "../src/testing/index.ts";
import { echoAgent, echoDefinition, eventually } from "./node-fixture.ts";

async function namesFound(node: AgentNode, query: RegistryQuery): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const row of node.registry.find({ timeoutMs: 1_000, ...query })) names.push(row.name);
  return names.sort();
}

const WORDS = [
  ["energy.sell"],
  ["energy.sell", "energy.buy"],
  ["energy.buy"],
  ["weather"],
  ["energy.sell", "weather"],
];

test("agents of five nodes are found by their words, any or all, whole or by prefix", async () => {
  await using net = await testNetwork(5, { agents: (n) => [echoAgent(`agent-${n}`, WORDS[n])] });
  for (const node of net.nodes) {
    await eventually("five records", () => node.registry.known().length === 5);
  }
  const [, two] = net.nodes as [AgentNode, AgentNode];
  assert.deepEqual(await namesFound(two, { capability: "energy.sell" }), ["agent-0", "agent-1", "agent-4"]);
  assert.deepEqual(await namesFound(two, { capability: ["energy.sell", "weather"] }), [
    "agent-0",
    "agent-1",
    "agent-3",
    "agent-4",
  ]);
  assert.deepEqual(await namesFound(two, { capability: ["energy.sell", "weather"], match: "all" }), [
    "agent-4",
  ]);
  assert.deepEqual(await namesFound(two, { capability: "energy" }), [
    "agent-0",
    "agent-1",
    "agent-2",
    "agent-4",
  ]);
  assert.deepEqual(await namesFound(two, { capability: "energy.sell", scope: "local" }), ["agent-1"]);
  assert.equal((await namesFound(two, { capability: "energy", limit: 2 })).length, 2);
  assert.deepEqual(await namesFound(two, { capability: "nothing" }), []);
});

test("a withdrawn agent disappears everywhere, a later one appears, a private one never does", async () => {
  await using net = await testNetwork(3, { agents: (n) => [echoAgent(`agent-${n}`, ["energy.sell"])] });
  const [one, two, three] = net.nodes as [AgentNode, AgentNode, AgentNode];
  for (const node of net.nodes) await eventually("three records", () => node.registry.known().length === 3);
  await two.agents.unregister("agent-1");
  for (const node of [one, three]) await eventually("it is gone", () => node.registry.known().length === 2);
  assert.deepEqual(await namesFound(one, { capability: "energy.sell" }), ["agent-0", "agent-2"]);

  using hidden = two.agents.register("hidden", echoDefinition(["energy.sell"]), { access: "private" });
  using late = two.agents.register("late", echoDefinition(["energy.sell"]));
  await Promise.all([hidden.ready, late.ready]);
  for (const node of [one, three]) await eventually("the late one", () => node.registry.known().length === 3);
  assert.deepEqual(await namesFound(three, { capability: "energy.sell" }), ["agent-0", "agent-2", "late"]);
});

test("a stopping node takes its agents' records back", async () => {
  await using net = await testNetwork(3, { agents: (n) => [echoAgent(`agent-${n}`)] });
  const [one, two] = net.nodes as [AgentNode, AgentNode];
  await eventually("three records", () => one.registry.known().length === 3);
  await two.stop();
  await eventually("two records", () => one.registry.known().length === 2);
});

test("a call by capability goes on to the next provider when one is dead", async () => {
  await using net = await testNetwork(4, {
    agents: (n) => (n === 0 ? [] : [echoAgent(`agent-${n}`, ["energy.sell"])]),
  });
  const [one, two, three] = net.nodes as [AgentNode, AgentNode, AgentNode];
  await eventually("three records", () => one.registry.known().length === 3);
  net.hub.partition([[one.id, net.nodes[3]!.id], [two.id], [three.id]]);
  for (let call = 0; call < 6; call += 1) {
    const answer = await one.call("cap:energy.sell/whoami", {}, { timeoutMs: 9_000 });
    assert.deepEqual(answer, { kind: "peer", peerId: one.id });
  }
});

test("presence follows the link while there is one, the record's age without", () => {
  const signs = { nowMs: 1_000_000, validUntil: 1_100, status: "available", recordHeardMs: 1_000_000 };
  const seen = (linkHeardMs: number | undefined, more = {}) => presenceOf({ ...signs, linkHeardMs, ...more });
  assert.equal(seen(undefined), "live");
  assert.equal(seen(undefined, { recordHeardMs: 910_000 }), "suspect");
  assert.equal(seen(990_000, { recordHeardMs: 0 }), "live");
  assert.equal(seen(955_000, { recordHeardMs: 0 }), "suspect");
  assert.equal(seen(925_000, { recordHeardMs: 0 }), "gone");
  assert.equal(seen(1_000_000, { validUntil: 1_000 }), "gone");
  assert.equal(seen(1_000_000, { status: "gone" }), "gone");
});

test("words come from keys and their types, and are found by their prefixes", () => {
  assert.deepEqual(
    wordsOf({ "energy.sell": {}, processing: { types: ["image", "no such word!"] }, "x y": {} }),
    ["energy.sell", "processing", "processing.image"],
  );
  assert.deepEqual(withPrefixes("a.b.c"), ["a", "a.b", "a.b.c"]);
  assert.ok(answers(["energy.sell"], "energy"));
  assert.ok(!answers(["energysell"], "energy"));
});

test("a record proves itself, and only a newer one replaces it", () => {
  const clock = manualClock();
  const random = seededRandom(3);
  const agent = identityFromSeed(random.bytes(32));
  const node = identityFromSeed(random.bytes(32));
  const network = "records";
  const nowS = Math.floor(clock.nowMs() / 1000);
  const name = "agent";
  const { signer } = agent;
  const binding = signBinding({ network, peerId: node.peerId, name, notAfterS: nowS + 1_000, signer });
  const terms = { network, signer, binding, nowS, random, name, status: "available" as const };
  const context = { network, engine: nodeEngine(), nowS };
  const read = (message: JsonObject) => openRecord(canonicalBytes(message), context);
  const made = (seq: number, capabilities = ["energy.sell"]) => sealRecord({ ...terms, seq, capabilities });

  const first = made(5);
  assert.deepEqual(read(first).words, ["energy.sell"]);
  assert.equal(read(first).nodeId, node.peerId);
  const failsWith = (code: string, act: () => unknown) =>
    assert.throws(act, (error: unknown) => (error as { code?: string }).code === code);
  failsWith("SIGNATURE_INVALID", () => read({ ...first, seq: 6 }));
  failsWith("BINDING_INVALID", () => read({ ...first, binding: { ...binding, name: "other" } }));
  failsWith("RECORD_INVALID", () => read(sealRecord({ ...terms, name: "other", seq: 5, capabilities: [] })));

  const cache = createRecordCache({ clock, linkHeardMs: () => undefined });
  assert.equal(cache.take(read(first)), true);
  assert.equal(cache.take(read(first)), false);
  failsWith("RECORD_OUTDATED", () => cache.take(read(made(4))));
  failsWith("EQUIVOCATION", () => cache.take(read(made(5, ["energy.buy"]))));
  assert.equal(cache.take(read(made(6))), true);
  assert.equal(cache.byId(signer.agentId)?.presence, "live");
  cache.take(read(sealRecord({ ...terms, seq: 7, status: "gone", capabilities: [] })));
  assert.deepEqual(cache.rows(), []);
  assert.equal(cache.byId(signer.agentId)?.presence, "gone");
  failsWith("RECORD_EXPIRED", () => {
    clock.shiftWall(200_000);
    cache.take(read(made(8)));
  });
});
