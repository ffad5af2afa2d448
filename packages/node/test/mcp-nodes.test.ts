/** MCP agents and their callers on different nodes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { inputRequired, McpServer } from "@modelcontextprotocol/server";
import type { JsonObject } from "@gridmesh/protocol";
import type { McpFactory } from "../src/agent.ts";
import {
  type AgentNode,
  channelTransport,
  createNode,
  memory,
  memoryHub,
  systemProcesses,
} from "../src/index.ts";
import type { NodeAgent } from "../src/node-options.ts";
import type { AgentChannel, ChannelMode, LocalUser } from "../src/route/channel.ts";
import { program } from "./child-rig.ts";
import { mcpCaller } from "./mcp-callers.ts";
import { NETWORK } from "./node-fixture.ts";

const LONG_MS = 60_000;
const CALLER = { name: "caller", version: "1" };
const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: {} },
};

const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });

const lively: McpFactory = ({ sealState, openState }) => {
  const server = new McpServer(
    { name: "lively", version: "1" },
    {
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true } },
      requestState: { verify: (state, ctx) => openState(state, ctx.mcpReq.id) },
    },
  );
  server.registerTool("change", {}, () => {
    server.sendToolListChanged();
    return text("changed");
  });
  server.registerTool("update", {}, async () => {
    await server.server.sendResourceUpdated({ uri: "test://page" });
    return text("updated");
  });
  server.registerTool("steps", {}, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken ?? 0;
    for (const progress of [1, 2, 3]) {
      await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } });
    }
    return text("done");
  });
  server.registerTool("two-rounds", {}, (ctx) => {
    if (ctx.mcpReq.requestState() === "round 1") return text("round 2");
    return inputRequired({ requestState: sealState("round 1", ctx.mcpReq.id) });
  });
  server.registerResource("page", "test://page", {}, (uri) => ({
    contents: [{ uri: uri.href, text: "words" }],
  }));
  server.server.setRequestHandler("resources/subscribe", () => ({}));
  server.server.setRequestHandler("resources/unsubscribe", () => ({}));
  return server;
};

interface Mesh extends AsyncDisposable {
  readonly near: AgentNode;
  readonly other: AgentNode;
  readonly far: AgentNode;
}

/** Two nodes that call a third, which has the agents. */
async function mesh(agents: readonly NodeAgent[]): Promise<Mesh> {
  await using stack = new AsyncDisposableStack();
  const hub = memoryHub({ seed: 21 });
  const children = { processes: systemProcesses(), env: process.env };
  const node = async (hosted: readonly NodeAgent[]) =>
    stack.use(await createNode({ network: memory({ hub }), networkName: NETWORK, children, agents: hosted }));
  const [far, near, other] = [await node(agents), await node([]), await node([])];
  for (const caller of [near, other]) await caller.connect(far.addresses[0] ?? "");
  const kept = stack.move();
  return { near, other, far, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

const livelyAgent: NodeAgent = { name: "lively", definition: { capabilities: [], mcp: lively } };

async function pinned(node: AgentNode, reference: string, mode: ChannelMode = "call"): Promise<Client> {
  const client = new Client(CALLER, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await client.connect(channelTransport(await node.open(reference, { proto: "mcp", mode })));
  return client;
}

/** What a listener hears, one at a time. */
interface Listener {
  next(): Promise<JsonObject>;
  close(): void;
}

async function listener(node: AgentNode, reference: string, notifications: object): Promise<Listener> {
  const channel: AgentChannel = await node.open(reference, { proto: "mcp", mode: "listen" });
  const params = { notifications, _meta };
  channel.send(JSON.stringify({ jsonrpc: "2.0", id: 9, method: "subscriptions/listen", params }));
  const lines = channel.lines[Symbol.asyncIterator]();
  return {
    async next() {
      const { value } = await lines.next();
      return JSON.parse(String(value)) as JsonObject;
    },
    close: () => channel.reset("heard enough"),
  };
}

interface Round {
  readonly reference: string;
  /** `anonymous`: a caller without a token. */
  readonly user: string | undefined;
  readonly params: object;
}

/** One round of the tool that takes two. */
async function twoRounds(node: AgentNode, { reference, user, params }: Round) {
  const named = user === "anonymous" ? { anonymous: true } : { user };
  const as = user === undefined ? {} : { as: named as LocalUser };
  const channel = await node.open(reference, { proto: "mcp", mode: "call", ...as });
  const full = { name: "two-rounds", ...params, _meta };
  channel.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: full }));
  for await (const line of channel.lines) {
    channel.end();
    return JSON.parse(line) as {
      readonly result?: { readonly requestState?: string; readonly content?: readonly { text: string }[] };
      readonly error?: { readonly code: number };
    };
  }
  throw new Error("no answer");
}

