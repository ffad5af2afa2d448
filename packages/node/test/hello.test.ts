/** How two nodes begin to talk, whatever versions and features they have, and whoever speaks first. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ErrorCode,
  type HelloOffer,
  isProtocolError,
  keyFromPeerId,
  ownOffer,
} from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { libp2p, memory, memoryHub, type NetworkChoice, type Transport } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import type { NodeOptions } from "../src/node-options.ts";
import { manualClock } from "../src/testing/index.ts";
import { eventually, heartbeat, NETWORK, type RawChannel, type RawPeer, rawPeer } from "./node-fixture.ts";

const CONTROL = "/gridmesh/control/1";
const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;

async function pair(options: Partial<NodeOptions> = {}) {
  const hub = memoryHub({ seed: 11 });
  const stack = new AsyncDisposableStack();
  const node = stack.use(await createNode({ network: memory({ hub }), networkName: NETWORK, ...options }));
  const peer = stack.use(await rawPeer(memory({ hub }), 12));
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const channel = await peer.control(node.id);
  return { hub, node, peer, channel, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function greet(channel: RawChannel, offer: Partial<HelloOffer>) {
  await channel.send(channel.seal({ type: "hello", ...ownOffer(NETWORK, "raw/0"), ...offer }));
  return await channel.next();
}

/** The code of the next error; what else the node says is passed over. */
async function errorOn(channel: RawChannel): Promise<unknown> {
  let answer = await channel.next();
  while (answer !== undefined && answer["type"] !== "error_response") answer = await channel.next();
  return answer?.["error_code"];
}

/** What each side offers in each pair, and what both must select. */
function versionPairs(): readonly (readonly [
  mine: readonly string[],
  theirs: readonly string[],
  string | undefined,
])[] {
  const sets = [["1.0"], ["1.1", "1.0"], ["1.1"]] as const;
  const others = [
    ["1.0"],
    ["1.1"],
    ["1.2"],
    ["1.1", "1.0"],
    ["1.2", "1.1"],
    ["1.2", "1.0"],
    ["1.2", "1.1", "1.0"],
  ];
  return sets.flatMap((mine) =>
    others.map((theirs) => {
      const common = theirs.filter((version) => (mine as readonly string[]).includes(version)).toSorted();
      return [mine, theirs, common.at(-1)] as const;
    }),
  );
}

test("every pair of versions selects the highest both have, or parts with the list", async () => {
  for (const [mine, theirs, expected] of versionPairs()) {
    await using rig = await pair({ protocolVersions: mine });
    const { channel, node } = rig;
    const offer = { supported_versions: theirs, preferred_version: theirs[0] ?? "" };
    const answer = await greet(channel, offer);
    const told = `${mine.join()} and ${theirs.join()}`;
    if (expected === undefined) {
      assert.equal(answer?.["error_code"], "VERSION_UNSUPPORTED", told);
      // 1.0 has no place for facts in an error.
      if (mine[0] !== "1.0") assert.deepEqual(answer?.["data"], { supported_versions: mine });
      await eventually("the link goes", () => node.snapshot().links === 0);
      continue;
    }
    assert.equal(answer?.["selected_version"], expected, told);
    assert.equal(answer?.["version"], expected, "what follows is said in that version");
    if (expected === "1.0") {
      await channel.send(channel.seal(heartbeat, { version: "1.1" }));
      assert.equal(await errorOn(channel), "VERSION_UNSUPPORTED", told);
    }
  }
});

test("two nodes of different versions talk in the lower one, in both directions", async () => {
  const hub = memoryHub({ seed: 13 });
  const start = (options: Partial<NodeOptions>, bootstrap: readonly string[] = []) =>
    createNode({ network: memory({ hub, bootstrap }), networkName: NETWORK, ...options });
  await using old = await start({ protocolVersions: ["1.0"] });
  await using young = await start({ agents: [] }, old.addresses);
  await eventually("linked", () => old.peers().length === 1 && young.snapshot().links === 1);
  const { node_id: id } = (await young.call(`${old.id}:node/get_info`)) as { node_id: string };
  assert.equal(id, old.id);
});

