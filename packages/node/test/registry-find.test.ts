/** Queries over whole networks: the union of all providers, exactly those that match, none that is gone. */

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createNode } from "../src/create-node.ts";
import { libp2p, memory, memoryHub, type NetworkChoice } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { capabilityKey } from "../src/registry/registry.ts";
import type { AgentRow, RegistryQuery } from "../src/registry/types.ts";
import { echoAgent, echoDefinition, eventually, NETWORK } from "./node-fixture.ts";

const WORDS = ["energy.sell", "weather.now", "grid.meter"] as const;

async function found(node: AgentNode, query: Omit<RegistryQuery, "signal">): Promise<readonly AgentRow[]> {
  const rows: AgentRow[] = [];
  for await (const row of node.registry.find(query)) rows.push(row);
  return rows;
}

const namesOf = (rows: readonly AgentRow[]) => rows.map((row) => row.name).sort();

/** The i-th agent has the words whose bit is set in i. */
const wordsAt = (index: number) => WORDS.filter((_word, bit) => (index & (1 << bit)) !== 0);

interface Net extends AsyncDisposable {
  readonly nodes: readonly AgentNode[];
  add(links?: { min: number; target: number }): Promise<AgentNode>;
}

async function network(
  count: number,
  choice: (bootstrap: readonly string[]) => NetworkChoice,
  words: (index: number) => readonly string[],
): Promise<Net> {
  const nodes: AgentNode[] = [];
  const add = async (links = { min: 1, target: 3 }, agents: readonly string[] = []): Promise<AgentNode> => {
    const bootstrap = nodes[0]?.addresses ?? [];
    const name = `agent-${String(nodes.length).padStart(2, "0")}`;
    const node = await createNode({
      network: choice(bootstrap),
      networkName: NETWORK,
      links,
      agents: agents.length === 0 ? [] : [echoAgent(name, agents)],
    });
    nodes.push(node);
    return node;
  };
  for (let index = 0; index < count; index += 1) await add(undefined, words(index));
  return {
    nodes,
    add: (links) => add(links),
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.stop({ deadlineMs: 0 })));
    },
  };
}