test("who listens hears of what other callers on other nodes change, and of nothing else", async () => {
  await using all = await mesh([livelyAgent]);
  const reference = `${all.far.id}:lively`;
  const lists = await listener(all.near, reference, { toolsListChanged: true });
  const pages = await listener(all.near, reference, { resourceSubscriptions: ["test://page"] });
  for (const one of [lists, pages]) {
    assert.equal((await one.next())["method"], "notifications/subscriptions/acknowledged");
  }
  const changer = await pinned(all.other, reference);
  await changer.callTool({ name: "update" });
  await changer.callTool({ name: "change" });
  await changer.callTool({ name: "update" });
  const _metaHeard = { "io.modelcontextprotocol/subscriptionId": 9 };
  assert.deepEqual(await lists.next(), {
    jsonrpc: "2.0",
    method: "notifications/tools/list_changed",
    params: { _meta: _metaHeard },
  });
  for (let times = 0; times < 2; times += 1) {
    assert.deepEqual(await pages.next(), {
      jsonrpc: "2.0",
      method: "notifications/resources/updated",
      params: { uri: "test://page", _meta: _metaHeard },
    });
  }
  await changer.close();
  lists.close();
  pages.close();
});

test("a session of the older revision hears of what a modern caller changes", async () => {
  await using all = await mesh([livelyAgent]);
  const reference = `${all.far.id}:lively`;
  const client = new Client(CALLER, { versionNegotiation: { mode: "legacy" } });
  const heard: string[] = [];
  const both = new Promise<void>((resolve) => {
    const hear = (what: string) => {
      heard.push(what);
      if (heard.length === 2) resolve();
    };
    client.setNotificationHandler("notifications/tools/list_changed", () => hear("tools"));
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => hear(params.uri));
  });
  await client.connect(channelTransport(await all.near.open(reference, { proto: "mcp", mode: "session" })));
  const changer = await pinned(all.other, reference);
  await changer.callTool({ name: "update" });
  await client.subscribeResource({ uri: "test://page" });
  await changer.callTool({ name: "update" });
  await changer.callTool({ name: "change" });
  await both;
  assert.deepEqual(heard, ["test://page", "tools"]);
  await client.close();
  await changer.close();
});

test("an agent that is taken away tells its listeners so", async () => {
  await using all = await mesh([livelyAgent]);
  const heard = await listener(all.near, `${all.far.id}:lively`, { toolsListChanged: true });
  await heard.next();
  await all.far.agents.unregister("lively");
  assert.partialDeepStrictEqual(await heard.next(), {
    method: "notifications/cancelled",
    params: { requestId: 9 },
  });
  assert.partialDeepStrictEqual(await heard.next(), {
    id: 9,
    result: { resultType: "complete", _meta: { "io.modelcontextprotocol/subscriptionId": 9 } },
  });
});

test(
  "three of three steps come before the result, a thousand times, at callers of both revisions",
  { timeout: LONG_MS },
  async () => {
    await using all = await mesh([livelyAgent]);
    const reference = `${all.far.id}:lively`;
    const modern = await pinned(all.near, reference);
    const legacy = new Client(CALLER, { versionNegotiation: { mode: "legacy" } });
    await legacy.connect(
      channelTransport(await all.other.open(reference, { proto: "mcp", mode: "session" })),
    );
    let whole = 0;
    const call = async (client: Client) => {
      const steps: number[] = [];
      const onprogress = ({ progress }: { progress: number }) => void steps.push(progress);
      await client.callTool({ name: "steps" }, { onprogress });
      if (steps.join() === "1,2,3") whole += 1;
    };
    for (let round = 0; round < 50; round += 1) {
      await Promise.all(Array.from({ length: 20 }, (_one, n) => call(n % 2 === 0 ? modern : legacy)));
    }
    assert.equal(whole, 1_000);
    await modern.close();
    await legacy.close();
  },
);

test("a state that one caller was given is refused from every other: another user, another node", async () => {
  await using all = await mesh([livelyAgent]);
  const reference = `${all.far.id}:lively`;
  const ask = (node: AgentNode, user: string | undefined, params: object) =>
    twoRounds(node, { reference, user, params });
  const first = await ask(all.near, "ann", {});
  const requestState = first.result?.requestState;
  assert.equal(typeof requestState, "string");
  const own = await ask(all.near, "ann", { requestState });
  assert.equal(own.result?.content?.[0]?.text, "round 2");
  for (const [node, user, params] of [
    [all.near, "bob", { requestState }],
    [all.near, undefined, { requestState }],
    [all.near, "anonymous", { requestState }],
    [all.other, "ann", { requestState }],
    [all.near, "ann", { requestState, arguments: { other: 1 } }],
    [all.near, "ann", { requestState: `${requestState}-TAMPERED` }],
  ] as const) {
    assert.equal((await ask(node, user, params)).error?.code, -32_602);
  }
});

