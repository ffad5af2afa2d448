/** A recorded session is worth nothing the second time: not to the node it was for, killed or not, and not to another. */

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ErrorCode, isProtocolError, type JsonObject } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { createNonceMemory } from "../src/gate/fresh.ts";
import { libp2p, memory, memoryHub } from "../src/network/index.ts";
import { memoryStore } from "../src/store/memory.ts";
import { openStateStore } from "../src/store/sqlite.ts";
import { manualClock } from "../src/testing/index.ts";
import { NETWORK, type RawChannel, type RawPeer, rawPeer } from "./node-fixture.ts";

const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;

interface Listener {
  readonly child: ChildProcess;
  readonly id: string;
  readonly address: string;
  readonly heard: string[];
}

async function listen(home: string, port: string): Promise<Listener> {
  const child = fork(new URL("./children/listener.ts", import.meta.url), [home, port], {
    execArgv: ["--conditions=gridmesh-source"],
  });
  const [told] = (await once(child, "message")) as [{ id: string; address: string }];
  const heard: string[] = [];
  child.on("message", (message: { heard?: string }) => {
    if (message.heard !== undefined) heard.push(message.heard);
  });
  return { child, heard, ...told };
}

async function greet(peer: RawPeer, listener: Pick<Listener, "id" | "address">): Promise<RawChannel> {
  await peer.transport.dial({ addresses: [listener.address] }, { timeoutMs: 5_000 });
  const channel = await peer.control(listener.id);
  assert.equal((await channel.hello())?.["type"], "hello_ack");
  return channel;
}

async function errorTo(channel: RawChannel, message: JsonObject): Promise<unknown> {
  await channel.send(message);
  for (;;) {
    const answer = await channel.next();
    if (answer === undefined || answer["type"] === "error_response") return answer?.["error_code"];
  }
}

test("after kill -9 a message that had its effect has none again", { timeout: 60_000 }, async () => {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-replay-"));
  await using peer = await rawPeer(libp2p(), 51);
  let listener = await listen(home, "0");
  try {
    let channel = await greet(peer, listener);
    const word = channel.seal({ type: "ext:test.word", extension_version: "1.0", data: "once" });
    const effect = once(listener.child, "message");
    await channel.send(word);
    await effect;
    assert.deepEqual(listener.heard, ["once"]);
    assert.equal(await errorTo(channel, word), "MESSAGE_REPLAYED", "while it lives");
    const exited = once(listener.child, "exit");
    listener.child.kill("SIGKILL");
    await exited;
    listener = await listen(home, /\/tcp\/(\d+)/u.exec(listener.address)?.[1] ?? "0");
    channel = await greet(peer, listener);
    assert.equal(await errorTo(channel, word), "MESSAGE_REPLAYED", "after it was killed");
    assert.deepEqual(listener.heard, []);
  } finally {
    listener.child.kill("SIGKILL");
    await rm(home, { recursive: true });
  }
});

test("a message for one node is nothing to a third, nor on another network", async () => {
  const hub = memoryHub({ seed: 52 });
  await using meant = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using third = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using peer = await rawPeer(memory({ hub }), 53);
  const channel = await greet(peer, { id: meant.id, address: meant.addresses[0] ?? "" });
  const word = channel.seal({
    type: "ext:test.word",
    extension_version: "1.0",
    data: "for one",
    optional: true,
  });
  const other = await greet(peer, { id: third.id, address: third.addresses[0] ?? "" });
  assert.equal(await errorTo(other, word), "RECIPIENT_WRONG");
  const foreign = { type: "ext:test.word", extension_version: "1.0", data: "x", optional: true };
  assert.equal(await errorTo(channel, channel.seal(foreign, { network: "elsewhere" })), "SIGNATURE_INVALID");
  assert.equal(third.extensions.dropped.size + meant.extensions.dropped.size, 0);
});

test("what the disk holds of nonces survives a table that was never closed", async () => {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-nonces-"));
  const clock = manualClock();
  const store = openStateStore(home);
  const before = createNonceMemory(store, clock, (error) => assert.fail(String(error)));
  before.add("somebody", "first");
  await clock.advance(50);
  before.add("somebody", "second");
  store.close();
  const again = openStateStore(home);
  const after = createNonceMemory(again, clock, (error) => assert.fail(String(error)));
  assert.ok(after.seen("somebody", "first"));
  assert.ok(!after.seen("somebody", "second"), "it was within its fifty milliseconds");
  again.close();
  await rm(home, { recursive: true });
});

test("a sender keeps 20,000 nonces at most and all together 200,000; none is forgotten before its time", async () => {
  const clock = manualClock();
  const memoryOf = createNonceMemory(memoryStore(), clock, (error) => assert.fail(String(error)));
  for (let n = 0; n < 20_000; n += 1) memoryOf.add("one", String(n));
  assert.throws(() => memoryOf.add("one", "more"), code("OVERLOADED"));
  for (let sender = 0; sender < 9; sender += 1) {
    for (let n = 0; n < 20_000; n += 1) memoryOf.add(`s${sender}`, String(n));
  }
  assert.throws(() => memoryOf.add("somebody else", "first"), code("OVERLOADED"));
  assert.ok(memoryOf.seen("one", "0"));
  await clock.advance(181_000);
  memoryOf.add("one", "after three minutes");
  assert.ok(!memoryOf.seen("one", "0"));
});
