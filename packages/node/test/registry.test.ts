import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, type JsonObject, signBinding } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { identityFromSeed } from "../src/identity.ts";
import { type MemoryHub, memory, memoryHub } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { createRecordCache } from "../src/registry/cache.ts";
import { openRecord, sealRecord } from "../src/registry/record.ts";
import type { RegistryQuery } from "../src/registry/types.ts";
import { answers, withPrefixes, wordsOf } from "../src/words.ts";
import { manualClock, seededRandom, testNetwork } from "../src/testing/index.ts";
import { echoAgent, echoDefinition, eventually, heartbeat, NETWORK, rawPeer } from "./node-fixture.ts";

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

  const cache = createRecordCache({ clock, linksHeard: () => new Map() });
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

test("linked peers learn of agents that come and go without any gossip", async () => {
  await using net = await testNetwork(3, {
    faults: { lossPercent: 100 },
    agents: (n) => [echoAgent(`agent-${n}`)],
  });
  for (const node of net.nodes) await eventually("two links", () => node.snapshot().links === 2);
  const [one, two, three] = net.nodes as [AgentNode, AgentNode, AgentNode];
  for (const node of net.nodes) await eventually("three records", () => node.registry.known().length === 3);
  const rowOf = (node: AgentNode, name: string) => node.registry.known().find((row) => row.name === name);

  using late = two.agents.register("late", echoDefinition(["energy.sell"]));
  await late.ready;
  for (const node of [one, three]) {
    await eventually("the late one", () => rowOf(node, "late") !== undefined, 1_000);
    assert.deepEqual(rowOf(node, "late")?.capabilities, ["energy.sell"]);
  }
  const { agentId } = rowOf(one, "late")!;
  await two.agents.unregister("late");
  for (const node of [one, three]) {
    await eventually("it is gone", () => rowOf(node, "late") === undefined, 1_000);
    assert.equal(node.registry.byId(agentId)?.presence, "gone", "told, not merely unheard");
  }
});

test("a fetch at greeting that fails is tried again while the link lives", async () => {
  const hub = memoryHub({ seed: 23 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  let tries = 0;
  await using peer = await rawPeer(memory({ hub }), 51, (stream) => {
    if (stream.protocol === "/gridmesh/rpc/1") tries += 1;
    stream.reset("not now");
  });
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  await (await peer.control(node.id)).hello();
  await eventually("a second try", () => tries === 2, 8_000);
  await peer.transport.hangUp(node.id, "enough");
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  assert.equal(tries, 2, "nobody is asked without a link");
});

test("who is met later is told after hello, also on a control stream opened anew", async () => {
  const hub = memoryHub({ seed: 21, lossPercent: 100 });
  await using node = await createNode({
    network: memory({ hub }),
    networkName: NETWORK,
    agents: [echoAgent("early")],
  });
  await using peer = await rawPeer(memory({ hub }), 31);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const toldAfterHello = async () => {
    const channel = await peer.control(node.id);
    await channel.hello();
    let message = await channel.next();
    while (message !== undefined && message["type"] !== "capability_advertisement") {
      message = await channel.next();
    }
    await channel.stream.close();
    return message;
  };
  const first = await toldAfterHello();
  assert.equal(first?.["name"], "early");
  assert.equal(first?.["recipient_id"], "*");
  assert.deepEqual(await toldAfterHello(), first, "the record itself, not another of its kind");
});

/** A peer by hand that is linked and greeted, and the records it can make of an agent of its own. */
async function strangerOf(node: AgentNode, hub: MemoryHub, seed: number) {
  const peer = await rawPeer(memory({ hub }), seed);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const channel = await peer.control(node.id);
  await channel.hello();
  const random = seededRandom(seed);
  const { signer } = identityFromSeed(random.bytes(32));
  const nowS = Math.floor(Date.now() / 1000);
  const made = (seq: number, change: { boundTo?: string; words?: string[]; nowS?: number } = {}) => {
    const { boundTo: peerId = peer.identity.peerId, words = ["energy.sell"] } = change;
    const binding = signBinding({ network: NETWORK, peerId, name: "far", notAfterS: nowS + 1_000, signer });
    const terms = { network: NETWORK, signer, binding, nowS: change.nowS ?? nowS, random, name: "far", seq };
    return sealRecord({ ...terms, status: "available", capabilities: words });
  };
  const refusal = async (message: JsonObject) => {
    await channel.send(message);
    let answer = await channel.next();
    while (answer !== undefined && answer["type"] !== "error_response") answer = await channel.next();
    return answer?.["error_code"];
  };
  return { peer, channel, signer, made, refusal, [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
}

test("a record told on the control stream is proven like any other", async () => {
  const hub = memoryHub({ seed: 22 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  const known = () => node.registry.known().map(({ name, nodeId }) => ({ name, nodeId }));
  const refused = async (
    seed: number,
    spoil: (one: Awaited<ReturnType<typeof strangerOf>>) => JsonObject,
  ) => {
    await using one = await strangerOf(node, hub, seed);
    const code = await one.refusal(spoil(one));
    assert.deepEqual(known(), [], "nothing was learnt");
    return code;
  };
  assert.equal(await refused(41, ({ made }) => ({ ...made(1), seq: 2 })), "SIGNATURE_INVALID");
  assert.equal(await refused(42, ({ made }) => made(1, { boundTo: node.id })), "BINDING_INVALID");
  assert.equal(
    await refused(43, ({ made }) => made(1, { nowS: Math.floor(Date.now() / 1000) - 200 })),
    "RECORD_EXPIRED",
  );
  assert.equal(
    await refused(44, ({ channel }) => channel.seal({ ...heartbeat, recipient_id: "*" })),
    "RECIPIENT_WRONG",
    "only records are for everybody",
  );

  await using one = await strangerOf(node, hub, 45);
  const record = one.made(5);
  await one.channel.send(record);
  const far = { name: "far", nodeId: one.peer.identity.peerId };
  await eventually("the record is taken", () => known().length === 1);
  await one.channel.send(record);
  // Were the same record again refused, its error would come first.
  assert.equal(await one.refusal(one.made(4)), "RECORD_OUTDATED");
  assert.deepEqual(known(), [far]);
  await one.channel.send(one.made(6, { words: ["weather"] }));
  await eventually("a newer one is", () => node.registry.known()[0]?.capabilities[0] === "weather");
  assert.equal(await one.refusal(one.made(6, { words: ["other"] })), "PEER_BANNED");
  assert.deepEqual(known(), [], "who said two things at once is believed in nothing");
});
