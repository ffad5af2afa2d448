import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "@modelcontextprotocol/client";
import { McpServer } from "@modelcontextprotocol/server";
import { type ErrorCode, isProtocolError, type JsonObject } from "@gridmesh/protocol";
import { z } from "zod";
import type { McpFactory } from "../src/agent.ts";
import { channelTransport, createNode, memory, memoryHub } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import { readCallerLine } from "../src/route/agent-line.ts";
import type { AgentChannel, ChannelMode } from "../src/route/channel.ts";
import { answerFor, SharedCall } from "../src/route/shared-call.ts";
import { echoAgent, eventually, NETWORK } from "./node-fixture.ts";

const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;

const said = (value: string) => ({ content: [{ type: "text" as const, text: value }] });

/** Adds, tells steps, says who calls, never answers. */
const factory: McpFactory = ({ caller }) => {
  const server = new McpServer(
    { name: "sums", version: "1" },
    { capabilities: { tools: { listChanged: true } } },
  );
  const numbers = z.object({ a: z.number(), b: z.number() });
  server.registerTool("add", { inputSchema: numbers }, ({ a, b }) => said(String(a + b)));
  server.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, ({ text }) => said(text));
  server.registerTool("steps", {}, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken ?? 0;
    for (const progress of [1, 2, 3]) {
      await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } });
    }
    return said("done");
  });
  server.registerTool("whoami", {}, () => said(JSON.stringify(caller)));
  server.registerTool("hang", {}, () => new Promise<never>(() => undefined));
  server.registerTool("change", {}, () => {
    server.sendToolListChanged();
    return said("changed");
  });
  return server;
};

