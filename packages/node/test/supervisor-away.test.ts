/** Coming back over real sockets: the bootstraps are gone, half of the others have moved. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, systemClock, systemRandom } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import {
  createSupervisor,
  knownPeers,
  libp2p,
  memoryPeerStore,
  type Supervisor,
  type Transport,
} from "../src/network/index.ts";
import { peerIdOfSeed } from "./seeds.ts";
import { until } from "./transport-fixture.ts";

const OTHERS = 8;
const AWAY_MS = 30 * 86_400_000;

/** The system's clock, with another date. */
function later(ms: number): Clock {
  const clock = systemClock();
  return { ...clock, nowMs: () => clock.nowMs() + ms };
}

async function start(number: number): Promise<Transport> {
  const seed = new Uint8Array(32).fill(number);
  const transport = await libp2p({ profile: "testnet" }).create({
    seed,
    peerId: peerIdOfSeed(seed),
    network: "test",
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog(),
  });
  await transport.start();
  return transport;
}

test("after 30 days away, with dead bootstraps and half of all addresses changed, a node is linked again", async () => {
  const store = memoryPeerStore();
  const begin = async (
    transport: Transport,
    bootstrap: readonly string[],
    clock: Clock,
  ): Promise<Supervisor> => {
    const supervisor = createSupervisor({
      transport,
      clock,
      random: systemRandom(),
      log: silentLog(),
      bootstrap,
      knownPeers: knownPeers({ store, clock }),
    });
    await supervisor.start();
    return supervisor;
  };
  await using undo = new AsyncDisposableStack();
  const keep = (transport: Transport) => undo.defer(() => transport.stop({ deadlineMs: 1_000 }));

  const boots = [await start(101), await start(102)];
  const bootstrap = boots.flatMap((boot) => boot.addresses());
  const others: Transport[] = [];
  for (let number = 1; number <= OTHERS; number += 1) others.push(await start(number));
  const first = await start(100);
  let supervisor = await begin(first, bootstrap, systemClock());
  for (const other of others) supervisor.introduce({ peerId: other.peerId, addresses: other.addresses() });
  await until(() => first.links().length === OTHERS + boots.length, "linked with all", 30_000);
  await supervisor.stop();
  await first.stop({ deadlineMs: 1_000 });

  for (const boot of boots) await boot.stop({ deadlineMs: 1_000 });
  for (const [index, other] of others.entries()) {
    if (index % 2 === 1) {
      keep(other);
      continue;
    }
    await other.stop({ deadlineMs: 1_000 });
    // The same key at another port.
    keep(await start(index + 1));
  }

  const back = await start(100);
  keep(back);
  const startMs = performance.now();
  supervisor = await begin(back, bootstrap, later(AWAY_MS));
  try {
    await until(() => back.links().length >= OTHERS / 2, "linked with all that stayed", 60_000);
    const tookMs = performance.now() - startMs;
    console.log(`back after ${Math.round(tookMs)} ms with ${back.links().length} links`);
    const stayed = new Set(others.filter((_, index) => index % 2 === 1).map(({ peerId }) => peerId));
    assert.ok(back.links().every(({ peerId }) => stayed.has(peerId)));
  } finally {
    await supervisor.stop();
  }
});
