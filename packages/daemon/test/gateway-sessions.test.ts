import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { manualClock } from "@gridmesh/node/testing";
import { createNode, memory, memoryHub, silentLog } from "@gridmesh/node";
import { operator } from "../src/gateway/guard.ts";
import { openMcpFace } from "../src/gateway/mcp.ts";
import { demo } from "./gateway-agent.ts";
import { INITIALIZE } from "./gateway-kit.ts";
import { temporaryHome } from "./running.ts";

const SESSIONS = 40;
const IDLE_MS = 300_000;
/** How often it is looked who is idle. */
const LOOK_MS = 15_000;

/** The gateway of a node without its daemon, where time goes on when the test says so. */
async function opened() {
  await using undo = new AsyncDisposableStack();
  const clock = manualClock();
  const { home } = undo.use(temporaryHome());
  const network = memory({ hub: memoryHub({ seed: 3 }) });
  const node = await createNode({
    network,
    networkName: "sessions",
    agents: [{ name: "demo", definition: demo() }],
  });
  undo.defer(() => node.stop({ deadlineMs: 0 }));
  const config = {
    gateway: { auth: "token" as const, allowedOrigins: [], pinned: [] },
    routing: { idempotentTools: [], forwardFor: [] },
  };
  const context = { node, config, home, log: silentLog(), version: "0", url: () => undefined };
  const face = undo.use(openMcpFace(context, clock));
  const server = createServer((request, response) => {
    const query = new URLSearchParams();
    void face.take({ request, response, path: request.url ?? "", query, caller: operator });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  undo.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp/local:demo`;
  const kept = undo.move();
  return { clock, url, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function begin(url: string): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: INITIALIZE,
  });
  await response.text();
  return response.headers.get("mcp-session-id") ?? "";
}

async function ping(url: string, session: string): Promise<number> {
  const headers = { "content-type": "application/json", "mcp-session-id": session };
  const response = await fetch(url, {
    method: "POST",
    headers,
    body: '{"jsonrpc":"2.0","id":2,"method":"ping"}',
  });
  await response.text();
  return response.status;
}

test("sessions that were left without a DELETE end by themselves, and the caller begins anew", async () => {
  await using gateway = await opened();
  const ids = await Promise.all(Array.from({ length: SESSIONS }, () => begin(gateway.url)));
  assert.equal(new Set(ids).size, SESSIONS);
  const [kept = ""] = ids;
  await gateway.clock.advance(IDLE_MS - LOOK_MS);
  assert.equal(await ping(gateway.url, kept), 200);
  await gateway.clock.advance(2 * LOOK_MS);
  assert.equal(await ping(gateway.url, kept), 200, "it was used a moment ago");
  await gateway.clock.advance(IDLE_MS + LOOK_MS);
  assert.deepEqual(new Set(await Promise.all(ids.map((id) => ping(gateway.url, id)))), new Set([404]));
  assert.equal(await ping(gateway.url, await begin(gateway.url)), 200);
});

test("a session with its stream open stays, however long nothing is said", async () => {
  await using gateway = await opened();
  const id = await begin(gateway.url);
  const gone = new AbortController();
  const stream = await fetch(gateway.url, { headers: { "mcp-session-id": id }, signal: gone.signal });
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  const idle = await begin(gateway.url);
  await gateway.clock.advance(IDLE_MS + LOOK_MS);
  assert.equal(await ping(gateway.url, idle), 404);
  assert.equal(await ping(gateway.url, id), 200);
  gone.abort();
});

test("whoever begins ever more sessions loses its own oldest, and only idle ones", async () => {
  await using gateway = await opened();
  const first = await begin(gateway.url);
  const gone = new AbortController();
  const second = await begin(gateway.url);
  await fetch(gateway.url, { headers: { "mcp-session-id": second }, signal: gone.signal });
  for (let count = 0; count < 130; count += 1) await begin(gateway.url);
  assert.equal(await ping(gateway.url, first), 404);
  assert.equal(await ping(gateway.url, second), 200);
  gone.abort();
});

test("what an agent says by itself goes to the one stream that was opened for it, and waits until there is one", async () => {
  await using gateway = await opened();
  const id = await begin(gateway.url);
  const headers = { "content-type": "application/json", "mcp-session-id": id };
  const post = (body: object) => fetch(gateway.url, { method: "POST", headers, body: JSON.stringify(body) });
  await post({ jsonrpc: "2.0", method: "notifications/initialized" });
  const other = await begin(gateway.url);
  const change = { jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "change", arguments: {} } };
  const changing = await fetch(gateway.url, {
    method: "POST",
    headers: { ...headers, "mcp-session-id": other },
    body: JSON.stringify(change),
  });
  await changing.text();
  const gone = new AbortController();
  const first = await fetch(gateway.url, { headers: { "mcp-session-id": id }, signal: gone.signal });
  let heard = "";
  for await (const piece of first.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    heard += piece;
    if (heard.includes("list_changed")) break;
  }
  assert.match(heard, /^event: message\ndata: \{.*notifications\/tools\/list_changed/);
  gone.abort();
});
