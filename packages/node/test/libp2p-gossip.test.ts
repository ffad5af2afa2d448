/** Gossip over libp2p: who is heard, who no longer is, and what a crowd on one address may do. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mock, test } from "node:test";
import type { MetricSink, Transport } from "../src/network/index.ts";
import { ValidationQueue } from "../src/network/libp2p/validation-queue.ts";
import type { Verdict } from "../src/network/transport.ts";
import { rigged, type Rigged, type RigOptions } from "./libp2p-rig.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { until, wait } from "./transport-fixture.ts";

const TOPIC = "gridmesh/test/search/energy";
const memory = { profile: "memory", dht: false } as const;

async function withNodes(
  count: number,
  options: RigOptions,
  run: (nodes: readonly Rigged[]) => Promise<void>,
): Promise<void> {
  const nodes: Rigged[] = [];
  try {
    for (let index = 0; index < count; index += 1) nodes.push(await rigged(options));
    await run(nodes);
  } finally {
    await Promise.all(nodes.map(async (node) => await node[Symbol.asyncDispose]()));
  }
}

const subscribers = ({ transport }: Rigged) => transport.snapshot().topics[0]?.subscribers ?? 0;
const link = (from: Rigged, to: Rigged) => from.transport.dial({ addresses: to.transport.addresses() }, wait);

/** Joins the topic; hands back what was heard and accepted. */
function listen({ transport }: Rigged, verdictOf: (text: string) => Verdict = () => "accept"): string[] {
  const heard: string[] = [];
  transport.join(TOPIC, async (_from, data) => {
    const text = Buffer.from(data).toString();
    const verdict = verdictOf(text);
    if (verdict === "accept") heard.push(text);
    return await Promise.resolve(verdict);
  });
  return heard;
}

const publish = (transport: Transport, text: string) => transport.publish(TOPIC, Buffer.from(text));

test("broken twins sent first silence none of fifty messages, and their sender is soon not heard", async () => {
  await withNodes(3, memory, async ([honest, attacker, victim]) => {
    assert.ok(honest !== undefined && attacker !== undefined && victim !== undefined);
    for (const node of [honest, attacker]) listen(node);
    let broken = 0;
    const heard = listen(victim, (text) => {
      if (!text.endsWith("broken")) return "accept";
      broken += 1;
      return "reject";
    });
    await link(honest, victim);
    await link(attacker, victim);
    await until(() => subscribers(honest) === 1 && subscribers(attacker) === 1, "subscriptions");
    const texts = Array.from({ length: 50 }, (_, index) => `signature-${index} `);
    for (const text of texts) {
      await publish(attacker.transport, `${text}broken`);
      await publish(honest.transport, `${text}whole`);
    }
    await until(() => heard.length === 50, "fifty messages");
    // The score is reckoned anew once a second.
    await until(() => victim.parts.gossip.score(attacker.transport.peerId) < -80, "the graylist");
    const before = broken;
    await publish(attacker.transport, "late broken");
    await publish(honest.transport, "late whole");
    await until(() => heard.length === 51, "the last message");
    assert.equal(broken, before);
    assert.ok(victim.parts.gossip.score(honest.transport.peerId) >= 0);
  });
});

test("twelve honest nodes with nothing to say keep their meshes and their standing", async () => {
  await withNodes(12, memory, async (nodes) => {
    for (const node of nodes) listen(node);
    for (const [index, node] of nodes.entries()) {
      for (const other of nodes.slice(index + 1)) await link(node, other);
    }
    await until(() => nodes.every((node) => subscribers(node) === 11), "subscriptions");
    const before = nodes[0]?.parts.gossip.topics()[0]?.meshPeers ?? 0;
    assert.ok(before >= 6, `${before} mesh peers`);
    // Three heartbeats, and as many times that scores are reckoned.
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    const scores = nodes.flatMap((node) =>
      nodes.filter((other) => other !== node).map((other) => node.parts.gossip.score(other.transport.peerId)),
    );
    assert.ok(Math.min(...scores) >= 0, `the lowest score is ${Math.min(...scores)}`);
    const fewest = Math.min(...nodes.map((node) => node.parts.gossip.topics()[0]?.meshPeers ?? 0));
    assert.ok(fewest >= 6, `${fewest} mesh peers are left`);
  });
});

