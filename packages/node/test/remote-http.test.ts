/** Agents at HTTP addresses, hosted by one node and called from another. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { isInitializeRequest } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { createNode, memory, memoryHub } from "../src/index.ts";
import { textOf } from "./child-rig.ts";
import { mcpCaller } from "./mcp-callers.ts";
import { NETWORK } from "./node-fixture.ts";

interface Site extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Requests as they came: method of HTTP, headers. */
  readonly seen: { readonly method: string; readonly headers: IncomingMessage["headers"] }[];
}

async function site(answer: RequestListener, port = 0): Promise<Site> {
  const seen: Site["seen"] = [];
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? "", headers: request.headers });
    answer(request, response);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    port: address.port,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** An agent of both revisions, or of the newer alone. */
function newerAgent(legacy: "stateless" | "reject" = "stateless"): RequestListener {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: "sums", version: "1" });
      const numbers = z.object({ a: z.number(), b: z.number() });
      server.registerTool("add", { inputSchema: numbers }, ({ a, b }) => ({
        content: [{ type: "text", text: String(a + b) }],
      }));
      server.registerTool("steps", {}, async (ctx) => {
        const progressToken = ctx.mcpReq._meta?.progressToken ?? 0;
        for (const progress of [1, 2, 3]) {
          await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } });
        }
        return { content: [{ type: "text", text: "done" }] };
      });
      return server;
    },
    { legacy },
  );
  return async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length === 0 ? null : Buffer.concat(chunks);
    const headers = new Headers(request.headers as Record<string, string>);
    const url = `http://${request.headers.host ?? ""}${request.url ?? ""}`;
    const answer = await handler.fetch(new Request(url, { method: request.method ?? "GET", headers, body }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body !== null) for await (const chunk of answer.body) response.write(chunk);
    response.end();
  };
}

/** An agent of the older revision, with sessions. */
function olderAgent(): RequestListener {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  return async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
    const named = request.headers["mcp-session-id"];
    const known = typeof named === "string" ? sessions.get(named) : undefined;
    if (known !== undefined) return known.handleRequest(request, response, body);
    if (named !== undefined) return void response.writeHead(404).end();
    if (!isInitializeRequest(body)) return void response.writeHead(400).end("no session");
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => `session-${sessions.size}`,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    const server = new OldServer({ name: "old", version: "1" });
    server.registerTool("add", { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => ({
      content: [{ type: "text", text: String(a + b) }],
    }));
    server.registerTool("ask", {}, async () => {
      const { content } = await server.server.createMessage({
        messages: [{ role: "user", content: { type: "text", text: "well?" } }],
        maxTokens: 10,
      });
      return { content: [{ type: "text", text: JSON.stringify(content) }] };
    });
    await server.connect(transport);
    await transport.handleRequest(request, response, body);
  };
}

async function twoNodes(url: string, headers: Readonly<Record<string, string>> = {}) {
  const hub = memoryHub({ seed: 23 });
  const far = await createNode({
    network: memory({ hub }),
    networkName: NETWORK,
    agents: [{ name: "site", definition: { url, headers: () => Promise.resolve(headers) } }],
  });
  const near = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await near.connect(far.addresses[0] ?? "");
  return {
    near,
    far,
    address: `${far.id}:site`,
    async [Symbol.asyncDispose]() {
      await near.stop();
      await far.stop();
    },
  };
}

const add = { name: "add", arguments: { a: 2, b: 3 } };

for (const [what, answer] of [
  ["of both revisions", () => newerAgent()],
  ["of the newer revision alone", () => newerAgent("reject")],
  ["of the older revision", olderAgent],
] as const) {
  test(`an agent ${what} at an address serves far callers of every kind`, async () => {
    await using there = await site(answer());
    await using nodes = await twoNodes(there.url);
    assert.equal(textOf(await nodes.near.call(`${nodes.address}/tools/call`, add)), "5");
    for (const kind of ["current", "old", "pinned"] as const) {
      await using caller = await mcpCaller(nodes.near, nodes.address, kind);
      assert.ok((await caller.tools()).includes("add"), kind);
      assert.equal(await caller.call("add", { a: 1, b: 2 }), "3", kind);
    }
  });
}

