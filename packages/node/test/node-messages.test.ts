import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isProtocolError, ownOffer } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { libp2p, type MemoryHub, memory, memoryHub } from "../src/network/index.ts";
import { eventually, heartbeat, NETWORK, rawPeer } from "./node-fixture.ts";

async function nodeAndStranger(home?: string) {
  const hub = memoryHub({ seed: 7 });
  const stack = new AsyncDisposableStack();
  const node = stack.use(await createNode({ network: memory({ hub }), networkName: NETWORK, home }));
  const peer = stack.use(await rawPeer(memory({ hub }), 1));
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const channel = await peer.control(node.id);
  return { hub, node, peer, channel, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const codeOf = (message: { readonly [key: string]: unknown } | undefined) => message?.["error_code"];

test("hello is acknowledged, and nothing is taken before it", async () => {
  await using rig = await nodeAndStranger();
  const { channel } = rig;
  await channel.send(channel.seal(heartbeat));
  assert.equal(codeOf(await channel.next()), "HELLO_REQUIRED");
  const ack = await channel.hello();
  assert.equal(ack?.["type"], "hello_ack");
  assert.equal(ack?.["selected_version"], "1.1");
});

test("a peer of another network is told so and left", async () => {
  await using rig = await nodeAndStranger();
  const { channel, node } = rig;
  assert.equal(codeOf(await channel.hello("elsewhere")), "NETWORK_MISMATCH");
  await eventually("the link goes", () => node.snapshot().links === 0);
});

test("tampered, misdirected, stale and replayed messages come back as their codes", async () => {
  await using rig = await nodeAndStranger();
  const { channel, node } = rig;
  await channel.hello();
  const errorFor = async (message: { readonly [key: string]: never } | object) => {
    // Errors to what proves nothing go out once a second.
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    await channel.send(message as never);
    let answer = await channel.next();
    while (answer !== undefined && answer["type"] !== "error_response") answer = await channel.next();
    assert.equal(answer?.["original_message_id"], (message as { message_id: string }).message_id);
    return codeOf(answer);
  };
  const good = channel.seal(heartbeat);
  await channel.send(good);
  assert.equal(await errorFor(good), "MESSAGE_REPLAYED");
  assert.equal(
    await errorFor({ ...channel.seal(heartbeat), available_capacity: 0.50000001 }),
    "SIGNATURE_INVALID",
  );
  assert.equal(
    await errorFor(channel.seal({ ...heartbeat, recipient_id: "ed25519:other" })),
    "RECIPIENT_WRONG",
  );
  const nowS = Math.floor(Date.now() / 1000);
  assert.equal(await errorFor(channel.seal(heartbeat, { nowS: nowS - 120 })), "MESSAGE_STALE");
  assert.equal(await errorFor(channel.seal({ ...heartbeat, surplus: 1 })), "SCHEMA_INVALID");
  assert.equal(node.state, "running");
  const foreign = channel.seal(heartbeat, { network: "elsewhere" });
  assert.equal(await errorFor(foreign), "SIGNATURE_INVALID");
});

test("what proves nothing is answered once a second, stale, replayed and forged messages together", async () => {
  await using rig = await nodeAndStranger();
  const { channel } = rig;
  await channel.hello();
  const good = channel.seal(heartbeat);
  await channel.send(good);
  const nowS = Math.floor(Date.now() / 1000);
  for (let n = 0; n < 3; n += 1) {
    await channel.send(good);
    await channel.send(channel.seal(heartbeat, { nowS: nowS - 120 }));
  }
  await channel.send({ ...channel.seal(heartbeat), active_tasks: 1 });
  await channel.send(channel.seal({ ...heartbeat, recipient_id: "ed25519:other" }));
  await channel.send(channel.seal({ type: "hello", ...ownOffer(NETWORK, "raw/0") }));
  const codes: unknown[] = [];
  for (let answer = await channel.next(); answer?.["type"] !== "hello_ack"; answer = await channel.next()) {
    if (answer?.["type"] === "error_response") codes.push(codeOf(answer));
  }
  assert.deepEqual(codes, ["MESSAGE_REPLAYED"]);
});

test("ten malformed frames within a minute ban their sender, also after a restart", async () => {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-ban-"));
  try {
    const peerId = await spam(home);
    const hub: MemoryHub = memoryHub({ seed: 8 });
    await using again = await createNode({ network: memory({ hub }), networkName: NETWORK, home });
    await using peer = await rawPeer(memory({ hub }), 1);
    assert.equal(peer.identity.peerId, peerId);
    const dialled = peer.transport.dial({ addresses: again.addresses }, { timeoutMs: 1_000 });
    await assert.rejects(
      dialled,
      (error: unknown) => isProtocolError(error) && error.code === "PEER_UNREACHABLE",
    );
    assert.equal(again.snapshot().links, 0);
    assert.equal(again.state, "running");
  } finally {
    await rm(home, { recursive: true });
  }
});

async function spam(home: string): Promise<string> {
  await using rig = await nodeAndStranger(home);
  const { node, peer } = rig;
  const codes: unknown[] = [];
  for (let round = 0; round < 10 && node.snapshot().links > 0; round += 1) {
    const channel = await peer.control(node.id);
    await channel.sendBytes(new TextEncoder().encode(`{"type": ${round}}`));
    for (let answer = await channel.next(); answer !== undefined; answer = await channel.next()) {
      codes.push(codeOf(answer));
    }
    await channel.stream.close();
  }
  assert.equal(codes[0], "MESSAGE_MALFORMED");
  assert.equal(codes.at(-1), "PEER_BANNED");
  await eventually("the link goes", () => node.snapshot().links === 0);
  assert.equal(node.peers().find((row) => row.peerId === peer.identity.peerId)?.state, "banned");
  return peer.identity.peerId;
}

test("over libp2p a tampered and a replayed message get their codes, and the node goes on", async () => {
  await using node = await createNode({ network: libp2p(), networkName: NETWORK });
  await using peer = await rawPeer(libp2p(), 21);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 2_000 });
  const channel = await peer.control(node.id);
  assert.equal((await channel.hello())?.["type"], "hello_ack");
  const errorFor = async (message: Parameters<typeof channel.send>[0]) => {
    // Errors to what proves nothing go out once a second.
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    await channel.send(message);
    let answer = await channel.next();
    while (answer !== undefined && answer["type"] !== "error_response") answer = await channel.next();
    return codeOf(answer);
  };
  const good = channel.seal(heartbeat);
  await channel.send(good);
  assert.equal(await errorFor(good), "MESSAGE_REPLAYED");
  assert.equal(await errorFor({ ...channel.seal(heartbeat), active_tasks: 1 }), "SIGNATURE_INVALID");
  await channel.send(channel.seal(heartbeat));
  assert.equal(node.state, "running");
  assert.equal(node.snapshot().links, 1);
});