async function pair(options: { readonly access?: "private" } = {}) {
  const hub = memoryHub({ seed: 11 });
  const stack = new AsyncDisposableStack();
  const agents = [
    { name: "sums", definition: { capabilities: ["sum"], mcp: factory }, ...options },
    echoAgent("plain"),
  ];
  const rates = { perSecond: 100_000, burst: 100_000, peakPerSecond: 100_000, peakBurst: 100_000 };
  const common = { networkName: NETWORK, messageRates: rates };
  const far = await createNode({ network: memory({ hub }), agents, ...common });
  stack.defer(() => far.stop({ deadlineMs: 0 }));
  const near = await createNode({ network: memory({ hub }), ...common });
  stack.defer(() => near.stop({ deadlineMs: 0 }));
  await near.connect(far.addresses[0] ?? "");
  return { near, far, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function connected(
  node: AgentNode,
  to: string,
  { mode, user }: { readonly mode: ChannelMode; readonly user?: string | undefined },
): Promise<Client> {
  const versionNegotiation = { mode: mode === "session" ? "legacy" : { pin: "2026-07-28" } } as const;
  const client = new Client({ name: "caller", version: "1" }, { versionNegotiation });
  const as = user === undefined ? {} : { as: { user } };
  await client.connect(channelTransport(await node.open(to, { proto: "mcp", mode, ...as })));
  return client;
}

const textOf = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text;
const streamsOf = (node: AgentNode) => node.snapshot().streamsByProtocol["/gridmesh/rpc/1"] ?? 0;

async function linesOf(channel: AgentChannel): Promise<JsonObject[]> {
  const lines: JsonObject[] = [];
  for await (const line of channel.lines) lines.push(JSON.parse(line) as JsonObject);
  return lines;
}

test("an MCP caller of either revision works with an agent of another node, progress and all", async () => {
  await using nodes = await pair();
  for (const mode of ["call", "session"] as const) {
    const client = await connected(nodes.near, `${nodes.far.id}:sums`, { mode });
    assert.equal(textOf(await client.callTool({ name: "add", arguments: { a: 2, b: 3 } })), "5", mode);
    const told: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => void told.push(progress);
    assert.equal(textOf(await client.callTool({ name: "steps" }, { onprogress })), "done", mode);
    assert.deepEqual(told, [1, 2, 3], `${mode}: the last progress is not lost`);
    await client.close();
  }
});

test("callers share streams and never see each other's answers, whatever ids they choose", async () => {
  await using nodes = await pair();
  const { near, far } = nodes;
  const clients = await Promise.all(
    Array.from({ length: 5 }, () => connected(near, `${far.id}:sums`, { mode: "call" })),
  );
  const sums = await Promise.all(
    clients.flatMap((client, n) =>
      Array.from({ length: 20 }, async (_u, i) => [
        textOf(await client.callTool({ name: "add", arguments: { a: n * 1_000, b: i } })),
        String(n * 1_000 + i),
      ]),
    ),
  );
  for (const [heard, expected] of sums) assert.equal(heard, expected);
  assert.ok(streamsOf(near) <= 2, `${streamsOf(near)} streams`);
});

test("each user of a node is somebody else at the other node, and none by its own name", async () => {
  await using nodes = await pair();
  const { near, far } = nodes;
  const callers = await Promise.all(
    [undefined, "anna", "anna", "bert"].map(async (user) => {
      const client = await connected(near, `${far.id}:sums`, { mode: "call", user });
      return JSON.parse(textOf(await client.callTool({ name: "whoami" })) ?? "") as JsonObject;
    }),
  );
  assert.deepEqual(
    callers.map((caller) => caller["peerId"]),
    callers.map(() => near.id),
  );
  const [own, anna, annaToo, bert] = callers.map((caller) => caller["user"]);
  assert.equal(own, undefined);
  assert.equal(anna, annaToo);
  assert.notEqual(anna, bert);
  assert.doesNotMatch(JSON.stringify(anna), /anna/);
});

test("ids keep their type on the way there and back", async () => {
  await using nodes = await pair();
  const channel = await nodes.near.open(`${nodes.far.id}:sums`, { proto: "mcp", mode: "call" });
  const meta =
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
  const ask = (id: string) =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},${meta}}}`;
  for (const id of ["1", '"1"', '"x\\u0041"', "0", "-7"]) channel.send(ask(id));
  channel.end();
  const answers = await linesOf(channel);
  assert.deepEqual(new Set(answers.map(({ id }) => id)), new Set([1, "1", "xA", 0, -7]));
  assert.equal(await channel.closed, undefined);
});

test("a request goes out, and its answer comes back, with every digit and blank as it was written", () => {
  const text =
    '{ "id":"a", "jsonrpc":"2.0","method":"m","params":{"n": 12345678901234567890,"_meta":{"progressToken":"t"}}}';
  const asked = readCallerLine(text, "mcp");
  assert.ok(asked.kind === "request");
  const caller = { hear: () => undefined, over: () => undefined };
  const call = new SharedCall(asked, caller, { nowMs: 0, onExpire: () => undefined });
  call.wireId = 7;
  const sent = call.text(29_999.5);
  assert.equal(
    sent,
    '{ "id":7, "jsonrpc":"2.0","method":"m","params":{"n": 12345678901234567890,"_meta":{"progressToken":7}},"x":{"deadlineMs":30000}}',
  );
  const arrived = readCallerLine(sent, "mcp");
  assert.ok(arrived.kind === "request");
  assert.deepEqual([arrived.leftMs, arrived.text], [30_000, sent.replace(/,"x".*$/, "}")]);
  const result = '"result":{"n":1.0, "m":-0}';
  for (const [line, own] of [
    [`{"jsonrpc":"2.0","id":7,${result}}`, `{"jsonrpc":"2.0","id":"a",${result}}`],
    [`{${result},"jsonrpc":"2.0","id":7}`, `{${result},"jsonrpc":"2.0","id":"a"}`],
    [`{${result},"id" : 7,"jsonrpc":"2.0"}`, `{${result},"id" : "a","jsonrpc":"2.0"}`],
  ] as const) {
    assert.equal(answerFor("a", 7, line), own);
  }
});

test("garbage on a far channel is answered before anybody else sees it", async () => {
  await using nodes = await pair();
  const channel = await nodes.near.open(`${nodes.far.id}:sums`, { proto: "mcp", mode: "call" });
  const bad = [
    "nonsense",
    "[]",
    '{"jsonrpc":"2.0","id":null,"method":"x"}',
    '{"jsonrpc":"2.0","id":1.5,"method":"x"}',
  ];
  for (const line of bad) channel.send(line);
  channel.send('{"jsonrpc":"2.0","id":3,"method":"tools/list","method":"tools/call"}');
  channel.end();
  const codes = (await linesOf(channel)).map(({ error }) => (error as JsonObject)["code"]);
  assert.deepEqual(codes, [-32700, -32600, -32600, -32600, -32600]);
});

test("a cancelled request frees its place and its late answer reaches nobody", async () => {
  await using nodes = await pair();
  const client = await connected(nodes.near, `${nodes.far.id}:sums`, { mode: "call" });
  const gone = new AbortController();
  const hanging = client.callTool({ name: "hang" }, { signal: gone.signal });
  setImmediate(() => gone.abort());
  await assert.rejects(hanging);
  assert.equal(textOf(await client.callTool({ name: "add", arguments: { a: 1, b: 1 } })), "2");
});

test("who listens to a far agent hears of its changes until it leaves", async () => {
  await using nodes = await pair();
  const { near, far } = nodes;
  const channel = await near.open(`${far.id}:sums`, { proto: "mcp", mode: "listen" });
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { notifications: { toolsListChanged: true }, _meta: meta };
  channel.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "subscriptions/listen", params }));
  const lines = channel.lines[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string) as JsonObject;
  assert.equal((await next())["method"], "notifications/subscriptions/acknowledged");
  await near.call(`${far.id}:sums/tools/call`, { name: "change" });
  assert.equal((await next())["method"], "notifications/tools/list_changed");
  channel.reset("enough");
  await eventually("the stream is gone", () => streamsOf(far) <= 2);
});

test("a far agent that is missing, hidden or of another protocol is told at opening", async () => {
  await using nodes = await pair({ access: "private" });
  const { near, far } = nodes;
  const open = (to: string, proto: "mcp" | "a2a" = "mcp") =>
    near.open(`${far.id}:${to}`, { proto, mode: "call" });
  const missing = await open("nobody").catch((error: unknown) => error);
  const hidden = await open("sums").catch((error: unknown) => error);
  assert.ok(code("AGENT_NOT_FOUND")(missing) && code("AGENT_NOT_FOUND")(hidden));
  assert.equal(
    (missing as Error).message.replace("nobody", "x"),
    (hidden as Error).message.replace("sums", "x"),
  );
  await assert.rejects(open("node", "a2a"), code("PROTOCOL_UNSUPPORTED"));
});

test("plain lines go to a far agent and a far node like calls", async () => {
  await using nodes = await pair();
  const { near, far } = nodes;
  const channel = await near.open(`${far.id}:plain`, { proto: "plain", mode: "call" });
  channel.send('{"jsonrpc":"2.0","id":"a","method":"whoami"}');
  channel.end();
  assert.deepEqual(await linesOf(channel), [
    { jsonrpc: "2.0", id: "a", result: { kind: "peer", peerId: near.id } },
  ]);
  const node = await near.open(`${far.id}:node`, { proto: "plain", mode: "call" });
  node.send(`{"jsonrpc":"2.0","id":1,"method":"${far.id}:node/get_info"}`);
  node.end();
  const [info] = await linesOf(node);
  assert.equal((info?.["result"] as JsonObject | undefined)?.["node_id"], far.id);
});
