import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, type ClientOptions } from "@modelcontextprotocol/client";
import { McpServer, inputRequired, acceptedContent, inputResponse } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import {
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  SubscribeRequestSchema,
  ToolListChangedNotificationSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { isProtocolError, type JsonObject } from "@gridmesh/protocol";
import { z } from "zod";
import { legacyFromModern } from "../src/host/mcp-bridge-legacy.ts";
import { modernFromLegacy } from "../src/host/mcp-bridge-modern.ts";
import { greetLegacy } from "../src/host/mcp-session.ts";
import { channelTransport } from "../src/host/mcp-transport.ts";
import type { AgentChannel, Era } from "../src/route/channel.ts";
import { channelPair } from "../src/route/channel-pair.ts";

const NAME = { name: "bridged", version: "1" };
const pair = (era: Era) => channelPair({ era, versions: [] });

function text(value: string) {
  return { content: [{ type: "text" as const, text: value }] };
}

interface OldAgent extends AsyncDisposable {
  /** What a caller of the modern revision gets. */
  readonly near: AgentChannel;
  readonly server: OldServer;
  /** Every `resources/subscribe` and `unsubscribe` it heard. */
  readonly watched: string[];
}

/** An agent written with the older SDK, behind the bridge. */
async function oldAgent(): Promise<OldAgent> {
  const capabilities = {
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    logging: {},
  };
  const server = new OldServer(NAME, { capabilities, instructions: "Ask politely." });
  const watched: string[] = [];
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
    if (uri === "test://forbidden") throw new Error("not this one");
    watched.push(`+${uri}`);
    return {};
  });
  server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    watched.push(`-${uri}`);
    return {};
  });
  server.registerTool("echo", { inputSchema: { said: z.string() } }, ({ said }) => text(said));
  server.registerTool("log", {}, async () => {
    await server.server.sendLoggingMessage({ level: "info", data: "working" });
    return text("logged");
  });
  server.registerTool("meta", {}, ({ _meta }) => text(JSON.stringify(_meta ?? {})));
  server.registerTool("steps", {}, async ({ _meta, sendNotification }) => {
    for (const progress of [1, 2, 3]) {
      const params = { progressToken: _meta?.progressToken ?? 0, progress };
      await sendNotification({ method: "notifications/progress", params });
    }
    return text("done");
  });
  server.registerResource("page", "test://page", {}, (uri) => ({
    contents: [{ uri: uri.href, text: "words" }],
  }));
  const [out, agentEnd] = pair("legacy");
  await server.connect(channelTransport(agentEnd));
  const near = modernFromLegacy(await greetLegacy(out));
  return { near, server, watched, [Symbol.asyncDispose]: () => server.close() };
}

async function modernClient(channel: AgentChannel, options: ClientOptions = {}): Promise<Client> {
  const client = new Client(NAME, { versionNegotiation: { mode: { pin: "2026-07-28" } }, ...options });
  await client.connect(channelTransport(channel));
  return client;
}

/** The lines that answer what is sent, until as many came as wanted. */
async function talk(channel: AgentChannel, sent: readonly object[], wanted: number): Promise<JsonObject[]> {
  for (const message of sent) channel.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  const heard: JsonObject[] = [];
  for await (const line of channel.lines) {
    heard.push(JSON.parse(line) as JsonObject);
    if (heard.length === wanted) break;
  }
  return heard;
}

const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

test("a caller of the modern SDK lists, calls and reads an agent of the older one", async () => {
  await using agent = await oldAgent();
  const client = await modernClient(agent.near);
  assert.equal(client.getServerVersion()?.name, "bridged");
  assert.equal(client.getInstructions(), "Ask politely.");
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ["echo", "log", "meta", "steps"],
  );
  const said = await client.callTool({ name: "echo", arguments: { said: "hello" } });
  assert.deepEqual(said.content, [{ type: "text", text: "hello" }]);
  const page = await client.readResource({ uri: "test://page" });
  assert.deepEqual(page.contents, [{ uri: "test://page", text: "words" }]);
  await client.close();
});

test("progress comes before the result, and the caller's own keys alone reach the older agent", async () => {
  await using agent = await oldAgent();
  const client = await modernClient(agent.near);
  const steps: number[] = [];
  await client.callTool({ name: "steps" }, { onprogress: ({ progress }) => steps.push(progress) });
  assert.deepEqual(steps, [1, 2, 3]);
  const { content } = await client.callTool({ name: "meta", _meta: { mine: 7 } });
  assert.deepEqual(content, [{ type: "text", text: '{"mine":7}' }]);
  await client.close();
});

