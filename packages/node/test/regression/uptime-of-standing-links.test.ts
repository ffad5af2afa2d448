import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryPeerStore } from "../../src/network/index.ts";
import { World } from "../supervisor-world.ts";

const HOUR_MS = 3_600_000;

test("the book of a node that is killed knows how long its links had stood", async () => {
  const world = new World(72);
  const store = memoryPeerStore();
  const boot = await world.start("boot");
  const peer = await world.start("a", { bootstrap: ["boot"], store });
  await world.clock.advance(HOUR_MS);
  // Nothing of what a stop would write: the last minute at most is lost.
  const [row] = await store.load();
  assert.ok((row?.uptimeMs ?? 0) > HOUR_MS - 70_000, `${row?.uptimeMs} ms`);
  await peer.stop();
  const [last] = await store.load();
  const told = last?.uptimeMs ?? 0;
  assert.ok(told > HOUR_MS - 10_000 && told <= HOUR_MS, `${told} ms, none counted twice`);
  await boot.stop();
});
