import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createNode, memory, memoryHub, silentLog } from "@gridmesh/node";
import { manualClock } from "@gridmesh/node/testing";
import { operator } from "../../src/gateway/guard.ts";
import { openMcpFace } from "../../src/gateway/mcp.ts";
import { demo } from "../gateway-agent.ts";
import { INITIALIZE } from "../gateway-kit.ts";
import { temporaryHome } from "../running.ts";

const WAIT =
  '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"wait","arguments":{},"_meta":{"progressToken":1}}}';

test("a session whose caller left in the middle of a call that has no end is idle", async () => {
  await using undo = new AsyncDisposableStack();
  const { home } = undo.use(temporaryHome());
  const node = await createNode({
    network: memory({ hub: memoryHub({ seed: 3 }) }),
    networkName: "left-call",
    agents: [{ name: "demo", definition: demo() }],
  });
  undo.defer(() => node.stop({ deadlineMs: 0 }));
  const clock = manualClock();
  const config = {
    gateway: { auth: "token" as const, allowedOrigins: [], pinned: [] },
    routing: { idempotentTools: [], forwardFor: [] },
  };
  const context = { node, config, home, log: silentLog(), version: "0", url: () => undefined };
  const face = undo.use(openMcpFace(context, clock));
  const server = createServer((request, response) => {
    const query = new URLSearchParams();
    response.once("close", () => left.resolve(undefined));
    void face.take({ request, response, path: request.url ?? "", query, caller: operator });
  });
  let left = Promise.withResolvers<undefined>();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  undo.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp/local:demo`;
  const type = { "content-type": "application/json" };
  const begun = await fetch(url, { method: "POST", headers: type, body: INITIALIZE });
  await begun.text();
  const headers = { ...type, "mcp-session-id": begun.headers.get("mcp-session-id") ?? "" };
  await left.promise;
  left = Promise.withResolvers<undefined>();
  const call = await fetch(url, { method: "POST", headers, body: WAIT });
  await call.body?.cancel();
  await left.promise;
  await clock.advance(400_000);
  const after = await fetch(url, {
    method: "POST",
    headers,
    body: '{"jsonrpc":"2.0","id":3,"method":"ping"}',
  });
  assert.equal(after.status, 404, await after.text());
});