test("results say how long they hold, and requests of sessions are not found", async () => {
  await using agent = await oldAgent();
  const gone = ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];
  const asked = [
    { id: 1, method: "tools/list", params: { _meta } },
    { id: 2, method: "tools/call", params: { name: "echo", arguments: { said: "x" }, _meta } },
    { id: 3, method: "tools/list" },
    ...gone.map((method, index) => ({ id: 10 + index, method, params: { _meta } })),
  ];
  const answers = await talk(agent.near, asked, asked.length);
  const answer = (id: number) => answers.find((message) => message["id"] === id) ?? {};
  const { tools: _tools, ...list } = answer(1)["result"] as JsonObject;
  assert.deepEqual(list, { resultType: "complete", ttlMs: 0, cacheScope: "private" });
  const { content: _content, ...call } = answer(2)["result"] as JsonObject;
  assert.deepEqual(call, { resultType: "complete" });
  const codes = [3, 10, 11, 12, 13, 14].map((id) => (answer(id)["error"] as JsonObject)["code"]);
  assert.deepEqual(codes, [-32_602, -32_601, -32_601, -32_601, -32_601, -32_601]);
});

test("log lines reach the one request that asked for them, and no other", async () => {
  await using agent = await oldAgent();
  const call = { method: "tools/call", params: { name: "log", _meta } };
  const silent = await talk(agent.near, [{ id: 1, ...call }], 1);
  assert.equal(silent[0]?.["id"], 1);
  const level = { ...call.params, _meta: { ..._meta, "io.modelcontextprotocol/logLevel": "debug" } };
  const told = await talk(agent.near, [{ id: 2, ...call, params: level }], 2);
  assert.deepEqual(
    told.map(({ method, id }) => method ?? id),
    ["notifications/message", 2],
  );
});

test("many listeners are one subscription, which ends with the last of them", async () => {
  await using agent = await oldAgent();
  const listen = (id: number, uris: readonly string[]) => ({
    id,
    method: "subscriptions/listen",
    params: { notifications: { toolsListChanged: true, resourceSubscriptions: uris }, _meta },
  });
  const asked = [listen(1, ["test://page", "test://forbidden"]), listen(2, ["test://page"])];
  const acks = await talk(agent.near, asked, 2);
  for (const { method, params } of acks) {
    assert.equal(method, "notifications/subscriptions/acknowledged");
    const notifications = { toolsListChanged: true, resourceSubscriptions: ["test://page"] };
    assert.deepEqual((params as JsonObject)["notifications"], notifications);
  }
  assert.deepEqual(agent.watched, ["+test://page"]);
  await agent.server.server.sendResourceUpdated({ uri: "test://page" });
  const updates = await talk(agent.near, [], 2);
  const ids = updates.map(({ params }) => JSON.stringify((params as { _meta: JsonObject })._meta));
  assert.deepEqual(ids.toSorted(), [
    '{"io.modelcontextprotocol/subscriptionId":1}',
    '{"io.modelcontextprotocol/subscriptionId":2}',
  ]);
  const cancel = (requestId: number) => ({ method: "notifications/cancelled", params: { requestId } });
  await talk(agent.near, [cancel(1), { id: 3, method: "tools/list", params: { _meta } }], 1);
  assert.deepEqual(agent.watched, ["+test://page"]);
  agent.server.sendToolListChanged();
  const [changed] = await talk(agent.near, [], 1);
  assert.equal(changed?.["method"], "notifications/tools/list_changed");
  await talk(agent.near, [cancel(2), { id: 4, method: "tools/list", params: { _meta } }], 1);
  assert.deepEqual(agent.watched, ["+test://page", "-test://page"]);
});

test("who listens and who waits is told when the older agent ends", async () => {
  await using agent = await oldAgent();
  const notifications = { toolsListChanged: true };
  await talk(agent.near, [{ id: 1, method: "subscriptions/listen", params: { notifications, _meta } }], 1);
  await agent.server.close();
  const [cancelled, result] = await talk(agent.near, [], 2);
  assert.partialDeepStrictEqual(cancelled, { params: { requestId: 1 } });
  assert.deepEqual(result?.["result"], {
    resultType: "complete",
    _meta: { "io.modelcontextprotocol/subscriptionId": 1 },
  });
});

