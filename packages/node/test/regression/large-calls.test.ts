import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonValue } from "@gridmesh/protocol";
import { createNode } from "../../src/create-node.ts";
import { nodeLimits } from "../../src/limits.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { CallLoad } from "../../src/route/call-load.ts";
import { eventually, NETWORK } from "../node-fixture.ts";

const MIB = 2 ** 20;

test("large calls of one peer wait for each other's work, small ones pass, and none is lost", async () => {
  const hub = memoryHub({ seed: 7 });
  const open: (() => void)[] = [];
  const slow = () => new Promise<JsonValue>((resolve) => open.push(() => resolve({})));
  const agents = [{ name: "slow", definition: { capabilities: [], methods: { slow, quick: () => ({}) } } }];
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK, agents });
  await using caller = await createNode({
    network: memory({ hub, bootstrap: node.addresses }),
    networkName: NETWORK,
  });
  const params = { text: "x".repeat(3 * MIB) };
  const calls = Array.from({ length: 5 }, () => caller.call(`${node.id}:slow/slow`, params));
  await eventually("two are under way", () => open.length === 2);
  for (let n = 0; n < 5; n += 1) assert.deepEqual(await caller.call(`${node.id}:slow/quick`), {});
  assert.equal(open.length, 2);
  for (let done = 0; done < 5; done += 1) {
    await eventually("the next is under way", () => open.length > done);
    open[done]?.();
  }
  assert.deepEqual(
    await Promise.all(calls),
    Array.from({ length: 5 }, () => ({})),
  );
});

test("room for large calls is bounded for a peer, for all, and for what waits", async () => {
  const load = new CallLoad();
  const never = new Promise<void>(() => undefined);
  const { rpcBulkInFlightBytes: most, rpcBulkInFlightNodeBytes: all } = nodeLimits;
  await load.takeRoom("one", most, never);
  const waiting = load.takeRoom("one", MIB, never);
  await assert.rejects(load.takeRoom("one", most, never), { code: "OVERLOADED" });
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const left = assert.rejects(load.takeRoom("one", MIB, closed), { code: "STREAM_RESET" });
  close();
  await left;
  load.leaveRoom("one", most);
  await waiting;
  const peers = Array.from({ length: all / most - 1 }, (_peer, n) => `peer ${n}`);
  for (const peer of peers) await load.takeRoom(peer, most, never);
  let isIn = false;
  const last = load.takeRoom("last", most, never).then(() => (isIn = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isIn, false);
  load.leaveRoom("one", MIB);
  await last;
});
