import assert from "node:assert/strict";
import { test } from "node:test";
import { growth } from "../src/network/growth.ts";
import { PeerTable } from "../src/network/peer-table.ts";
import { knownPeers, memoryPeerStore } from "../src/network/index.ts";
import { repeatOnce } from "../src/registry/debut.ts";
import { manualClock, seededRandom } from "../src/testing/index.ts";

function rig(ownId: string, others: readonly string[]) {
  const clock = manualClock();
  const table = new PeerTable(knownPeers({ store: memoryPeerStore(), clock }));
  for (const peerId of others) table.note({ peerId, addresses: ["/ip4/127.0.0.1/tcp/1"] }, "introduction");
  const machine = { crowded: false };
  const dialled: { readonly peerId: string | undefined; readonly atMs: number }[] = [];
  const growing = growth({
    clock: { ...clock, crowded: () => machine.crowded },
    random: seededRandom(1),
    ownId,
    wanted: () => dialled.length < 8,
    candidates: () => [...table.entries].filter(({ state }) => state === "known"),
    dial(entry) {
      dialled.push({ peerId: entry.peerId, atMs: clock.monotonicMs() });
      entry.state = "linked";
      return Promise.resolve();
    },
  });
  growing.hurry();
  return { clock, machine, dialled, growing };
}

const NINE = ["b", "c", "d", "e", "f", "g", "h", "i", "j"];

test("a free machine grows by eight links in two seconds, one dial after the other", async () => {
  const { clock, dialled, growing } = rig("a", NINE);
  await clock.advance(2_000);
  assert.equal(dialled.length, 8);
  assert.equal(new Set(dialled.map(({ atMs }) => atMs)).size, 8);
  growing[Symbol.dispose]();
});

test("a crowded machine begins after seconds and goes on slowly, until it is free", async () => {
  const { clock, machine, dialled, growing } = rig("a", NINE);
  machine.crowded = true;
  await clock.advance(3_000);
  assert.equal(dialled.length, 0);
  await clock.advance(9_000);
  assert.ok(dialled.length >= 1 && dialled.length <= 3, `${dialled.length} dials`);
  machine.crowded = false;
  await clock.advance(10_000);
  assert.equal(dialled.length, 8);
  growing[Symbol.dispose]();
});

test("whoever knows only lower PeerIds lets them dial for three seconds", async () => {
  const { clock, dialled, growing } = rig("z", NINE);
  await clock.advance(3_000);
  assert.equal(dialled.length, 0);
  await clock.advance(1_500);
  assert.equal(dialled.length, 1);
  growing[Symbol.dispose]();
});

test("what a node says at its start it says once more when links have stopped to come, or after eight seconds", async () => {
  for (const { everyMs, latestMs } of [
    { everyMs: 60_000, latestMs: 3_000 },
    { everyMs: 500, latestMs: 11_000 },
  ]) {
    const clock = manualClock();
    const listeners = new Set<() => void>();
    const said: number[] = [];
    using _ = repeatOnce({
      clock,
      random: seededRandom(2),
      transport: {
        on(_name, fn) {
          const listener = () => fn({});
          listeners.add(listener);
          return { [Symbol.dispose]: () => void listeners.delete(listener) };
        },
      },
      repeat: () => said.push(clock.monotonicMs()),
    });
    for (let atMs = 0; atMs < 30_000; atMs += everyMs) {
      for (const listener of listeners) listener();
      await clock.advance(everyMs);
    }
    assert.equal(said.length, 1);
    assert.ok((said[0] ?? 0) >= 2_000 && (said[0] ?? 0) <= latestMs, `after ${said[0]} ms`);
  }
});
