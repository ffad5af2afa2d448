/** Whoever was just linked learns of providers from its peers: before any walk through the DHT, within bounds. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { canonicalBytes, type JsonObject, type JsonValue } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { nodeLimits } from "../src/limits.ts";
import { libp2p } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import type { AgentRow, Registry } from "../src/registry/types.ts";
import { echoAgent, eventually, NETWORK } from "./node-fixture.ts";
import { ear } from "./registry-ear.ts";
import { keyOf } from "./registry-rig.ts";

const PEERS = Array.from({ length: 20 }, (_, at) => keyOf(2_000 + at).peerId);
const PROVIDER = keyOf(1_000).peerId;

async function found(
  registry: Registry,
  capability: string | readonly string[],
): Promise<readonly AgentRow[]> {
  const rows: AgentRow[] = [];
  for await (const row of registry.find({ capability, timeoutMs: 5_000 })) rows.push(row);
  return rows;
}

/** Nodes over libp2p, none of which has a DHT: what is found is what peers told. */
async function withoutDht(count: number, words: (index: number) => readonly string[]) {
  const nodes: AgentNode[] = [];
  const add = async (agents: readonly string[], links = { min: 1, target: 1 }): Promise<AgentNode> => {
    const network = libp2p({ profile: "testnet", dht: false, bootstrap: nodes[0]?.addresses ?? [] });
    const name = `agent-${String(nodes.length).padStart(2, "0")}`;
    const own = agents.length === 0 ? [] : [echoAgent(name, agents)];
    const node = await createNode({ network, networkName: NETWORK, links, agents: own });
    nodes.push(node);
    return node;
  };
  for (let index = 0; index < count; index += 1) await add(words(index));
  return {
    nodes,
    add,
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.stop({ deadlineMs: 0 })));
    },
  };
}

test(
  "over libp2p a newcomer without a DHT finds each word's provider, and all of a common one",
  { timeout: 120_000 },
  async (context) => {
    await using net = await withoutDht(8, (index) => (index === 0 ? [] : [`only.w${index}`, "each.one"]));
    const [hub] = net.nodes as [AgentNode];
    await eventually("the first knows all", () => hub.registry.known().length === 7, 60_000);
    const firstMs: number[] = [];
    for (let index = 1; index < 8; index += 2) {
      const newcomer = await net.add([]);
      const linksThen: number[] = [];
      const startMs = performance.now();
      for await (const row of newcomer.registry.find({ capability: `only.w${index}`, timeoutMs: 5_000 })) {
        firstMs.push(performance.now() - startMs);
        linksThen.push(newcomer.snapshot().links);
        assert.equal(row.name, `agent-0${index}`);
        // Signed, but not yet told by its own node: nobody else than the first was asked.
        assert.equal(row.confirmed, false);
      }
      assert.deepEqual(linksThen, [1]);
      const known = () => newcomer.registry.known().find(({ name }) => name === `agent-0${index}`);
      assert.deepEqual(await newcomer.call(`${known()?.address}/ping`), {});
      await eventually("its own node has said the same", () => known()?.confirmed === true, 20_000);
    }
    context.diagnostic(`first providers after ${firstMs.map((ms) => ms.toFixed(0)).join(", ")} ms`);

    const other = await net.add([]);
    const names = (await found(other.registry, "each.one")).map(({ name }) => name).sort();
    assert.deepEqual(
      names,
      Array.from({ length: 7 }, (_, at) => `agent-0${at + 1}`),
    );
    const words = Array.from({ length: 7 }, (_, at) => `only.w${at + 1}`);
    const third = await net.add([]);
    assert.equal((await found(third.registry, words)).length, 7, "several words, the union");

    const gone = net.nodes[3];
    await gone?.agents.unregister("agent-03");
    await eventually("the first knows that it went", () => hub.registry.known().length === 6, 20_000);
    const late = await net.add([]);
    assert.deepEqual(await found(late.registry, "only.w3"), [], "nor does anybody name what was withdrawn");
  },
);

test(
  "a newcomer hears of the agents of the peer it is linked with before it has asked",
  { timeout: 120_000 },
  async () => {
    await using net = await withoutDht(1, () => ["own.word"]);
    const newcomer = await net.add([]);
    const [row] = await found(newcomer.registry, "own.word");
    assert.deepEqual([row?.name, row?.confirmed], ["agent-00", true]);
  },
);

test("three linked peers are asked at once, the next as one answers, twelve in all", async () => {
  const answers: (() => void)[] = [];
  const answer = () =>
    new Promise<JsonValue>((resolve) => answers.push(() => resolve({ agents: [], others: [] })));
  const { registry, asked, clock } = ear({ greeted: PEERS, answer });
  const search = found(registry, "rare.word");
  await turn();
  assert.deepEqual(asked, PEERS.slice(0, 3));
  answers.shift()?.();
  await turn();
  assert.deepEqual(asked, PEERS.slice(0, 4));
  await clock.advance(nodeLimits.linkedPatienceMs);
  assert.deepEqual(asked, PEERS.slice(0, 7), "who takes its time keeps nobody from being asked");
  for (let round = 0; round < 20; round += 1) {
    answers.shift()?.();
    await turn();
  }
  assert.deepEqual(await search, []);
  assert.deepEqual(asked, PEERS.slice(0, nodeLimits.linkedAsked));
});