test("a feature that one side requires and the other lacks parts them, and says which", async () => {
  {
    await using rig = await pair({ features: { cbor: "required" } });
    const answer = await greet(rig.channel, { optional_features: [] });
    assert.equal(answer?.["error_code"], "FEATURE_REQUIRED");
    assert.deepEqual(answer?.["data"], { features: ["cbor"] });
    await eventually("the link goes", () => rig.node.snapshot().links === 0);
  }
  await using rig = await pair();
  const answer = await greet(rig.channel, { required_features: ["encryption", "leases"] });
  assert.equal(answer?.["error_code"], "FEATURE_REQUIRED");
  await eventually("the link goes", () => rig.node.snapshot().links === 0);
});

test("a node offers nothing that it has not, and refuses to be told otherwise", async () => {
  const hub = memoryHub({ seed: 14 });
  const start = (options: Partial<NodeOptions>) => createNode({ network: memory({ hub }), ...options });
  const wrong: readonly Partial<NodeOptions>[] = [
    { features: { leases: "optional" } },
    { features: { compression: "required" } },
    { features: { encryption: "off" } },
    { protocolVersions: ["1.2"] },
  ];
  for (const options of wrong)
    await assert.rejects(start(options), code("CONFIG_INVALID"), JSON.stringify(options));
});

test("an acknowledgement that was changed on its way ends the link", async () => {
  for (const spoil of [
    { selected_version: "1.0" },
    { features: ["cbor", "encryption"] },
    { hello_hash: `sha256:${"0".repeat(64)}` },
    { required_features: ["encryption"], supported_versions: ["1.0"], preferred_version: "1.0" },
  ]) {
    const hub = memoryHub({ seed: 15 });
    const acks: Promise<void>[] = [];
    let peer: RawPeer | undefined;
    await using raw = await rawPeer(memory({ hub }), 16, (stream) => {
      if (stream.protocol !== CONTROL || peer === undefined) return;
      acks.push(peer.acknowledge(stream, spoil).catch(() => undefined));
    });
    peer = raw;
    await using node = await createNode({
      network: memory({ hub, bootstrap: raw.transport.addresses() }),
      networkName: NETWORK,
    });
    await eventually("linked and left", () => acks.length > 0 && node.snapshot().links === 0);
    await Promise.all(acks);
  }
});

test("messages travel as CBOR or protobuf where both have it, in both directions", async () => {
  for (const features of [
    { cbor: "off" },
    { cbor: "required" },
    { cbor: "off", protobuf: "required" },
  ] as const) {
    const hub = memoryHub({ seed: 17 });
    const seen = new Set<number>();
    const start = (bootstrap: readonly string[]) =>
      createNode({ network: spying(memory({ hub, bootstrap }), seen), networkName: NETWORK, features });
    await using one = await start([]);
    await using two = await start(one.addresses);
    await eventually("both greeted", () => greetedAs(one) && greetedAs(two));
    // hello and its ack are JSON; the introduction and the heartbeat that follow are as agreed.
    const flag = features.cbor === "required" ? 2 : "protobuf" in features ? 4 : 0;
    await eventually(`a frame of flags ${flag}`, () => seen.has(flag));
    assert.deepEqual(seen, new Set([0, flag]));
    assert.equal(one.findings().length, two.findings().length);
  }
});

test("a frame in a spelling that was not agreed on is refused and ends its stream", async () => {
  await using rig = await pair({ features: { cbor: "off" } });
  const { channel } = rig;
  await channel.hello();
  await channel.stream.writeFrame(Uint8Array.of(2, 0xa0));
  assert.equal(await errorOn(channel), "ENCODING_UNSUPPORTED");
});

for (const [over, rounds, choose] of [
  [
    "memory",
    100,
    () => {
      const hub = memoryHub({ seed: 18 });
      return () => memory({ hub });
    },
  ],
  ["libp2p", 5, () => () => libp2p()],
] as const satisfies readonly (readonly [string, number, () => () => NetworkChoice])[]) {
  test(`over ${over} two that open the control stream at once keep one, that of the smaller PeerId, ${rounds} of ${rounds}`, async () => {
    let kept = 0;
    for (let round = 0; round < rounds; round += 1) {
      const network = choose();
      const streams: ControlStream[] = [];
      const start = () => createNode({ network: eager(network(), streams), networkName: NETWORK });
      await using one = await start();
      await using two = await start();
      await one.connect(two.addresses[0] ?? "");
      const open = () => streams.filter((stream) => !stream.isOver);
      await eventually("greeted", () => greetedAs(one) && greetedAs(two));
      await eventually("one stream", () => streams.length >= 2 && open().length === 2);
      const [a, b] = [keyFromPeerId(one.id), keyFromPeerId(two.id)];
      const smaller = Buffer.compare(a, b) < 0 ? one.id : two.id;
      assert.deepEqual(new Set(open().map(({ openedBy }) => openedBy)), new Set([smaller]));
      assert.equal(streams.filter(({ isOver }) => isOver).length >= 2, true, "both had opened one");
      kept += 1;
    }
    assert.equal(kept, rounds);
  });
}

