import assert from "node:assert/strict";
import { test } from "node:test";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { nodeLimits } from "../../src/limits.ts";
import { NETWORK, rawPeer } from "../node-fixture.ts";

test("lines that are no messages count as messages", async () => {
  const hub = memoryHub({ seed: 7 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using peer = await rawPeer(memory({ hub }), 1);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const stream = await peer.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 1_000 });
  const text = new TextEncoder();
  await stream.write(text.encode('{"v":1,"to":"node","proto":"plain","mode":"call"}\n'));
  await stream.readLine({ timeoutMs: 2_000 });
  const writing = stream.write(text.encode("x\n".repeat(5_000))).catch(() => undefined);
  let answers = 0;
  let last = "";
  try {
    for (;;) {
      const line = await stream.readLine({ timeoutMs: 1_000 });
      if (line === undefined) break;
      answers += 1;
      last = new TextDecoder().decode(line);
    }
  } catch {
    // The stream was ended.
  }
  await writing;
  assert.ok(answers < 2_000, `${answers} answers`);
  assert.match(last, /RATE_LIMITED/);
});

test("calls given up at once still count while their agent works", async () => {
  const hub = memoryHub({ seed: 7 });
  let running = 0;
  let most = 0;
  const slow = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    running -= 1;
    return {};
  };
  const agents = [{ name: "slow", definition: { capabilities: [], methods: { slow } } }];
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK, agents });
  await using peer = await rawPeer(memory({ hub }), 1);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const stream = await peer.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 1_000 });
  const send = (value: object) => stream.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  await send({ v: 1, to: "slow", proto: "plain", mode: "call" });
  await stream.readLine({ timeoutMs: 2_000 });
  for (let id = 1; id <= 200; id += 1) {
    await send({ jsonrpc: "2.0", id, method: "slow", params: {}, x: { deadlineMs: 1 } });
    if (id % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(most <= nodeLimits.rpcInFlight, `${most} at once`);
});
