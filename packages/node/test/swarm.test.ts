/** Twenty nodes over libp2p that start at once on one machine and hear of each other at once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { swarm } from "./swarm-rig.ts";
import { until } from "./transport-fixture.ts";

const COUNT = 20;
const WANTED = 12;
const TOPIC = "gridmesh/test/search/energy";

test("twenty nodes started at once have twelve links each, one dial per pair, and hear every message", async () => {
  await using nodes = await swarm(COUNT, TOPIC);
  const meshedMs = await nodes.meshed(WANTED, 60_000);
  const doubles = () => nodes.counts().connections - nodes.counts().links;
  await until(() => doubles() === 0, "no pair has two connections", 10_000);
  const { started, failed, late, links } = nodes.counts();
  console.log(
    `${COUNT} nodes, ${WANTED} links each in ${Math.round(meshedMs)} ms: ${started} dials for ${links / 2} links, ${failed} failed (${late} of them too late), ${doubles()} duplicate link ends`,
  );
  // A machine too busy to answer within five seconds proves nothing of a storm.
  assert.ok(failed - late <= started * 0.05, `${failed} of ${started} dials failed`);

  await until(
    () => nodes.transports.every((one) => (one.snapshot().topics[0]?.meshPeers ?? 0) > 0),
    "every node is in the mesh",
    20_000,
  );
  for (const [index, transport] of nodes.transports.entries()) {
    await transport.publish(TOPIC, Buffer.from(`from ${index}`));
  }
  await until(
    () => nodes.heard.size === COUNT && [...nodes.heard.values()].every((count) => count === COUNT - 1),
    "every message at every other node",
    20_000,
  );
});