test("equal look-ups at one time are one question, and an answer holds for two seconds", async () => {
  const { registry, asked, clock } = ear({ greeted: PEERS.slice(0, 2) });
  await Promise.all(Array.from({ length: 10 }, () => found(registry, "rare.word")));
  assert.deepEqual(asked, PEERS.slice(0, 2));
  await found(registry, "rare.word");
  assert.equal(asked.length, 2);
  await found(registry, "other.word");
  assert.equal(asked.length, 4);
  await clock.advance(nodeLimits.linkedAgainMs);
  await found(registry, "rare.word");
  assert.equal(asked.length, 6);
});

test("a look-up whose reader has left does not end the question of another", async () => {
  const answered = Promise.withResolvers<JsonValue>();
  const { registry, asked, made } = ear({ greeted: PEERS.slice(0, 1), answer: () => answered.promise });
  const leaving = new AbortController();
  const query = { capability: "energy.sell", signal: leaving.signal } as const;
  const left = registry.find(query)[Symbol.asyncIterator]().next();
  const stayed = found(registry, "energy.sell");
  await turn();
  leaving.abort();
  assert.equal((await left).done, true);
  answered.resolve({ agents: [{ record: made({ nodeId: PEERS[0] }) }] });
  assert.deepEqual(
    (await stayed).map(({ name, confirmed }) => [name, confirmed]),
    [["agent-1", true]],
  );
  assert.equal(asked.length, 1);
});

/** One linked peer that names these to whoever looks for a word. */
function naming(others: (made: ReturnType<typeof ear>["made"], nowS: number) => readonly JsonObject[]) {
  const greeted = PEERS.slice(0, 1);
  const hint = { peerId: PROVIDER, addresses: ["/memory/provider"] };
  const rig = ear({
    greeted,
    hints: { there: hint, elsewhere: { ...hint, peerId: keyOf(77).peerId } },
    answer: (peerId, params) =>
      Promise.resolve(
        peerId === PROVIDER || params["others"] !== true
          ? { agents: [] }
          : { agents: [], others: [...others(rig.made, rig.nowS())] },
      ),
  });
  return rig;
}

test("what a peer says of others is hearsay, asked of their nodes; these have the last word", async () => {
  const { registry, asked, noticed } = naming((made, nowS) => [
    { record: made({ nowS: nowS - 1 }), peer_record: "there" },
  ]);
  const rows: AgentRow[] = [];
  for await (const row of registry.find({ capability: "energy.sell", timeoutMs: 5_000 })) {
    rows.push(row);
    assert.equal(noticed[0]?.peerId, PROVIDER, "whoever hears of it can reach it");
  }
  assert.deepEqual(
    rows.map(({ name, confirmed }) => [name, confirmed]),
    [["agent-1", false]],
  );
  assert.deepEqual(asked, [PEERS[0], PROVIDER]);
  assert.deepEqual(registry.known(), [], "its node knows of none");
  assert.deepEqual(await found(registry, "energy.sell"), []);
  assert.deepEqual(registry.known(), [], "and nobody else's word revives it");
});

test("of others nothing is taken that is forged, old, of another word, or at the address of another", async () => {
  const cases: readonly [string, (made: ReturnType<typeof ear>["made"]) => JsonObject, number][] = [
    ["forged", (made) => ({ record: { ...made(), name: "other" } }), 0],
    ["expired", (made) => ({ record: made({ nowS: 1_000 }) }), 0],
    ["of another word", (made) => ({ record: made({ capabilities: ["weather"] }) }), 0],
    ["of whoever asks", (made) => ({ record: made({ nodeId: keyOf("me").peerId }) }), 0],
    ["gone", (made) => ({ record: made({ status: "gone" }) }), 0],
    ["no record", () => ({ record: 7 }), 0],
    ["with another's address", (made) => ({ record: made(), peer_record: "elsewhere" }), 1],
  ];
  for (const [what, other, count] of cases) {
    const { registry, asked, bans } = naming((made) => [other(made)]);
    assert.equal((await found(registry, "energy.sell")).length, count, what);
    assert.deepEqual(asked, [PEERS[0]], what);
    assert.equal(bans.points(PEERS[0] ?? "") > 0, what === "forged", what);
  }
});

test("an answer names eight others at most", async () => {
  const { registry } = naming((made) =>
    Array.from({ length: 20 }, (_, agent) => ({ record: made({ agent }) })),
  );
  assert.equal((await found(registry, "energy.sell")).length, nodeLimits.othersTold);
});

test("what others told is as old as its signing, not as the answer", async () => {
  const { registry, clock } = naming((made, nowS) => [{ record: made({ nowS: nowS - 80 }) }]);
  const [row] = await found(registry, "energy.sell");
  assert.equal(row?.presence, "live");
  await clock.advance(10_000);
  assert.equal(registry.byId(row.agentId)?.presence, "suspect");
});

test("a peer is told of live agents: first of those linked nodes told themselves, none of its own or banned ones", () => {
  const linked = keyOf(1_001).peerId;
  const { registry, made, open, bans } = ear({ greeted: [linked] });
  const take = (agent: number, nodeId: string, confirmed = false) => {
    const record = open(canonicalBytes(made({ agent, nodeId })));
    registry.take(record, confirmed);
    return record.agentId;
  };
  take(1, PROVIDER);
  take(2, linked, true);
  take(3, PEERS[0] ?? "");
  bans.ban(take(4, PROVIDER), "SCHEMA_INVALID");
  const told = registry.others(PEERS[0] ?? "", "energy");
  assert.deepEqual(
    told.map(({ record }) => (record as JsonObject)["name"]),
    ["agent-2", "agent-1"],
  );
  assert.deepEqual(registry.others(PEERS[0] ?? "", "weather"), []);
});
