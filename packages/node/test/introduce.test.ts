/** How peers are named to others: by their own signed records, few at a time, and never more than a candidate for a dial. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { createCandidates } from "../src/link/candidates.ts";
import { createPeerRecords } from "../src/link/peer-records.ts";
import { nodeLimits } from "../src/limits.ts";
import { libp2p, memory, memoryHub, type NetworkChoice, type Transport } from "../src/network/index.ts";
import { manualClock } from "../src/testing/index.ts";
import { eventually, NETWORK, type RawChannel, type RawPeer, rawPeer } from "./node-fixture.ts";

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

async function answerOn(channel: RawChannel, type: string): Promise<JsonObject | undefined> {
  for (;;) {
    const answer = await channel.next();
    if (answer === undefined || answer["type"] === type || answer["type"] === "error_response") return answer;
  }
}

async function ask(
  peer: RawPeer,
  channel: RawChannel,
  change: JsonObject = {},
): Promise<JsonObject | undefined> {
  const { signer } = peer.identity;
  const request = {
    type: "bootstrap_request",
    capabilities: [],
    public_key: base64(signer.publicKey),
    network_info: { listen_addresses: [...peer.transport.addresses()], supported_protocols: [] },
    extra: { "gridmesh.peer_record": base64(await peer.transport.peerRecord()) },
    ...change,
  };
  await channel.send(channel.seal(request));
  return answerOn(channel, "bootstrap_response");
}

async function greeted(peer: RawPeer, node: { readonly id: string; readonly addresses: readonly string[] }) {
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 2_000 });
  const channel = await peer.control(node.id);
  await channel.hello();
  return channel;
}

for (const [over, choose] of [
  [
    "memory",
    () => {
      const hub = memoryHub({ seed: 5 });
      return () => memory({ hub });
    },
  ],
  ["libp2p", () => () => libp2p()],
] as const satisfies readonly (readonly [string, () => () => NetworkChoice])[]) {
  test(`over ${over} whoever asks is told of the peers that asked before, by records they signed themselves`, async () => {
    const network = choose();
    await using node = await createNode({ network: network(), networkName: NETWORK });
    await using one = await rawPeer(network(), 11);
    await using two = await rawPeer(network(), 12);
    const told = async (peer: RawPeer) => {
      const answer = await ask(peer, await greeted(peer, node));
      const records = answer?.["peers"] as readonly string[];
      const hints = await Promise.all(
        records.map((text) => peer.transport.openPeerRecord(Buffer.from(text, "base64"))),
      );
      return hints.map(({ peerId }) => peerId);
    };
    assert.deepEqual(await told(one), [node.id]);
    assert.deepEqual(await told(two), [node.id, one.identity.peerId]);
  });
}

test("a record of somebody else, or one that hides where its peer listens, is refused", async () => {
  const hub = memoryHub({ seed: 6 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using one = await rawPeer(memory({ hub }), 13);
  await using two = await rawPeer(memory({ hub }), 14);
  const foreign = base64(await two.transport.peerRecord());
  const first = await ask(one, await greeted(one, node), { extra: { "gridmesh.peer_record": foreign } });
  assert.equal(first?.["error_code"], "RECORD_INVALID");
  const elsewhere = { listen_addresses: ["/ip4/198.51.100.7/tcp/4801"], supported_protocols: [] };
  const second = await ask(two, await greeted(two, node), { network_info: elsewhere });
  assert.equal(second?.["error_code"], "RECORD_INVALID");
});

test("a node that is about to stop introduces nobody, and who asks knows why", async () => {
  const hub = memoryHub({ seed: 7 });
  const stopping = Promise.withResolvers<void>();
  const slow = { capabilities: [], stop: () => stopping.promise };
  const agents = [{ name: "slow", definition: slow }];
  const node = await createNode({ network: memory({ hub }), networkName: NETWORK, agents });
  await using peer = await rawPeer(memory({ hub }), 16);
  const channel = await greeted(peer, node);
  const stopped = node.stop();
  await eventually("draining", () => node.state === "draining");
  const answer = await ask(peer, channel);
  assert.deepEqual([answer?.["accepted"], answer?.["reason"], answer?.["peers"]], [false, "draining", []]);
  const codes: unknown[] = [];
  const put = (_event: string, _message: string, fields?: { readonly code?: unknown }) =>
    void codes.push(fields?.code);
  const log = { debug: put, info: put, warn: put, error: put, child: () => log };
  await using other = await createNode({ network: memory({ hub }), networkName: NETWORK, log });
  await other.connect(node.addresses[0] ?? "");
  await eventually("the refusal is told", () => codes.includes("BOOTSTRAP_REFUSED"));
  stopping.resolve();
  await stopped;
});

test("an introduction is a candidate for a dial, if its record holds; the ninth in a minute is refused", async () => {
  const hub = memoryHub({ seed: 8 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using one = await rawPeer(memory({ hub }), 17);
  await using named = await rawPeer(memory({ hub }), 18);
  const channel = await greeted(one, node);
  const introduce = (introduced: string) =>
    channel.send(
      channel.seal({
        type: "peer_introduction",
        introduced,
        reason: "capability",
        capability: "energy.sell",
      }),
    );
  await introduce(base64(await named.transport.peerRecord()));
  await eventually("it is dialled", () => named.transport.links().some(({ peerId }) => peerId === node.id));
  await introduce(base64(new Uint8Array(80)));
  assert.equal((await answerOn(channel, "error_response"))?.["error_code"], "RECORD_INVALID");
  for (let n = 0; n < nodeLimits.introductions - 2; n += 1)
    await introduce(base64(await named.transport.peerRecord()));
  await introduce(base64(await named.transport.peerRecord()));
  assert.equal((await answerOn(channel, "error_response"))?.["error_code"], "RATE_LIMITED");
});

test("candidates are 256 at most and two of a /24, and are forgotten after ten minutes", async () => {
  const clock = manualClock();
  const dialled: string[] = [];
  const candidates = createCandidates(clock, ({ peerId }) => dialled.push(peerId));
  const hint = (peerId: string, address: string) => ({
    peerId,
    addresses: [`${address}/tcp/4801/p2p/${peerId}`],
  });
  assert.ok(candidates.take(hint("a", "/ip4/198.51.100.1")));
  assert.ok(candidates.take(hint("b", "/ip4/198.51.100.2")));
  assert.ok(candidates.take(hint("b", "/ip4/198.51.100.2")), "again is no other");
  assert.equal(candidates.take(hint("c", "/ip4/198.51.100.3")), false);
  assert.ok(candidates.take(hint("d", "/ip4/203.0.113.1")));
  for (let n = 3; n < nodeLimits.candidates; n += 1)
    assert.ok(candidates.take(hint(`n${n}`, `/ip4/8.${n}.0.1`)));
  assert.equal(candidates.take(hint("late", "/ip4/9.9.9.9")), false);
  await clock.advance(nodeLimits.candidateMs);
  assert.ok(candidates.take(hint("late", "/ip4/9.9.9.9")));
  assert.equal(dialled.at(-1), "late");
});

test("peers are told spread over their networks, newest first, 32 at most, none of a LAN in a public network", () => {
  const linked: string[] = [];
  const transport = { links: () => linked.map((peerId) => ({ peerId })) } as unknown as Transport;
  const told = (tellsPrivate: boolean, addresses: readonly string[]) => {
    const records = createPeerRecords({ transport, tellsPrivate });
    addresses.forEach((address, seq) => {
      const peerId = `p${seq}`;
      linked.push(peerId);
      records.keep({ text: peerId, hint: { peerId, seq, addresses: [`${address}/tcp/1/p2p/${peerId}`] } });
    });
    return records.others("p0");
  };
  assert.deepEqual(
    told(true, ["/ip4/8.8.0.1", "/ip4/8.8.0.2", "/ip4/8.8.0.3", "/ip4/9.9.0.4", "/ip4/8.8.1.5"]),
    ["p4", "p3", "p2", "p1"],
  );
  assert.deepEqual(told(false, ["/ip4/8.8.0.1", "/ip4/10.0.0.2", "/ip4/8.8.0.3"]), ["p2"]);
  assert.equal(
    told(
      true,
      Array.from({ length: 50 }, (_, n) => `/ip4/8.${n}.0.1`),
    ).length,
    32,
  );
});
