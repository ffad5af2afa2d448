/** Stopping: within its deadline whatever hangs, and nothing is left behind. */

import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import type { Transport } from "../src/network/index.ts";
import { rigged } from "./libp2p-rig.ts";
import { limits, protocol, until, wait } from "./transport-fixture.ts";

const portOf = (transport: Transport) => Number(/\/tcp\/(\d+)/u.exec(transport.addresses()[0] ?? "")?.[1]);

/** Sockets, servers and timers that keep a process alive. */
function resources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) {
    if (/TCP|UDP|Timeout/u.test(name)) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const done = Promise.withResolvers<boolean>();
  server.once("error", () => done.resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => done.resolve(true)));
  return await done.promise;
}

test("libp2p's stop may hang: links, half-open sockets and the port are gone within the deadline all the same", async () => {
  await using a = await rigged();
  await using b = await rigged();
  const port = portOf(b.transport);
  await a.transport.dial({ addresses: b.transport.addresses() }, wait);
  b.transport.handle(protocol, limits, () => {
    // Never reads: the buffers fill up.
  });
  const stream = await a.transport.open(b.transport.peerId, protocol, wait);
  const writing = (async () => {
    for (;;) await stream.writeFrame(new Uint8Array(64 * 1024));
  })().catch((error: unknown) => error);
  const idle: Socket = connect(port, "127.0.0.1");
  idle.on("error", () => {});
  await new Promise((resolve) => idle.once("data", resolve).once("connect", resolve));
  const gone = new Promise((resolve) => idle.once("close", resolve));
  await until(() => b.transport.snapshot().unreadBytes > 0, "bytes that nobody reads");

  const stop = b.parts.node.stop.bind(b.parts.node);
  b.parts.node.stop = () => new Promise(() => {});
  const startMs = performance.now();
  await b.transport.stop({ deadlineMs: 200 });
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 5_000, `${tookMs} ms`);
  await until(() => a.transport.links().length === 0, "the other side is told");
  await gone;
  assert.ok((await writing) instanceof Error);
  await until(() => b.transport.links().length === 0, "no link left");
  assert.ok(await isFree(port));
  // What hangs in reality would end with the process.
  b.parts.node.stop = stop;
});

test("twenty starts and stops with a link each leave no socket, listener or timer behind", async () => {
  const cycle = async () => {
    await using a = await rigged({ mdns: false, reach: { relay: "serve" } });
    await using b = await rigged({ mdns: false, reach: { relay: "use" } });
    using _ = a.transport.join("gridmesh/test/search/energy", async () => "accept");
    await a.transport.dial({ addresses: b.transport.addresses() }, wait);
  };
  await cycle();
  await until(
    () => Object.keys(resources()).every((name) => !/TCP/u.test(name)),
    "the first cycle's sockets",
  );
  const before = resources();
  for (let index = 0; index < 20; index += 1) await cycle();
  const left = () =>
    Object.entries(resources()).filter(([name, count]) => count > (before[name] ?? 0) && name !== "Timeout");
  await until(() => left().length === 0, "no socket and no server", 5_000).catch(() => undefined);
  assert.deepEqual(left(), []);
  // Deadlines of operations that are over run out on their own; none is started anew.
  await until(() => (resources()["Timeout"] ?? 0) <= (before["Timeout"] ?? 0), "no timer", 15_000);
});
