/** Rows of what peers say once linked: provider records, gossip, calls, many bytes. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { AgentNode } from "@gridmesh/node";
import { slotAt } from "@gridmesh/protocol";
import type { Foreign } from "./foreign.ts";
import {
  addressOf,
  isLinked,
  type Kit,
  metric,
  type Row,
  SEARCHES,
  type Transport,
  until,
  wait,
} from "./kit.ts";

const KIB = 1_024;
const MIB = KIB * KIB;
const BULK = "/gridmesh/interop/1";
const FRAME = 64 * KIB;
const FRAMES = (100 * MIB) / FRAME;
/** The slow end rests so long after each frame, ms. */
const PAUSE_MS = 2;
const BULK_MS = 180_000;
/** What the sender may hold more than before: 256 KiB of queue, and as much again in every layer below. */
const GROWTH_MIB = 4;
/** Bytes held are counted so often, in frames, each time after a collection. */
const COUNT_EVERY = 100;
const HELD_KIB = 512;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const keyOf = () => new Uint8Array(createHash("sha256").update(randomBytes(8)).digest());
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const inTable = (one: Transport | AgentNode, count: number) =>
  until("the table of peers", () => (one.snapshot().dhtTablePeers ?? 0) >= count);

const content: readonly Row[] = [
  {
    name: "provide there, found by ours",
    async run(kit) {
      const [near, far, foreign] = [await kit.transport(), await kit.transport(), await kit.foreign()];
      await foreign.ask("dial", { address: addressOf(near) });
      await far.dial({ addresses: near.addresses() }, wait);
      await inTable(near, 2);
      await inTable(far, 1);
      const key = keyOf();
      await foreign.ask("provide", { key: hexOf(key) });
      const found: string[] = [];
      for await (const { peerId } of far.providers(key, wait)) found.push(peerId);
      assert.deepEqual(found, [foreign.peerId]);
      return "1 provider";
    },
  },
  {
    name: "provide by ours, found there",
    async run(kit) {
      const [near, far, node] = [await kit.foreign(), await kit.foreign(), await kit.transport()];
      await node.dial({ addresses: [near.address()] }, wait);
      await far.ask("dial", { address: near.address() });
      await inTable(node, 1);
      const key = keyOf();
      await node.provide(key, wait);
      let peers: unknown = [];
      await until("the provider is found there", async () => {
        peers = (await far.ask("find", { key: hexOf(key) }))["peers"];
        return (peers as readonly string[]).length > 0;
      });
      assert.deepEqual(peers, [node.peerId]);
      return "1 provider";
    },
  },
  {
    name: "an agent is found over a table of theirs",
    async run(kit) {
      const foreign = await kit.foreign();
      const links = { static: [foreign.address()] };
      const word = `demo.${randomBytes(4).toString("hex")}`;
      const agents = [{ name: "seller", definition: { capabilities: [word], methods: {} } }];
      const node = await kit.node({}, { agents, links });
      const asker = await kit.node({}, { links });
      await inTable(node, 1);
      await inTable(asker, 1);
      let found = "";
      await until("the record", async () => {
        for await (const row of asker.registry.find({
          capability: word,
          scope: "network",
          timeoutMs: 2_000,
        })) {
          found = row.address;
        }
        return found !== "";
      });
      assert.equal(found, `${node.id}:seller`);
      return "record verified";
    },
  },
];

/** Makes a node say a search, one message after the other. */
function search(node: AgentNode): void {
  const slot = slotAt("interop", node.market.nowMs() + 3_600_000, 900);
  const intent = { slot, needMilliWh: 1_000_000, maxPriceMicroPerKWh: 300_000, currency: "USD" };
  void (async () => {
    for await (const _ of node.search(intent, { windowMs: 3_000 })) continue;
  })().catch(() => undefined);
}

const heard = async (foreign: Foreign) =>
  (await foreign.ask("heard", { topic: SEARCHES }))["messages"] as readonly string[];
const subscribed = (node: AgentNode, count: number) =>
  until("subscriptions", () => {
    const topic = node.snapshot().topics.find((one) => one.topic === SEARCHES);
    return (topic?.subscribers ?? 0) >= count && (topic?.meshPeers ?? 0) >= count;
  });
