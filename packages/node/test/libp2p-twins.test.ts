/** Two connections to one peer, of dials that crossed: one is kept, and nothing is lost with the other. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { type BoundedStream, libp2p } from "../src/network/index.ts";
import { createNode } from "../src/create-node.ts";
import { settingsOf } from "../src/network/libp2p/choice.ts";
import { partsOf } from "../src/network/libp2p/create.ts";
import { Libp2pTransport } from "../src/network/libp2p/node.ts";
import type { TransportParts } from "../src/network/libp2p/parts.ts";
import { rigged, type Rigged } from "./libp2p-rig.ts";
import { NETWORK } from "./node-fixture.ts";
import { limits, protocol, until, wait } from "./transport-fixture.ts";

const TOPIC = "gridmesh/test/search/energy";
const standing = "/gridmesh/test/standing/1";
const GOSSIP = /^\/meshsub\//u;

/** Lower PeerId first. */
async function pair(): Promise<{ readonly low: Rigged; readonly high: Rigged } & AsyncDisposable> {
  const [one, two] = [await rigged({ dht: false }), await rigged({ dht: false })];
  for (const { transport, parts } of [one, two]) {
    // Both let in what crosses, as two do whose handshakes end at the same moment.
    parts.gater.denyInboundEncryptedConnection = () => false;
    transport.handle(protocol, limits, (stream) => void answer(stream));
    transport.handle(standing, { ...limits, unmetered: true }, (stream) => void answer(stream));
  }
  const [low, high] = one.transport.peerId < two.transport.peerId ? [one, two] : [two, one];
  return {
    low,
    high,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([one, two].map((node) => node[Symbol.asyncDispose]()));
    },
  };
}

/** A connection of its own from one to the other, whatever stands already. */
async function connect(from: Rigged, to: Rigged): Promise<Connection> {
  const [address = ""] = to.transport.addresses();
  using _ = from.parts.gater.allowDials([to.transport.peerId]);
  const { connectionManager } = from.parts.node.services.inside;
  const before = connections(to);
  const connection = await connectionManager.openConnection(multiaddr(address), { force: true });
  await until(() => connections(to) > before, "the other side sees the connection");
  return connection;
}

/** What gossip has beyond its published type. */
interface GossipInside {
  readonly streamsOutbound: ReadonlyMap<string, { readonly rawStream: Stream }>;
  readonly protocols: readonly string[];
  readonly components: {
    readonly registrar: { getHandler(name: string): { handler: () => void; options: object } };
  };
}
const gossipOf = ({ parts }: Rigged) => parts.node.services.pubsub as unknown as GossipInside;

const connections = ({ transport }: Rigged) => transport.snapshot().connections;
const subscribers = ({ transport }: Rigged) => transport.snapshot().topics[0]?.subscribers ?? 0;

/** Every link event of these from now on. */
function linkEvents(...nodes: readonly Rigged[]): string[] {
  const told: string[] = [];
  for (const name of ["link", "unlink"] as const) {
    for (const { transport } of nodes) transport.on(name, () => told.push(name));
  }
  return told;
}

function listen({ transport }: Rigged): string[] {
  const heard: string[] = [];
  transport.join(TOPIC, async (_from, data) => {
    heard.push(Buffer.from(data).toString());
    return await Promise.resolve("accept" as const);
  });
  return heard;
}

const publish = ({ transport }: Rigged, text: string) => transport.publish(TOPIC, Buffer.from(text));

/** Sends every frame back for as long as there are any. */
async function answer(stream: BoundedStream): Promise<void> {
  try {
    for (let frame = await stream.readFrame(); frame !== undefined; frame = await stream.readFrame()) {
      await stream.writeFrame(frame, wait);
    }
    await stream.close(wait);
  } catch {
    stream.reset("the echo ended");
  }
}

async function echoes(stream: BoundedStream, text: string): Promise<void> {
  await stream.writeFrame(Buffer.from(text), wait);
  assert.equal(Buffer.from((await stream.readFrame(wait)) ?? []).toString(), text);
}

