import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "@modelcontextprotocol/client";
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/server";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";
import type { AgentDefinition, McpFactory } from "../src/agent.ts";
import { channelTransport } from "../src/host/mcp-transport.ts";
import { createNode, memory, memoryHub } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import type { ChannelMode } from "../src/route/channel.ts";
import { NETWORK } from "./node-fixture.ts";

const CALLER = { name: "caller", version: "1" };

/** Adds, tells three steps of progress, asks who calls, says its own list changed. */
const factory: McpFactory = ({ caller }) => {
  const capabilities = { tools: { listChanged: true }, resources: { subscribe: true } };
  const server = new McpServer({ name: "sums", version: "1" }, { capabilities });
  const numbers = z.object({ a: z.number(), b: z.number() });
  server.registerTool("add", { inputSchema: numbers }, ({ a, b }) => text(String(a + b)));
  server.registerTool("steps", {}, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken ?? 0;
    for (const progress of [1, 2, 3]) {
      await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } });
    }
    return text("done");
  });
  server.registerTool("whoami", {}, () => text(`${caller.kind} ${caller.user ?? "nobody"}`));
  server.registerTool("change", {}, () => {
    server.sendToolListChanged();
    return text("changed");
  });
  server.registerResource("page", new ResourceTemplate("test://{id}", { list: undefined }), {}, (uri) => ({
    contents: [{ uri: uri.href, text: "page" }],
  }));
  return server;
};

function text(value: string) {
  return { content: [{ type: "text" as const, text: value }] };
}

async function nodeWith(definition: AgentDefinition): Promise<AgentNode> {
  const hub = memoryHub({ seed: 7 });
  return createNode({
    network: memory({ hub }),
    networkName: NETWORK,
    agents: [{ name: "sums", definition }],
  });
}

async function connected(node: AgentNode, mode: ChannelMode, user?: string): Promise<Client> {
  const versionNegotiation = { mode: mode === "session" ? "legacy" : { pin: "2026-07-28" } } as const;
  const client = new Client(CALLER, { versionNegotiation });
  const channel = await node.open("sums", {
    proto: "mcp",
    mode,
    ...(user === undefined ? {} : { as: { user } }),
  });
  await client.connect(channelTransport(channel));
  return client;
}

for (const mode of ["call", "session"] as const) {
  test(`a factory's tools are listed and called by a caller with a ${mode} channel`, async () => {
    await using node = await nodeWith({ capabilities: ["sums"], mcp: factory });
    const client = await connected(node, mode, "ann");
    const { tools } = await client.listTools();
    assert.deepEqual(
      tools.map(({ name }) => name),
      ["add", "steps", "whoami", "change"],
    );
    const sum = await client.callTool({ name: "add", arguments: { a: 2, b: 3 } });
    assert.deepEqual(sum.content, [{ type: "text", text: "5" }]);
    const who = await client.callTool({ name: "whoami" });
    assert.deepEqual(who.content, [{ type: "text", text: "local ann" }]);
    await client.close();
  });
}

test("a caller of the older SDK is served by the same factory", async () => {
  await using node = await nodeWith({ capabilities: [], mcp: factory });
  const client = new OldClient(CALLER);
  await client.connect(channelTransport(await node.open("sums", { proto: "mcp", mode: "session" })));
  const sum = await client.callTool({ name: "add", arguments: { a: 2, b: 3 } });
  assert.deepEqual(sum.content, [{ type: "text", text: "5" }]);
  await client.close();
});

test("plain calls reach an MCP agent too, side by side", async () => {
  await using node = await nodeWith({ capabilities: [], mcp: factory });
  const sums = await Promise.all(
    [1, 2, 3].map((a) => node.call("local:sums/tools/call", { name: "add", arguments: { a, b: 1 } })),
  );
  assert.deepEqual(
    sums.map((sum) => (sum as { content: [{ text: string }] }).content[0].text),
    ["2", "3", "4"],
  );
  await assert.rejects(node.call("local:sums/no/such", {}), { code: "METHOD_NOT_FOUND" });
});

test("an instance in the place of a factory is refused", async () => {
  const mcp = new McpServer(CALLER) as unknown as McpFactory;
  await assert.rejects(nodeWith({ capabilities: [], mcp }), { code: "INVALID_PARAMS" });
});

test("a server of an older SDK serves callers of both revisions in the node's process", async () => {
  const mcp: McpFactory = () => {
    const server = new OldServer({ name: "old", version: "1" });
    server.registerTool("add", { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) =>
      text(String(a + b)),
    );
    return server;
  };
  await using node = await nodeWith({ capabilities: [], mcp });
  for (const mode of ["call", "session"] as const) {
    const client = await connected(node, mode);
    const sum = await client.callTool({ name: "add", arguments: { a: 2, b: 3 } });
    assert.deepEqual(sum.content, [{ type: "text", text: "5" }]);
    await client.close();
  }
});

test("a factory that fails, or makes no server, is an error of the call and the next one works", async () => {
  let times = 0;
  const mcp: McpFactory = (context) => {
    times += 1;
    if (times === 1) throw new Error("/home/somebody/secret is not there");
    if (times === 2) return {} as never;
    return factory(context);
  };
  await using node = await nodeWith({ capabilities: [], mcp });
  const call = () => node.call("local:sums/tools/call", { name: "add", arguments: { a: 1, b: 1 } });
  await assert.rejects(call(), { code: "HANDLER_FAILED", message: "agent sums: its factory failed" });
  await assert.rejects(call(), { code: "HANDLER_FAILED" });
  await call();
});