const accepted = (node: AgentNode) =>
  metric(node, "messages_total", { protocol: "gossip", direction: "in", verdict: "accept" });
const rejected = (node: AgentNode) =>
  metric(node, "messages_total", { protocol: "gossip", direction: "in", verdict: "reject" });

async function listener(kit: Kit, address: string): Promise<Foreign> {
  const foreign = await kit.foreign();
  await foreign.ask("join", { topic: SEARCHES });
  await foreign.ask("dial", { address });
  return foreign;
}

const gossip: readonly Row[] = [
  {
    name: "search of ours crosses theirs to ours",
    async run(kit) {
      // Without the DHT the two of ours never meet.
      const foreign = await kit.foreign();
      await foreign.ask("join", { topic: SEARCHES });
      const [buyer, seller] = [await kit.node({ dht: false }), await kit.node({ dht: false })];
      for (const node of [buyer, seller]) await node.connect(foreign.address(), wait);
      await subscribed(buyer, 1);
      await subscribed(seller, 1);
      search(buyer);
      await until("the search there", async () => (await heard(foreign)).length > 0);
      await until("the search beyond", () => accepted(seller) > 0);
      assert.ok(!isLinked(seller, buyer.id));
      assert.equal(rejected(seller), 0);
      return `${accepted(seller)} accepted`;
    },
  },
  {
    name: "search by theirs crosses ours, junk does not",
    async run(kit) {
      const writer = await kit.node({ dht: false });
      const scribe = await listener(kit, addressOf(writer));
      await subscribed(writer, 1);
      search(writer);
      search(writer);
      await until("two searches", async () => (await heard(scribe)).length >= 2);
      const [first = "", second = ""] = await heard(scribe);

      const node = await kit.node({ dht: false });
      const teller = await listener(kit, addressOf(node));
      const reader = await listener(kit, addressOf(node));
      await subscribed(node, 2);
      const tell = (data: string) => teller.ask("publish", { topic: SEARCHES, data });
      const isHeard = (data: string) => async () => (await heard(reader)).includes(data);
      await tell(first);
      await until("the first search beyond", isHeard(first));
      const junk = Buffer.from("junk").toString("base64");
      await tell(junk);
      await until("the junk is refused", () => rejected(node) === 1);
      await tell(second);
      await until("the second search beyond", isHeard(second));
      assert.deepEqual(await heard(reader), [first, second]);
      assert.equal(accepted(node), 2);
      return "2 accepted, 1 rejected";
    },
  },
];

const calls: readonly Row[] = [
  {
    name: "node/get_info, list_agents, echo of ours",
    async run(kit) {
      const [node, foreign] = [await kit.node(), await kit.foreign()];
      await foreign.ask("dial", { address: addressOf(node) });
      const call = async (to: string, method: string, params: unknown = {}) => {
        const answer = await foreign.ask("call", { peerId: node.id, to, method, params });
        assert.equal(answer["error"], undefined, JSON.stringify(answer));
        return answer["result"];
      };
      const told = (await call("node", "node/get_info")) as Record<string, unknown>;
      assert.deepEqual([told["node_id"], told["network"], told["agents"]], [node.id, node.networkName, 1]);
      const list = (await call("node", "node/list_agents")) as {
        readonly agents: readonly { name: string }[];
      };
      assert.deepEqual(
        list.agents.map(({ name }) => name),
        ["echo"],
      );
      const said = { text: "żółw 🔋", list: [1, 2.5, null, true] };
      assert.deepEqual(await call("echo", "echo", said), said);
      assert.deepEqual(await call("node", `${node.id}:echo/echo`, said), said);
      const refused = await foreign.ask("call", {
        peerId: node.id,
        to: "node",
        method: "node/none",
        params: {},
      });
      assert.equal((refused["error"] as { code: number }).code, -32_601);
      return "4 answers, 1 refusal";
    },
  },
  {
    name: "node/get_info, list_agents, echo of theirs",
    async run(kit) {
      const [node, foreign] = [await kit.node(), await kit.foreign()];
      await node.connect(foreign.address(), wait);
      const call = (what: string, params: object = {}) =>
        node.call(`${foreign.peerId}:${what}`, { ...params }, wait);
      assert.equal(((await call("node/get_info")) as { node_id: string }).node_id, foreign.peerId);
      const list = (await call("node/list_agents")) as { agents: readonly { name: string }[] };
      assert.deepEqual(
        list.agents.map(({ name }) => name),
        ["echo"],
      );
      const all = Array.from({ length: 100 }, (_, n) => call("echo/echo", { n }));
      assert.deepEqual(
        await Promise.all(all),
        Array.from({ length: 100 }, (_, n) => ({ n })),
      );
      await assert.rejects(call("echo/none"), { code: "METHOD_NOT_FOUND" });
      return "102 answers, 1 refusal";
    },
  },
];

