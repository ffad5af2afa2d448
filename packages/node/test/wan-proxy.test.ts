/** The wide-area link without rights: what its knobs do to real sockets. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { wanProxy } from "../src/testing/wan-proxy.ts";
import { until } from "./transport-fixture.ts";

interface Echo extends AsyncDisposable {
  readonly port: number;
  readonly sockets: readonly Socket[];
}

/** A listener that sends back what comes. */
async function echo(): Promise<Echo> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  assert.ok(typeof bound === "object" && bound !== null);
  return {
    port: bound.port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

async function roundTripMs(socket: Socket): Promise<number> {
  const startMs = performance.now();
  socket.write("x");
  await once(socket, "data");
  return performance.now() - startMs;
}

test("a delay of 25 ms each way makes a round trip of 50 ms or more, jitter keeps the order", async () => {
  await using target = await echo();
  await using proxy = await wanProxy({ port: target.port, delayMs: 25 });
  const socket = await dial(proxy.port);
  assert.ok((await roundTripMs(socket)) >= 49);
  proxy.set({ delayMs: 1, jitterMs: 20 });
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  let sent = "";
  for (let index = 0; index < 50; index += 1) {
    sent += `${index},`;
    socket.write(`${index},`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => received.length >= sent.length, "everything came back");
  assert.equal(received, sent);
  socket.destroy();
});

test("a rate is kept by all connections of the link together", async () => {
  await using target = await echo();
  await using proxy = await wanProxy({ port: target.port, bytesPerSecond: 1_000_000 });
  const sockets = [await dial(proxy.port), await dial(proxy.port)];
  const startMs = performance.now();
  let received = 0;
  for (const socket of sockets) {
    socket.on("data", (chunk: Buffer) => (received += chunk.length));
    socket.write(Buffer.alloc(200_000));
  }
  await until(() => received === 400_000, "everything came back");
  assert.ok(performance.now() - startMs >= 390);
  for (const socket of sockets) socket.destroy();
});

test("behind a black hole nothing arrives, not even an end, until it heals", async () => {
  await using target = await echo();
  await using proxy = await wanProxy({ port: target.port });
  const socket = await dial(proxy.port);
  await roundTripMs(socket);
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));

  proxy.blackHole("back");
  socket.write("one way ");
  await until(() => proxy.bytes.forth === 9, "forth goes on");
  assert.equal(received, "");
  proxy.blackHole();
  socket.write("both");
  socket.end();
  const late = await dial(proxy.port);
  late.resetAndDestroy();
  await until(() => proxy.connections < 2, "the proxy saw the second one die");
  assert.equal(target.sockets.filter(({ readableEnded }) => readableEnded).length, 0);
  assert.equal(proxy.bytes.forth, 9);

  proxy.heal();
  await once(socket, "end");
  assert.equal(received, "one way both");
});

test("a reset ends both sides with an error", async () => {
  await using target = await echo();
  await using proxy = await wanProxy({ port: target.port });
  const socket = await dial(proxy.port);
  await roundTripMs(socket);
  const [there] = target.sockets;
  assert.ok(there !== undefined);
  const broken: string[] = [];
  socket.on("error", ({ code }: NodeJS.ErrnoException) => broken.push(`here ${code}`));
  there.on("error", ({ code }: NodeJS.ErrnoException) => broken.push(`there ${code}`));
  proxy.reset();
  await until(() => broken.length === 2, "both sides learnt of it");
  assert.deepEqual(broken.toSorted(), ["here ECONNRESET", "there ECONNRESET"]);
  await until(() => proxy.connections === 0, "nothing is left");
});