test("sixteen nodes behind one address hear every message, with the weight that public networks give a crowd", async () => {
  const crowded: RigOptions = {
    dht: false,
    bend: (settings) => ({ ...settings, profile: { ...settings.profile, colocationWeight: -5 } }),
  };
  await withNodes(16, crowded, async (nodes) => {
    const heard = nodes.map((node) => listen(node));
    for (const [index, node] of nodes.entries()) {
      for (const other of nodes.slice(index + 1)) await link(node, other);
    }
    await until(() => nodes.every((node) => subscribers(node) === 15), "subscriptions", 15_000);
    const [crowd] = nodes[0]?.transport.snapshot().crowds ?? [];
    assert.deepEqual([crowd?.ip, crowd?.links], ["127.0.0.1", 15]);
    for (let round = 0; round < 5; round += 1) {
      for (const [index, { transport }] of nodes.entries()) await publish(transport, `${index}:${round}`);
    }
    await until(() => heard.every((texts) => texts.length === 75), "1,200 deliveries");
    assert.ok((crowd?.lowestScore ?? -1) >= 0);
  });
});

/** Ids of messages that libp2p would take for duplicates. */
function rememberedBy({ parts }: Rigged): number {
  const { seenCache } = parts.node.services.pubsub as unknown as { seenCache: { size: number } };
  return seenCache.size;
}

test("libp2p drops a replay for 180 seconds and not after: from then on the gate alone refuses it", async () => {
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  try {
    await withNodes(3, memory, async ([author, replayer, victim]) => {
      assert.ok(author !== undefined && replayer !== undefined && victim !== undefined);
      listen(author);
      let seen = 0;
      victim.transport.join(TOPIC, async () => {
        seen += 1;
        return await Promise.resolve("accept" as const);
      });
      await link(author, victim);
      await until(() => subscribers(author) === 1, "a subscription");
      await publish(author.transport, "once");
      await until(() => seen === 1, "the message");
      // The replayer comes late: nothing keeps it from sending what it once overheard.
      listen(replayer);
      await link(replayer, victim);
      await until(() => subscribers(replayer) === 1, "another subscription");
      mock.timers.tick(179_000);
      await publish(replayer.transport, "once");
      await publish(replayer.transport, "between");
      await until(() => seen === 2, "what follows the replay");
      mock.timers.tick(2_000);
      // Old ids are forgotten at the next heartbeat.
      await until(() => [author, victim].every((node) => rememberedBy(node) <= 1), "a heartbeat");
      await publish(author.transport, "once");
      await until(() => seen === 3, "the replay at 181 seconds reaches the gate");
    });
  } finally {
    mock.timers.reset();
  }
});

test("what a peer did elsewhere counts: a bad standing silences it, and a mended one lets it speak again", async () => {
  const standings = new Map<string, number>();
  const options = { ...memory, context: { standing: (peerId: string) => standings.get(peerId) ?? 0 } };
  await withNodes(2, options, async ([speaker, listener]) => {
    assert.ok(speaker !== undefined && listener !== undefined);
    listen(speaker);
    const heard = listen(listener);
    standings.set(speaker.transport.peerId, -100);
    await link(speaker, listener);
    await until(() => subscribers(speaker) === 1, "the subscription");
    await publish(speaker.transport, "unheard");
    standings.set(speaker.transport.peerId, 500);
    // A score is kept for a second.
    await until(() => listener.parts.gossip.score(speaker.transport.peerId) > 0, "the mended score");
    assert.ok(listener.parts.gossip.score(speaker.transport.peerId) <= 20, "trades cannot buy more than ten");
    await publish(speaker.transport, "heard");
    await until(() => heard.length > 0, "a message");
    assert.deepEqual(heard, ["heard"]);
  });
});