test("progress comes before the result, and an agent that asks hears its caller's answer", async () => {
  await using newer = await site(newerAgent());
  await using nodes = await twoNodes(newer.url);
  await using pinned = await mcpCaller(nodes.near, nodes.address, "pinned");
  const steps: number[] = [];
  await pinned.call("steps", {}, { onprogress: ({ progress }) => steps.push(progress) });
  assert.deepEqual(steps, [1, 2, 3]);

  await using older = await site(olderAgent());
  await using others = await twoNodes(older.url);
  await using caller = await mcpCaller(others.near, others.address, "old");
  assert.match(await caller.call("ask"), /a sampled answer/);
});

test("the node shows its own credentials there and nothing of its callers", async () => {
  await using there = await site(newerAgent());
  await using nodes = await twoNodes(there.url, { authorization: "Bearer of-the-node" });
  await nodes.far.call("local:site/tools/call", { ...add, _meta: { authorization: "Bearer of-a-caller" } });
  assert.ok(there.seen.length >= 2);
  for (const { headers } of there.seen) {
    assert.equal(headers.authorization, "Bearer of-the-node");
    assert.deepEqual(
      Object.keys(headers).filter((name) => /cookie|forwarded|peer|caller/.test(name)),
      [],
    );
  }
  const last = there.seen.at(-1)?.headers ?? {};
  assert.equal(last["mcp-method"], "tools/call");
  assert.equal(last["mcp-name"], "add");
  assert.equal(last["mcp-protocol-version"], "2026-07-28");
});

test("an address out of reach is no older agent: once it is there, it is what it is", async () => {
  const gone = await site(newerAgent("reject"));
  const { url, port } = gone;
  await gone[Symbol.asyncDispose]();
  await using nodes = await twoNodes(url);
  await assert.rejects(nodes.near.call(`${nodes.address}/tools/call`, add), { code: "AGENT_UNAVAILABLE" });
  const status = { now: 503 };
  const agent = newerAgent("reject");
  await using back = await site((request, response) => {
    if (status.now !== 200) response.writeHead(status.now, { "content-type": "text/plain" }).end("busy");
    else agent(request, response);
  }, port);
  for (const now of [503, 401, 403, 500]) {
    status.now = now;
    await assert.rejects(nodes.near.call(`${nodes.address}/tools/call`, add), { code: "AGENT_UNAVAILABLE" });
  }
  status.now = 200;
  assert.equal(textOf(await nodes.near.call(`${nodes.address}/tools/call`, add)), "5");
  assert.ok(back.seen.length > 0);
});

test("a session that the agent has forgotten is begun anew by the next call", async () => {
  const first = await site(olderAgent());
  const { url, port } = first;
  await using nodes = await twoNodes(url);
  assert.equal(textOf(await nodes.near.call(`${nodes.address}/tools/call`, add)), "5");
  await first[Symbol.asyncDispose]();
  await using second = await site(olderAgent(), port);
  await assert.rejects(nodes.near.call(`${nodes.address}/tools/call`, add));
  assert.equal(textOf(await nodes.near.call(`${nodes.address}/tools/call`, add)), "5");
  assert.ok(second.seen.length > 0);
});

test("an agent that leads elsewhere is not followed there", async () => {
  await using elsewhere = await site(newerAgent());
  await using there = await site((_request, response) => {
    response.writeHead(307, { location: elsewhere.url }).end();
  });
  await using nodes = await twoNodes(there.url, { authorization: "Bearer of-the-node" });
  await assert.rejects(nodes.near.call(`${nodes.address}/tools/call`, add), { code: "AGENT_UNAVAILABLE" });
  assert.equal(elsewhere.seen.length, 0);
});

test("digits of an answer pass as they were written", async () => {
  const digits = "12345678901234567890";
  await using there = await site(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; method: string };
    const result =
      method === "server/discover"
        ? `{"supportedVersions":["2026-07-28"],"capabilities":{},"ttlMs":0,"cacheScope":"private","resultType":"complete"}`
        : `{"content":[],"structuredContent":{"n":${digits}},"resultType":"complete"}`;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`{"jsonrpc":"2.0",\n"id":${id},"result":${result}}`);
  });
  await using nodes = await twoNodes(there.url);
  const channel = await nodes.near.open(nodes.address, { proto: "mcp", mode: "call" });
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { name: "n", arguments: {}, _meta };
  channel.send(JSON.stringify({ jsonrpc: "2.0", id: "a", method: "tools/call", params }));
  channel.end();
  const lines: string[] = [];
  for await (const line of channel.lines) lines.push(line);
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.includes(`"n":${digits}`), lines[0]);
  assert.ok(lines[0]?.includes('"id":"a"'));
});