/** Two of three words over ten nodes, asked by one that came later and knows one of them. */
async function twoOfThree(context: TestContext, choice: (bootstrap: readonly string[]) => NetworkChoice) {
  await using net = await network(10, choice, wordsAt);
  const asker = await net.add({ min: 1, target: 1 });
  await eventually("the asker is linked", () => asker.snapshot().links > 0, 30_000);
  const expected = net.nodes.flatMap((_node, index) =>
    index < 10 && wordsAt(index).length >= 2 ? [`agent-${String(index).padStart(2, "0")}`] : [],
  );
  assert.deepEqual(expected, ["agent-03", "agent-05", "agent-06", "agent-07"]);
  const startMs = performance.now();
  let firstMs: number | undefined;
  let rows: readonly AgentRow[] = [];
  // Words enter the DHT within seconds of the last node's links.
  for (let round = 0; round < 40; round += 1) {
    const query = { capability: WORDS, minMatch: 2, timeoutMs: 3_000 };
    const some: AgentRow[] = [];
    for await (const row of asker.registry.find(query)) {
      firstMs ??= performance.now() - startMs;
      some.push(row);
    }
    rows = some;
    if (rows.length >= expected.length) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  assert.deepEqual(namesOf(rows), expected);
  assert.ok(
    rows.every((row) => row.presence === "live" && row.validUntil * 1_000 > Date.now()),
    "fresh",
  );
  for (const row of rows) {
    // Each says itself who it is: the address found is the address that answers.
    assert.deepEqual(await asker.call(`${row.address}/ping`, {}, { timeoutMs: 15_000 }), {});
    const isConfirmed = () => asker.registry.byId(row.agentId)?.confirmed === true;
    await eventually(`${row.name} is told by its own node`, isConfirmed, 15_000);
  }
  const all = await found(asker, { capability: WORDS, match: "all", timeoutMs: 3_000 });
  assert.deepEqual(namesOf(all), ["agent-07"]);
  context.diagnostic(`first of ${rows.length} after ${firstMs?.toFixed(1)} ms`);
}

test(
  "two of three words over ten nodes give exactly the right agents",
  { timeout: 120_000 },
  async (context) => {
    const hub = memoryHub({ seed: 61 });
    await twoOfThree(context, (bootstrap) => memory({ hub, bootstrap }));
  },
);

test("they do over libp2p and its DHT", { timeout: 120_000 }, (context) =>
  twoOfThree(context, (bootstrap) => libp2p({ profile: "testnet", bootstrap })),
);

test(
  "three words over twenty nodes give the whole union, prefixes too, and nobody who went",
  { timeout: 120_000 },
  async (context) => {
    const hub = memoryHub({ seed: 62 });
    const choice = (bootstrap: readonly string[]) => memory({ hub, bootstrap });
    await using net = await network(20, choice, (index) => (index === 0 ? [] : [WORDS[index % 3] ?? "none"]));
    const offering = net.nodes.slice(1).map((node) => node.agents.list()[0]?.name ?? "");
    const keys = new Map(
      WORDS.map((word) => [word, Buffer.from(capabilityKey(NETWORK, word)).toString("hex")]),
    );
    const provided = () => [...hub.inner.providers.values()].reduce((sum, peers) => sum + peers.size, 0);
    // Each word and its prefix.
    await eventually("all words are in the DHT", () => provided() >= 2 * offering.length, 40_000);

    const asker = await net.add({ min: 1, target: 1 });
    const startMs = performance.now();
    let firstMs = 0;
    const rows: AgentRow[] = [];
    for await (const row of asker.registry.find({ capability: WORDS, timeoutMs: 5_000 })) {
      firstMs ||= performance.now() - startMs;
      rows.push(row);
    }
    context.diagnostic(`first of ${rows.length} providers after ${firstMs.toFixed(1)} ms`);
    assert.deepEqual(namesOf(rows), offering);
    assert.equal(new Set(rows.map((row) => row.agentId)).size, rows.length, "each once");

    const other = await net.add({ min: 1, target: 1 });
    const energy = namesOf(await found(other, { capability: "energy", timeoutMs: 5_000 }));
    const sellers = offering.filter((_name, at) => (at + 1) % 3 === 0);
    assert.deepEqual(energy, sellers);

    const [, , , seller] = net.nodes;
    assert.ok(seller !== undefined);
    await seller.agents.unregister("agent-03");
    // The DHT forgets slowly: others still name it, for up to two hours.
    for (const [key, peers] of hub.inner.providers) {
      if (key.includes(keys.get("energy.sell") ?? "?")) peers.set(seller.id, Date.now());
    }
    const late = await net.add({ min: 1, target: 1 });
    const left = await found(late, { capability: "energy.sell", timeoutMs: 5_000 });
    assert.deepEqual(
      namesOf(left),
      sellers.filter((name) => name !== "agent-03"),
    );
    assert.deepEqual(
      namesOf(await found(asker, { capability: "energy.sell", timeoutMs: 5_000 })),
      namesOf(left),
      "nor by who knew it",
    );

    using back = seller.agents.register("agent-back", echoDefinition(["energy.sell"]));
    await back.ready;
    await eventually("what comes later is found", () =>
      late.registry.known().some((row) => row.name === "agent-back"),
    );
  },
);

test("a newcomer hears of providers from whoever it is linked with, without the DHT", async (context) => {
  const hub = memoryHub({ seed: 64 });
  const words = (index: number) => (index === 2 || index === 3 ? ["rare.word"] : []);
  await using net = await network(4, (bootstrap) => memory({ hub, bootstrap }), words);
  const [first] = net.nodes as [AgentNode];
  await eventually("the first knows both", () => first.registry.known().length === 2);
  for (const peers of hub.inner.providers.values()) peers.clear();
  const asker = await net.add({ min: 1, target: 1 });
  await eventually("the asker is linked", () => asker.snapshot().links > 0, 30_000);
  const startMs = performance.now();
  const rows = await found(asker, { capability: "rare.word", timeoutMs: 5_000 });
  context.diagnostic(`${rows.length} of 2 after ${(performance.now() - startMs).toFixed(0)} ms`);
  assert.deepEqual(namesOf(rows), ["agent-02", "agent-03"]);
  const isConfirmed = () => rows.every((row) => asker.registry.byId(row.agentId)?.confirmed);
  await eventually("their own nodes have said the same", isConfirmed, 15_000);
});

test("a query that is none is refused, and a scope keeps to its word", async () => {
  const hub = memoryHub({ seed: 63 });
  await using net = await network(
    2,
    (bootstrap) => memory({ hub, bootstrap }),
    () => ["energy.sell"],
  );
  const [one] = net.nodes as [AgentNode, AgentNode];
  const refused = (query: RegistryQuery) =>
    assert.rejects(
      async () => found(one, query),
      (error: unknown) => (error as { code?: string }).code === "INVALID_PARAMS",
    );
  await refused({ capability: [] });
  await refused({ capability: "no such word!" });
  await refused({ capability: Array.from({ length: 33 }, (_, at) => `w${at}`) });
  await refused({ capability: "a", limit: 0 });
  await refused({ capability: "a", minMatch: 1.5 });
  await eventually("both are known", () => one.registry.known().length === 2);
  const names = async (query: Omit<RegistryQuery, "signal">) => namesOf(await found(one, query));
  assert.deepEqual(await names({ capability: "energy", scope: "local" }), ["agent-00"]);
  assert.deepEqual(await names({ capability: "energy", scope: "known" }), ["agent-00", "agent-01"]);
  assert.equal((await names({ capability: "energy", limit: 1 })).length, 1);
  assert.deepEqual(await names({ capability: ["energy", "heat"], minMatch: 2, scope: "known" }), []);
  const listed = await one.call("node/list_agents", { scope: "known", capability: "energy", signed: true });
  const { agents } = listed as { agents: readonly { name: string; record: { name: string } }[] };
  assert.deepEqual(
    agents.map(({ name, record }) => [name, record.name]),
    [
      ["agent-00", "agent-00"],
      ["agent-01", "agent-01"],
    ],
  );
});