const limits = { maxFrameBytes: 4 * FRAME, maxInboundPerPeer: 4, relayed: false };
/** Bytes that nothing but use keeps: buffers found unused are given back beside the program, so it looks twice. */
async function heldBytes(): Promise<number> {
  collect();
  await new Promise((resolve) => setTimeout(resolve, 20));
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
const rateOf = (startMs: number) => `${((100 * 1_000) / (performance.now() - startMs)).toFixed(0)} MiB/s`;

const bulk: readonly Row[] = [
  {
    name: "100 MiB of ours to a slow reader there",
    async run(kit) {
      const [transport, foreign] = [await kit.transport({ dht: false }), await kit.foreign()];
      await foreign.ask("bulkPause", { pauseMs: PAUSE_MS });
      using _ = transport.handle(BULK, limits, (stream) => stream.reset("nothing is taken here"));
      const link = await transport.dial({ addresses: [foreign.address()] }, wait);
      const stream = await transport.open(link.peerId, BULK, wait);
      const sum = createHash("sha256");
      const frames = Array.from({ length: 31 }, () => randomBytes(FRAME));
      const [startMs, before] = [performance.now(), await heldBytes()];
      let most = before;
      for (let index = 0; index < FRAMES; index += 1) {
        const frame = frames[index % frames.length] ?? Buffer.alloc(0);
        sum.update(frame);
        await stream.writeFrame(frame, { timeoutMs: BULK_MS });
        if (index % COUNT_EVERY === 0) most = Math.max(most, await heldBytes());
      }
      await stream.closeWrite({ timeoutMs: BULK_MS });
      const answer = await stream.readFrame({ timeoutMs: BULK_MS });
      const hash = sum.digest("hex");
      assert.equal(Buffer.from(answer ?? []).toString(), hash);
      const read = await foreign.ask("bulkRead", { timeoutMs: BULK_MS });
      assert.deepEqual([read["hash"], read["bytes"]], [hash, FRAMES * FRAME]);
      const grown = (most - before) / MIB;
      assert.ok(grown <= GROWTH_MIB, `${grown.toFixed(1)} MiB more were held`);
      return `${rateOf(startMs)}, ${grown.toFixed(1)} MiB held`;
    },
  },
  {
    name: "100 MiB of theirs to a slow reader here",
    async run(kit) {
      const [transport, foreign] = [await kit.transport({ dht: false }), await kit.foreign()];
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      let most = 0;
      using _ = transport.handle(BULK, limits, (stream) => {
        void (async () => {
          const sum = createHash("sha256");
          for (let frame = await stream.readFrame(); frame !== undefined; frame = await stream.readFrame()) {
            sum.update(frame);
            most = Math.max(most, transport.snapshot().unreadBytes);
            await pause();
          }
          const hash = sum.digest("hex");
          await stream.writeFrame(Buffer.from(hash));
          await stream.closeWrite();
          resolve(hash);
        })().catch(reject);
      });
      await foreign.ask("dial", { address: addressOf(transport) });
      const startMs = performance.now();
      const asked = { peerId: transport.peerId, bytes: FRAMES * FRAME, timeoutMs: BULK_MS };
      const [told, hash] = await Promise.all([foreign.ask("bulkSend", asked), promise]);
      assert.deepEqual([told["hash"], told["answered"]], [hash, hash]);
      assert.ok(most <= HELD_KIB * KIB, `${most} bytes were held`);
      assert.deepEqual(transport.snapshot().streamResets, {});
      return `${rateOf(startMs)}, ${(most / KIB).toFixed(0)} KiB held`;
    },
  },
];

export const talkRows: readonly Row[] = [...content, ...gossip, ...calls, ...bulk];
