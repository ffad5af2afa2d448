/** Thirteen nodes over libp2p in one process, with one bootstrap between them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, systemRandom } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import {
  createSupervisor,
  knownPeers,
  libp2p,
  memoryPeerStore,
  type Supervisor,
  type Transport,
} from "../src/network/index.ts";
import { startTransport, until } from "./transport-fixture.ts";

const COUNT = 13;
const TOPIC = "gridmesh/test/search/energy";

function supervise(transport: Transport, bootstrap: readonly string[]): Supervisor {
  const clock = systemClock();
  return createSupervisor({
    transport,
    clock,
    random: systemRandom(),
    log: silentLog(),
    bootstrap,
    knownPeers: knownPeers({ store: memoryPeerStore(), clock }),
  });
}

test("thirteen nodes that know one bootstrap mesh fully without a failed dial and hear every message", async () => {
  const transports: Transport[] = [];
  const supervisors: Supervisor[] = [];
  const heard = new Map<string, number>();
  try {
    for (let index = 0; index < COUNT; index += 1) {
      const transport = await startTransport(libp2p({ profile: "testnet" }));
      transports.push(transport);
      transport.join(TOPIC, async (_from, data) => {
        const text = Buffer.from(data).toString();
        heard.set(text, (heard.get(text) ?? 0) + 1);
        return "accept";
      });
    }
    const startMs = performance.now();
    const bootstrap = transports[0]!.addresses();
    for (const [index, transport] of transports.entries()) {
      const supervisor = supervise(transport, index === 0 ? [] : bootstrap);
      supervisors.push(supervisor);
      await supervisor.start();
    }
    await until(
      () => transports.every((one) => one.links().length === COUNT - 1),
      "every node has twelve links",
      10_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)} ${transports.map((one) => one.links().length).join(" ")}`);
    });
    const meshedMs = performance.now() - startMs;
    const dials = supervisors.map((one) => one.state().dials);
    const started = dials.reduce((sum, one) => sum + one.started, 0);
    const failed = dials.reduce((sum, one) => sum + one.failed, 0);
    const pairs = (COUNT * (COUNT - 1)) / 2;
    console.log(
      `full mesh in ${Math.round(meshedMs)} ms, ${started} dials for ${pairs} pairs, ${failed} failed`,
    );
    // Two seconds on an idle machine; a busy one must not fail the suite.
    assert.ok(meshedMs < 10_000, `${meshedMs} ms`);
    assert.equal(failed, 0);
    assert.ok(started <= pairs * 1.5, `${started} dials for ${pairs} pairs`);

    await until(
      () => transports.every((one) => one.snapshot().topics[0]?.subscribers === COUNT - 1),
      "all subscriptions known",
    );
    for (let round = 0; round < 5; round += 1) {
      for (const [index, transport] of transports.entries()) {
        const { recipients } = await transport.publish(TOPIC, Buffer.from(`${round}:${index}`));
        assert.equal(recipients, COUNT - 1);
      }
    }
    await until(
      () => heard.size === 5 * COUNT && [...heard.values()].every((count) => count === COUNT - 1),
      "every message at every other node",
    );
  } finally {
    await Promise.all(supervisors.map((one) => one.stop()));
    await Promise.all(transports.map((one) => one.stop({ deadlineMs: 2_000 })));
  }
});