test("of two connections the lower PeerId's dial is kept, gossip moves over, and neither side sees a link go", async () => {
  await using nodes = await pair();
  const { low, high } = nodes;
  const heard = [listen(low), listen(high)];
  await connect(high, low);
  await until(() => subscribers(low) === 1 && subscribers(high) === 1, "both subscribe");
  const kept = await connect(low, high);
  const told = linkEvents(low, high);
  const said: string[] = [];
  // Somebody speaks all the while.
  while (connections(low) > 1 || connections(high) > 1) {
    assert.ok(said.length < 3_000, "the second connection is closed");
    for (const node of [low, high]) {
      const text = `${node.transport.peerId} ${said.length}`;
      said.push(text);
      await publish(node, text);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await until(() => heard.flat().length >= said.length, "every message");
  assert.deepEqual(heard.flat().toSorted(), said.toSorted());
  assert.deepEqual(low.parts.links.connections(), [kept]);
  assert.ok(kept.streams.some((stream) => GOSSIP.test(stream.protocol)));
  assert.deepEqual(told, []);
});

test("a connection on which something stands as long as the link is kept instead, and what is under way may finish", async () => {
  await using nodes = await pair();
  const { low, high } = nodes;
  const first = await connect(high, low);
  const control = await high.transport.open(low.transport.peerId, standing, wait);
  await echoes(control, "hello");
  const second = await connect(low, high);
  // As it is when each side saw another one open first.
  low.parts.links.prefer(second);
  const call = await low.transport.open(high.transport.peerId, protocol, wait);
  await echoes(call, "before");
  await call.leaving;
  // Whatever comes now goes over the other.
  const next = await low.transport.open(high.transport.peerId, protocol, wait);
  await echoes(next, "after");
  assert.equal(second.streams.filter((stream) => stream.protocol === protocol).length, 1);
  // Longer than an empty one would have stood.
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  await echoes(call, "still under way");
  await call.close(wait);
  await until(() => connections(low) === 1 && connections(high) === 1, "one connection each", 10_000);
  assert.equal(first.status, "open");
  await echoes(control, "still here");
  await echoes(next, "and here");
});

/** A node with an agent that gives its argument back after so many milliseconds. */
async function nodeOf(): Promise<Rigged & { readonly node: Awaited<ReturnType<typeof createNode>> }> {
  const made: { parts: TransportParts; transport: Libp2pTransport }[] = [];
  const options = { dht: false, listen: ["/ip4/127.0.0.1/tcp/0"] };
  const node = await createNode({
    networkName: NETWORK,
    network: {
      ...libp2p(options),
      async create(context) {
        const parts = await partsOf(settingsOf(options), context);
        parts.gater.denyInboundEncryptedConnection = () => false;
        const transport = new Libp2pTransport(parts);
        made.push({ parts, transport });
        return transport;
      },
    },
    agents: [
      {
        name: "echo",
        definition: {
          capabilities: [],
          methods: {
            after: async (params) => {
              const [ms] = params as [number];
              await new Promise((resolve) => setTimeout(resolve, ms));
              return ms;
            },
          },
        },
      },
    ],
  });
  const [rig] = made;
  assert.ok(rig !== undefined);
  return { ...rig, node, [Symbol.asyncDispose]: () => node.stop({ deadlineMs: 0 }) };
}

test("no call fails while two nodes leave one of their two connections, however long it takes", async () => {
  await using one = await nodeOf();
  await using two = await nodeOf();
  const first = await connect(one, two);
  // Greeted, so that control stands here.
  assert.equal(await one.node.call(`${two.node.id}:echo/after`, [0]), 0);
  const told = linkEvents(one, two);
  const second = await connect(two, one);
  // As it is when each side saw another one open first.
  two.parts.links.prefer(second);
  const long = two.node.call(`${one.node.id}:echo/after`, [4_000]);
  const calls: Promise<unknown>[] = [long];
  await until(() => second.streams.some(({ protocol: name }) => name === "/gridmesh/rpc/1"), "a call on it");
  let isOver = false;
  void long.finally(() => (isOver = true));
  while (!isOver) {
    calls.push(
      two.node.call(`${one.node.id}:echo/after`, [1]),
      one.node.call(`${two.node.id}:echo/after`, [1]),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.all(calls);
  await until(() => connections(one) === 1 && connections(two) === 1, "one connection each", 20_000);
  assert.deepEqual([first.status, second.status], ["open", "closed"]);
  assert.deepEqual(told, []);
  assert.deepEqual(
    [one, two].map(({ transport }) => transport.snapshot().streamResets),
    [{}, {}],
  );
});

for (const end of ["close", "abort"] as const) {
  test(`gossip goes on both ways over another connection once its own ends by ${end}`, async () => {
    await using nodes = await pair();
    const { low, high } = nodes;
    const heard = { low: listen(low), high: listen(high) };
    const spoken = await connect(high, low);
    await until(() => subscribers(low) === 1 && subscribers(high) === 1, "both subscribe");
    const spare = await connect(low, high);
    const told = linkEvents(low, high);
    assert.equal(spoken.streams.filter((stream) => GOSSIP.test(stream.protocol)).length, 2);
    if (end === "close") await spoken.close();
    else spoken.abort(new Error("cut"));
    const speaks = (from: Rigged, to: Rigged) => {
      const isOpen = gossipOf(from).streamsOutbound.get(to.transport.peerId)?.rawStream.status === "open";
      return isOpen && subscribers(from) === 1;
    };
    await until(() => speaks(low, high) && speaks(high, low), "gossip on the other", 10_000);
    assert.equal(spare.streams.filter((stream) => GOSSIP.test(stream.protocol)).length, 2);
    await publish(low, "from the lower");
    await publish(high, "from the higher");
    await until(() => heard.low.length > 0 && heard.high.length > 0, "a message each way");
    assert.deepEqual([heard.low, heard.high], [["from the higher"], ["from the lower"]]);
    for (const [one, other] of [
      [low, high],
      [high, low],
    ] as const) {
      await echoes(await one.transport.open(other.transport.peerId, protocol, wait), "hello");
    }
    assert.deepEqual(told, []);
  });
}

test("a stream of gossip that breaks is opened again, and where it is refused once more after five seconds", async () => {
  await using nodes = await pair();
  const { low, high } = nodes;
  const heard = listen(high);
  listen(low);
  const connection = await connect(low, high);
  await until(() => subscribers(low) === 1 && subscribers(high) === 1, "both subscribe");
  const triesMs: number[] = [];
  const newStream = connection.newStream.bind(connection);
  connection.newStream = (names, options) => {
    if ([names].flat().some((name) => GOSSIP.test(name))) triesMs.push(performance.now());
    return newStream(names, options);
  };
  const { protocols, components } = gossipOf(high);
  const handlers = protocols.map((name) => ({ name, ...components.registrar.getHandler(name) }));
  await high.parts.node.unhandle([...protocols]);
  const spoken = () => gossipOf(low).streamsOutbound.get(high.transport.peerId)?.rawStream;
  spoken()?.abort(new Error("cut"));
  const sinceTry = () => performance.now() - (triesMs.at(-1) ?? performance.now());
  // The other side opens its own anew, and to answer that is one more.
  await until(() => sinceTry() > 500, "tries that are refused, and a pause", 10_000);
  const refused = triesMs.length;
  for (const { name, handler, options } of handlers) await high.parts.node.handle(name, handler, options);
  await until(() => spoken() !== undefined, "a stream once more", 20_000);
  const [last = 0, next = 0] = triesMs.slice(refused - 1);
  assert.ok(refused <= 2 && next - last > 4_500, `${refused} tries, then one after ${next - last} ms`);
  await until(() => subscribers(low) === 1 && subscribers(high) === 1, "both are subscribed", 10_000);
  await publish(low, "still heard");
  await until(() => heard.length === 1, "a message");
});