test("digits of others' numbers pass the bridge both ways, and an old missing resource is invalid params", async () => {
  const [out, agentEnd] = pair("legacy");
  const near = modernFromLegacy({ channel: out, initialized: {} });
  const params = `{"name":"x","arguments":{"n":12345678901234567890},"_meta":${JSON.stringify(_meta)}}`;
  near.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`);
  const heard: string[] = [];
  for await (const line of agentEnd.lines) {
    heard.push(line);
    break;
  }
  assert.match(heard[0] ?? "", /"arguments":\{"n":12345678901234567890\}/);
  agentEnd.send('{"jsonrpc":"2.0","id":1,"result":{"n":12345678901234567890}}');
  near.send(
    `{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"u","_meta":${JSON.stringify(_meta)}}}`,
  );
  agentEnd.send('{"jsonrpc":"2.0","id":2,"error":{"code":-32002,"message":"gone","data":{"uri":"u"}}}');
  for await (const line of near.lines) if (heard.push(line) === 3) break;
  assert.equal(
    heard[1],
    '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","n":12345678901234567890}}',
  );
  assert.equal(
    heard[2],
    '{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"gone","data":{"uri":"u"}}}',
  );
});

/** An agent that speaks 2026-07-28 alone. */
function modernAgent(): { readonly open: () => Promise<AgentChannel>; readonly servers: McpServer[] } {
  const servers: McpServer[] = [];
  const make = () => {
    const capabilities = { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} };
    const server = new McpServer(NAME, { capabilities });
    servers.push(server);
    server.registerTool("name", {}, (ctx) => {
      const given = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "who");
      const roots = inputResponse(ctx.mcpReq.inputResponses, "roots");
      if (given !== undefined && roots.kind === "roots") {
        return text(`Hello, ${given.name} of ${roots.roots.length} in ${String(ctx.mcpReq.requestState())}`);
      }
      const requestedSchema = { type: "object" as const, properties: { name: { type: "string" as const } } };
      return inputRequired({
        inputRequests: {
          who: inputRequired.elicit({ message: "Who?", requestedSchema }),
          roots: inputRequired.listRoots(),
        },
        requestState: "state 1",
      });
    });
    server.registerTool("again", {}, (ctx) => {
      const round = Number(ctx.mcpReq.requestState() ?? 0) + 1;
      return inputRequired({ requestState: String(round) });
    });
    server.registerTool("log", {}, async (ctx) => {
      await ctx.mcpReq.log("info", "working");
      return text("logged");
    });
    server.registerResource("page", "test://page", {}, (uri) => ({
      contents: [{ uri: uri.href, text: "words" }],
    }));
    return server;
  };
  const open = () => {
    const [near, far] = pair("modern");
    serveStdio(make, { transport: channelTransport(far), legacy: "reject" });
    return Promise.resolve(near);
  };
  return { open, servers };
}

async function discovered(open: () => Promise<AgentChannel>): Promise<JsonObject> {
  const channel = await open();
  const [answer] = await talk(channel, [{ id: 1, method: "server/discover", params: { _meta } }], 1);
  channel.end();
  return answer?.["result"] as JsonObject;
}

async function oldCaller(agent: ReturnType<typeof modernAgent>): Promise<OldClient> {
  const client = new OldClient(NAME, { capabilities: { elicitation: {}, roots: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name: "Ann" } }));
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///a" }] }));
  const { open } = agent;
  const session = await legacyFromModern({ name: "modern", open, discovered: await discovered(open) });
  await client.connect(channelTransport(session));
  return client;
}

test("an old caller reaches an agent that has the modern revision alone", async () => {
  const client = await oldCaller(modernAgent());
  assert.equal(client.getServerVersion()?.name, "bridged");
  await client.ping();
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ["name", "again", "log"],
  );
  const page = await client.readResource({ uri: "test://page" });
  assert.deepEqual(page, { contents: [{ uri: "test://page", text: "words" }] });
  await client.close();
});

test("what a modern agent needs of its caller is asked of an old one as requests, ten rounds at most", async () => {
  const client = await oldCaller(modernAgent());
  const { content } = await client.callTool({ name: "name" });
  assert.deepEqual(content, [{ type: "text", text: "Hello, Ann of 1 in state 1" }]);
  await assert.rejects(client.callTool({ name: "again" }), { code: -31_012 });
  await client.close();
});

test("an old caller sets its level of logging, and is told of what it subscribed to", async () => {
  const agent = modernAgent();
  const client = await oldCaller(agent);
  const logs: unknown[] = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    logs.push(params.data);
  });
  await client.callTool({ name: "log" });
  assert.deepEqual(logs, []);
  await client.setLoggingLevel("debug");
  await client.callTool({ name: "log" });
  assert.deepEqual(logs, ["working"]);
  const updated = new Promise((resolve) => {
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => resolve(params.uri));
  });
  const listChanged = new Promise((resolve) => {
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve("tools"));
  });
  await client.subscribeResource({ uri: "test://page" });
  for (const server of agent.servers.filter((one) => one.isConnected())) {
    await server.server.sendResourceUpdated({ uri: "test://page" });
    server.sendToolListChanged();
  }
  assert.equal(await updated, "test://page");
  assert.equal(await listChanged, "tools");
  await client.unsubscribeResource({ uri: "test://page" });
  await client.close();
});

test("a greeting that the agent refuses is the agent's own error", async () => {
  const [out, agentEnd] = pair("legacy");
  const greeting = greetLegacy(out);
  agentEnd.send('{"jsonrpc":"2.0","id":0,"error":{"code":-32022,"message":"only modern"}}');
  await assert.rejects(greeting, (error) => isProtocolError(error) && error.foreign?.code === -32_022);
});
