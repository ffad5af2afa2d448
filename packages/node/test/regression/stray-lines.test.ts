import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "@gridmesh/protocol";
import { createNode } from "../../src/create-node.ts";
import { createOverruns } from "../../src/gate/overruns.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { manualClock } from "../../src/testing/index.ts";
import { echoAgent, NETWORK, rawPeer } from "../node-fixture.ts";

async function session() {
  const hub = memoryHub({ seed: 7 });
  const stack = new AsyncDisposableStack();
  const agents = [echoAgent("echo")];
  const node = stack.use(await createNode({ network: memory({ hub }), networkName: NETWORK, agents }));
  const peer = stack.use(await rawPeer(memory({ hub }), 1));
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const stream = await peer.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 1_000 });
  const write = (text: string) => stream.write(new TextEncoder().encode(text));
  const read = async () => Buffer.from((await stream.readLine({ timeoutMs: 2_000 })) ?? []).toString();
  await write('{"v":1,"to":"echo","proto":"plain","mode":"call"}\n');
  await read();
  return { write, read, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("answers to nothing and cancellings of nothing count as messages: too many end the stream", async () => {
  for (const stray of [
    '{"jsonrpc":"2.0","id":1,"result":{}}\n',
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}\n',
    '{"jsonrpc":"2.0","method":"notifications/other"}\n',
  ]) {
    await using rig = await session();
    const writing = rig.write(stray.repeat(5_000)).catch(() => undefined);
    assert.match(await rig.read(), /RATE_LIMITED/);
    await writing;
  }
});

test("the cancelling of a call costs nothing beside the call", async () => {
  await using rig = await session();
  for (let id = 1; id <= 15; id += 1) {
    await rig.write(`{"jsonrpc":"2.0","id":${id},"method":"hang"}\n`);
    await rig.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}\n`);
    assert.match(await rig.read(), /CALL_CANCELLED/);
  }
});

test("who calls above its rate for ten seconds on end is banned, who does so now and then is not", async () => {
  const clock = manualClock();
  const overruns = createOverruns(clock);
  const second = async (refused: number) => {
    let banned = false;
    for (let n = 0; n < refused; n += 1) banned = overruns.note("peer") || banned;
    await clock.advance(1_000);
    return banned;
  };
  const rate = limits.messagesPerSecond;
  for (let n = 0; n < 9; n += 1) assert.equal(await second(rate), false);
  assert.equal(await second(rate - 1), false);
  for (let n = 0; n < 9; n += 1) assert.equal(await second(rate), false);
  assert.equal(await second(0), false);
  for (let n = 0; n < 9; n += 1) assert.equal(await second(rate), false);
  assert.equal(await second(rate), true);
});