test("an anchor stands ten points above others", async () => {
  await withNodes(1, memory, async ([anchor]) => {
    assert.ok(anchor !== undefined);
    await using node = await rigged({ ...memory, bootstrap: anchor.transport.addresses() });
    await link(node, anchor);
    await until(() => node.parts.gossip.score(anchor.transport.peerId) === 10, "its score");
  });
});

test("a publisher that never joined a topic reaches those who have", async () => {
  await withNodes(2, memory, async ([outsider, member]) => {
    assert.ok(outsider !== undefined && member !== undefined);
    const heard = listen(member);
    await link(outsider, member);
    assert.deepEqual(await publish(outsider.transport, "hello"), { recipients: 1 });
    await until(() => heard.length === 1, "the message");
    // What comes on a topic that is not joined goes no further.
    assert.deepEqual(outsider.transport.snapshot().topics, []);
  });
});

test("a validator that throws or sleeps ignores its message, and a full queue drops the oldest", async () => {
  const clock = new ManualClock();
  const ignored: string[] = [];
  const waiting: ((verdict: Verdict) => void)[] = [];
  const queue = new ValidationQueue({
    clock,
    validate: async (from) => {
      if (from === "thrower") throw new Error("nobody hears this");
      return await new Promise<Verdict>((resolve) => waiting.push(resolve));
    },
    onIgnored: (rule) => ignored.push(rule),
  });
  const data = Uint8Array.of(1);
  assert.equal(await queue.verdictOf("thrower", data), "ignore");
  const slow = queue.verdictOf("slow", data);
  await clock.advance(1_000);
  assert.equal(await slow, "ignore");
  waiting.shift()?.("reject");
  assert.deepEqual(ignored, ["gossip-failed", "gossip-late"]);

  const verdicts = Array.from({ length: 64 + 1_024 + 3 }, (_, index) => queue.verdictOf(`${index}`, data));
  await settle();
  assert.deepEqual(ignored.slice(2), ["gossip-queue", "gossip-queue", "gossip-queue"]);
  assert.deepEqual(await Promise.all(verdicts.slice(64, 67)), ["ignore", "ignore", "ignore"]);
  while (waiting.length > 0) {
    for (const resolve of waiting.splice(0)) resolve("accept");
    await settle();
  }
  const others = await Promise.all([...verdicts.slice(0, 64), ...verdicts.slice(67)]);
  assert.ok(others.every((verdict) => verdict === "accept"));
});

test("gossip's own metrics, a hundred names, arrive at the sink they were given", async () => {
  const gauges = new Map<string, number>();
  const collectors: (() => void)[] = [];
  const histograms = new Set<string>();
  const sink: MetricSink = {
    gauge: ({ name }) => {
      gauges.set(name, 0);
      return {
        set: (_labels, value) => gauges.set(name, value),
        inc: (_labels, by) => gauges.set(name, (gauges.get(name) ?? 0) + by),
      };
    },
    histogram: ({ name }) => {
      histograms.add(name);
      return { observe: () => {}, reset: () => {} };
    },
    onCollect: (fn) => collectors.push(fn),
  };
  await using a = await rigged({ ...memory, metrics: { gossip: sink } });
  await using b = await rigged(memory);
  for (const node of [a, b]) listen(node);
  await link(a, b);
  await until(() => subscribers(a) === 1, "the subscription");
  await publish(a.transport, randomBytes(8).toString("hex"));
  for (const collect of collectors) collect();
  assert.ok(gauges.size + histograms.size >= 100, `${gauges.size} gauges, ${histograms.size} histograms`);
  assert.equal(gauges.get("gossipsub_msg_publish_count_total"), 1);
  assert.equal(gauges.get("gossipsub_mesh_peer_count"), 1);
});