test("an old caller on one node is asked by a program of the modern revision alone on another", async () => {
  const path = fileURLToPath(new URL("children/mcp-modern-only.ts", import.meta.url));
  const args = ["--conditions=gridmesh-source", path];
  await using all = await mesh([{ name: "modern", definition: { command: process.execPath, args } }]);
  await using caller = await mcpCaller(all.near, `${all.far.id}:modern`, "old");
  assert.deepEqual(await caller.tools(), ["greet"]);
  assert.equal(await caller.call("greet"), "Hello, Ada Lovelace");
});

test(
  "a caller that insists on 2026-07-28 listens to a resource of server-everything",
  { timeout: LONG_MS },
  async () => {
    const definition = program("server-everything", "stdio");
    await using all = await mesh([{ name: "everything", definition }]);
    const reference = `${all.far.id}:everything`;
    const client = await pinned(all.other, reference);
    const { resources } = await client.listResources();
    const uri = resources[0]?.uri ?? "";
    const heard = await listener(all.near, reference, { resourceSubscriptions: [uri] });
    const acknowledged = (await heard.next())["params"] as JsonObject;
    assert.deepEqual(acknowledged["notifications"], { resourceSubscriptions: [uri] });
    await client.callTool({ name: "toggle-subscriber-updates" });
    assert.partialDeepStrictEqual(await heard.next(), {
      method: "notifications/resources/updated",
      params: { uri },
    });
    heard.close();
    await client.close();
  },
);

test("a node out of reach passes for no agent of either revision, and is asked again once it is there", async () => {
  await using all = await mesh([livelyAgent]);
  const hub = memoryHub({ seed: 22 });
  await using alone = await createNode({ network: memory({ hub }), networkName: NETWORK });
  const reference = `${all.far.id}:lively`;
  for (const mode of ["call", "session"] as const) {
    const opening = alone.open(reference, { proto: "mcp", mode }, { timeoutMs: 2_000 });
    await assert.rejects(opening, (error: { code: string }) => error.code.startsWith("PEER_"));
  }
  const { era, versions } = await all.near.open(reference, { proto: "mcp", mode: "call" });
  assert.deepEqual([era, versions[0]], ["dual", "2026-07-28"]);
});

test("digits that JavaScript cannot hold pass two hops, and the bridge between the revisions, unchanged", async () => {
  const path = fileURLToPath(new URL("children/mcp-verbatim.ts", import.meta.url));
  const args = ["--conditions=gridmesh-source", path];
  await using all = await mesh([{ name: "verbatim", definition: { command: process.execPath, args } }]);
  const reference = `${all.far.id}:verbatim`;
  const given = '{"n":12345678901234567890,"x":1.0,"y":-0,"z":1e400}';
  const meta = JSON.stringify(_meta);
  const hello =
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}';
  for (const mode of ["call", "session"] as const) {
    const channel = await all.near.open(reference, { proto: "mcp", mode });
    const more = mode === "call" ? `,"_meta":${meta}` : "";
    if (mode === "session") channel.send(hello);
    const call = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":${given}${more}}}`;
    const strange = `{"jsonrpc":"2.0","id":3,"method":"no/such","params":{${more.slice(1)}}}`;
    channel.send(call);
    channel.send(strange);
    channel.end();
    const heard: string[] = [];
    for await (const line of channel.lines) heard.push(line);
    assert.ok(
      heard.some((line) => line.includes(`"structuredContent":${given}`)),
      heard.join("\n"),
    );
    assert.ok(heard.some((line) => line.includes('"data":{"n":12345678901234567890}')));
  }
});

test("a program of the modern revision is spared requests that say no revision, or another one", async () => {
  const path = fileURLToPath(new URL("children/mcp-modern-only.ts", import.meta.url));
  const args = ["--conditions=gridmesh-source", path];
  await using all = await mesh([{ name: "modern", definition: { command: process.execPath, args } }]);
  const channel = await all.near.open(`${all.far.id}:modern`, { proto: "mcp", mode: "call" });
  const other = { ..._meta, "io.modelcontextprotocol/protocolVersion": "2099-01-01" };
  const codes: unknown[] = [];
  const asked = [{ _meta }, { _meta: other }, {}];
  for (const [id, params] of asked.entries()) {
    channel.send(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list", params }));
    const { value } = await channel.lines[Symbol.asyncIterator]().next();
    const { error } = JSON.parse(String(value)) as { error?: { code: number; data?: unknown } };
    codes.push(error?.code);
    if (id === 1) assert.deepEqual(error?.data, { supported: ["2026-07-28"], requested: "2099-01-01" });
  }
  assert.deepEqual(codes, [undefined, -32_022, -32_602]);
  channel.end();
});
