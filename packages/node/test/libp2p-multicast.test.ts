/** Multicast discovery: one network meets, two never do. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { multicastRoute } from "../src/network/libp2p/multicast.ts";
import { rigged } from "./libp2p-rig.ts";
import { until } from "./transport-fixture.ts";

const skip = multicastRoute() === true ? false : "no route for multicast on this machine";

test("nodes of one network sight each other by multicast, those of another never", { skip }, async () => {
  const options = { profile: "lan", listen: ["/ip4/127.0.0.1/tcp/0"], dht: false } as const;
  const one = `one-${process.pid}`;
  await using a = await rigged({ ...options, network: one });
  await using b = await rigged({ ...options, network: one });
  await using stranger = await rigged({ ...options, network: `two-${process.pid}` });
  const sighted = new Map([a, b, stranger].map(({ transport }) => [transport, new Set<string>()]));
  for (const [transport, peers] of sighted) {
    transport.on("sighted", ({ peerId, addresses }) => {
      assert.ok((addresses?.length ?? 0) > 0);
      peers.add(peerId ?? "");
    });
  }
  const ask = () => {
    for (const { parts } of [a, b, stranger]) parts.multicast?.query();
  };
  ask();
  await until(
    () => sighted.get(a.transport)?.size === 1 && sighted.get(b.transport)?.size === 1,
    "a sighting",
  );
  // Whoever answers at all has answered twice by now.
  const heard = () => stranger.transport.snapshot().multicast?.heard ?? 0;
  const before = heard();
  ask();
  await until(() => heard() > before, "the stranger hears its own query");
  assert.deepEqual(
    [...sighted.values()].map((peers) => [...peers]),
    [[b.transport.peerId], [a.transport.peerId], []],
  );
  const view = a.transport.snapshot().multicast;
  assert.ok(view !== null && view !== undefined);
  assert.ok(view.sent >= 2 && view.heard >= 1 && view.silentMs < 60_000, JSON.stringify(view));
  assert.equal(view.route, true);
});