test("a control stream that is lost is opened again after a second, and three losses a minute end the link", async () => {
  const clock = manualClock();
  const hub = memoryHub({ seed: 19 });
  const opened: { reset(reason: string): void }[] = [];
  let peer: RawPeer | undefined;
  const starting = rawPeer(memory({ hub }), 20, (stream) => {
    if (stream.protocol !== CONTROL || peer === undefined) return;
    opened.push(stream);
    void peer.acknowledge(stream).catch(() => undefined);
  });
  peer = await starting;
  await using raw = peer;
  const beginning = createNode({
    network: memory({ hub, bootstrap: raw.transport.addresses() }),
    networkName: NETWORK,
    clock,
  });
  await clock.advance(1_000);
  await using node = await beginning;
  const greeted = async (count: number) => {
    for (let n = 0; n < 50 && opened.length < count; n += 1) await clock.advance(20);
    assert.equal(opened.length, count);
    await clock.advance(100);
  };
  await greeted(1);
  for (const count of [2, 3]) {
    opened.at(-1)?.reset("lost");
    await clock.advance(900);
    assert.equal(opened.length, count - 1);
    await greeted(count);
  }
  opened.at(-1)?.reset("lost");
  await eventually("the link goes", () => node.snapshot().links === 0);
  await clock.advance(1_000);
});

function greetedAs(node: AgentNode): boolean {
  return node.peers().some(({ agreed }) => agreed !== undefined);
}

interface ControlStream {
  readonly openedBy: string;
  isOver: boolean;
}

/** Both sides believe they have dialled, as after a simultaneous dial. */
function eager(choice: NetworkChoice, streams: ControlStream[]): NetworkChoice {
  return wrapped(choice, (transport) => ({
    links: () => transport.links().map((link) => ({ ...link, inbound: false })),
    async open(...asked: Parameters<Transport["open"]>) {
      const stream = await transport.open(...asked);
      if (asked[1] === CONTROL) follow(stream, transport.peerId);
      return stream;
    },
    handle: (...[protocol, limits, on]: Parameters<Transport["handle"]>) =>
      transport.handle(protocol, limits, (stream, from) => {
        if (protocol === CONTROL) follow(stream, from.peerId);
        on(stream, from);
      }),
  }));
  function follow(stream: { readonly closed: Promise<unknown> }, openedBy: string): void {
    const entry: ControlStream = { openedBy, isOver: false };
    streams.push(entry);
    void stream.closed.then(() => (entry.isOver = true));
  }
}

/** Notes the flags of all control frames that come in. */
function spying(choice: NetworkChoice, seen: Set<number>): NetworkChoice {
  const watch = <S extends { readFrame(): Promise<Uint8Array | undefined> }>(stream: S): S => {
    const read = stream.readFrame.bind(stream);
    stream.readFrame = async () => {
      const frame = await read();
      if (frame?.[0] !== undefined) seen.add(frame[0]);
      return frame;
    };
    return stream;
  };
  return wrapped(choice, (transport) => ({
    handle: (...[protocol, limits, on]: Parameters<Transport["handle"]>) =>
      transport.handle(protocol, limits, (stream, from) =>
        on(protocol === CONTROL ? watch(stream) : stream, from),
      ),
  }));
}

function wrapped(choice: NetworkChoice, change: (transport: Transport) => Partial<Transport>): NetworkChoice {
  return {
    ...choice,
    async create(context) {
      const transport = await choice.create(context);
      const changed = change(transport);
      return new Proxy(transport, {
        get(target, name) {
          const own: unknown = Reflect.get(changed, name);
          if (own !== undefined) return own;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
      });
    },
  };
}
