/** What goes wrong between MCP's SDKs and a stream, one test each. */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Client } from "@modelcontextprotocol/client";
import { McpServer, ProtocolError as McpError } from "@modelcontextprotocol/server";
import type { AgentDefinition, McpFactory } from "../src/agent.ts";
import { channelTransport, createNode, memory, memoryHub } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import type { AgentChannel, ChannelMode } from "../src/route/channel.ts";
import { NETWORK } from "./node-fixture.ts";

const NAME = { name: "agent", version: "1" };
const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });

const factory: McpFactory = () => {
  const server = new McpServer(NAME);
  server.registerTool("hello", {}, () => text("hello"));
  server.registerTool("long", {}, () => text("x".repeat(5 * 1024 * 1024)));
  server.registerTool("never", {}, () => new Promise(() => undefined));
  server.registerResource("own", "test://own", {}, () => {
    throw new McpError(-4242, "its own number", { its: "own data" });
  });
  return server;
};
const definition: AgentDefinition = { capabilities: [], mcp: factory };

async function nodeWith(agent: AgentDefinition): Promise<AgentNode> {
  const network = memory({ hub: memoryHub({ seed: 4 }) });
  return createNode({ network, networkName: NETWORK, agents: [{ name: "agent", definition: agent }] });
}

const open = (node: AgentNode, mode: ChannelMode = "call") => node.open("agent", { proto: "mcp", mode });

interface Answer {
  readonly id: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  readonly result?: unknown;
}

/** Sends lines as they are; as many answers as wanted. */
async function answers(channel: AgentChannel, lines: readonly string[], wanted: number): Promise<Answer[]> {
  for (const line of lines) channel.send(line);
  const heard: Answer[] = [];
  for await (const line of channel.lines) {
    heard.push(JSON.parse(line) as Answer);
    if (heard.length === wanted) break;
  }
  return heard;
}

const request = (id: unknown, method: string, params: object = {}) =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta } });

test("what no SDK answers is answered before it: garbage, batches, null and broken ids, ids under way", async () => {
  await using node = await nodeWith(definition);
  const channel = await open(node);
  const lines = [
    "garbage",
    "[]",
    '[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]',
    '{"jsonrpc":"2.0","id":null,"method":"tools/list"}',
    '{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}',
    '{"id":7,"method":"tools/list"}',
    '{"jsonrpc":"2.0","id":8,"method":"tools/list","params":"x"}',
    request(9, "tools/call", { name: "never" }),
    request(9, "tools/list"),
    request(10, "tools/call", { name: "hello" }),
  ];
  const heard = await answers(channel, lines, 9);
  const codes = heard.map(({ id, error }) => [id, error?.code]);
  assert.deepEqual(codes, [
    [null, -32_700],
    [null, -32_600],
    [null, -32_600],
    [null, -32_600],
    [null, -32_600],
    [7, -32_600],
    [8, -32_600],
    [9, -32_600],
    [10, undefined],
  ]);
  channel.reset("done");
});

test("an answer over a line's limit is an error of its call, and the channel goes on", async () => {
  await using node = await nodeWith(definition);
  for (const mode of ["call", "session"] as const) {
    const versionNegotiation = { mode: mode === "session" ? "legacy" : { pin: "2026-07-28" } } as const;
    const client = new Client(NAME, { versionNegotiation });
    await client.connect(channelTransport(await open(node, mode)));
    await assert.rejects(client.callTool({ name: "long" }), { code: -31_210 });
    assert.deepEqual((await client.callTool({ name: "hello" })).content, text("hello").content);
    await client.close();
  }
});

test("a server of the SDK's other copy, loaded as CommonJS, serves callers of both revisions", async () => {
  const { McpServer: CjsServer } = createRequire(import.meta.url)("@modelcontextprotocol/server") as {
    McpServer: typeof McpServer;
  };
  assert.notEqual(CjsServer, McpServer);
  const mcp: McpFactory = () => {
    const server = new CjsServer(NAME);
    server.registerTool("hello", {}, () => text("hello"));
    return server;
  };
  await using node = await nodeWith({ capabilities: [], mcp });
  for (const mode of ["call", "session"] as const) {
    const versionNegotiation = { mode: mode === "session" ? "legacy" : { pin: "2026-07-28" } } as const;
    const client = new Client(NAME, { versionNegotiation });
    await client.connect(channelTransport(await open(node, mode)));
    assert.deepEqual((await client.callTool({ name: "hello" })).content, text("hello").content);
    await client.close();
  }
});

test("an agent's own error numbers pass untouched", async () => {
  await using node = await nodeWith(definition);
  const channel = await open(node);
  const [answer] = await answers(channel, [request(1, "resources/read", { uri: "test://own" })], 1);
  assert.deepEqual(answer?.error, { code: -4242, message: "its own number", data: { its: "own data" } });
  channel.end();
});

test("who asks, and says nothing more, is answered whole before the channel ends", async () => {
  await using node = await nodeWith(definition);
  const channel = await open(node);
  channel.send(request(1, "tools/call", { name: "hello" }));
  channel.send(request(2, "tools/list"));
  channel.end();
  const heard = await answers(channel, [], 3);
  assert.deepEqual(heard.map(({ id }) => String(id)).toSorted(), ["1", "2"]);
  assert.equal(await channel.closed, undefined);
});

test("what an agent has under way when it is taken away is answered as such", async () => {
  await using node = await nodeWith(definition);
  const channel = await open(node);
  channel.send(request(1, "tools/call", { name: "hello" }));
  await answers(channel, [request(2, "tools/call", { name: "never" })], 1);
  const heard = answers(channel, [], 1);
  await node.agents.unregister("agent");
  assert.equal((await heard)[0]?.error?.code, -31_005);
});

test("a caller that goes in the middle of a call is gone from the agent", async () => {
  let aborted = 0;
  const mcp: McpFactory = () => {
    const server = new McpServer(NAME);
    server.registerTool("wait", {}, async (ctx) => {
      await new Promise((resolve) => ctx.mcpReq.signal.addEventListener("abort", resolve));
      aborted += 1;
      return text("late");
    });
    server.registerTool("count", {}, () => text(String(aborted)));
    return server;
  };
  await using node = await nodeWith({ capabilities: [], mcp });
  const channel = await open(node);
  channel.send(request(1, "tools/call", { name: "wait" }));
  await answers(channel, [request(2, "tools/call", { name: "count" })], 1);
  channel.reset("gone");
  const other = await open(node);
  const [answer] = await answers(other, [request(1, "tools/call", { name: "count" })], 1);
  assert.partialDeepStrictEqual(answer?.result, text("1"));
  assert.equal(node.agents.list()[0]?.inFlight ?? 0, 0);
  other.end();
});
