import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "@modelcontextprotocol/client";
import { ProtocolError } from "@gridmesh/protocol";
import type { AgentDefinition, ToolDefinition } from "../src/agent.ts";
import { channelTransport } from "../src/host/mcp-transport.ts";
import { createNode, memory, memoryHub } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import { NETWORK } from "./node-fixture.ts";

const NAME = { name: "caller", version: "1" };
const anything = { type: "object" } as const;

function tool(handler: ToolDefinition["handler"]): ToolDefinition {
  return { description: "A tool", inputSchema: anything, handler };
}

const meter: AgentDefinition = {
  capabilities: ["meter.read"],
  tools: {
    echo: tool((given) => given),
    steps: tool((_given, { progress }) => {
      for (const done of [1, 2, 3]) progress?.(done, { total: 3, message: `step ${done}` });
      return "done";
    }),
    refuse: tool(() => {
      throw new ProtocolError("UNAUTHORIZED", "not for you");
    }),
    break: tool(() => {
      throw new Error("/home/somebody/secret is not there");
    }),
    wait: tool((_given, { signal }) => {
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    }),
  },
  resources: {
    "meter://now": {
      description: "The meter's state",
      mimeType: "application/json",
      read: () => ({ wh: 7 }),
    },
    "meter://{id}/day": { description: "One day", read: (uri) => `the day of ${uri}` },
    "meter://picture": { description: "A picture", mimeType: "image/png", read: () => ({ blob: "AAAA" }) },
  },
  prompts: {
    explain: {
      description: "Explains a value",
      arguments: { value: { description: "What to explain", required: true }, tone: {} },
      messages: ({ value }) => `Explain ${value}`,
    },
  },
  methods: { "meter/reset": () => ({ reset: true }) },
};

async function nodeWith(definition: AgentDefinition): Promise<AgentNode> {
  const network = memory({ hub: memoryHub({ seed: 3 }) });
  return createNode({ network, networkName: NETWORK, agents: [{ name: "meter", definition }] });
}

/** A caller of each revision in turn. */
async function withEach(
  definition: AgentDefinition,
  work: (client: Client) => Promise<unknown>,
): Promise<void> {
  await using node = await nodeWith(definition);
  const results: unknown[] = [];
  for (const mode of ["call", "session"] as const) {
    const versionNegotiation = { mode: mode === "session" ? "legacy" : { pin: "2026-07-28" } } as const;
    const client = new Client(NAME, { versionNegotiation });
    await client.connect(channelTransport(await node.open("meter", { proto: "mcp", mode })));
    results.push(await work(client));
    await client.close();
  }
  assert.deepEqual(results[0], results[1]);
}

test("tools, resources and prompts of a definition are the same to callers of both revisions", async () => {
  await withEach(meter, async (client) => {
    assert.equal(client.getServerVersion()?.name, "meter");
    assert.deepEqual(client.getServerCapabilities(), { tools: {}, resources: {}, prompts: {} });
    const { tools } = await client.listTools();
    assert.equal(tools.length, 5);
    const { resources } = await client.listResources();
    const { resourceTemplates } = await client.listResourceTemplates();
    assert.deepEqual(
      [...resources.map(({ uri }) => uri), ...resourceTemplates.map(({ uriTemplate }) => uriTemplate)],
      ["meter://now", "meter://picture", "meter://{id}/day"],
    );
    const { prompts } = await client.listPrompts();
    const echo = await client.callTool({ name: "echo", arguments: { n: 1.5 } });
    assert.deepEqual(echo.structuredContent, { n: 1.5 });
    const now = await client.readResource({ uri: "meter://now" });
    assert.deepEqual(now.contents, [{ uri: "meter://now", mimeType: "application/json", text: '{"wh":7}' }]);
    const day = await client.readResource({ uri: "meter://m1/day" });
    assert.deepEqual(day.contents, [{ uri: "meter://m1/day", text: "the day of meter://m1/day" }]);
    const picture = await client.readResource({ uri: "meter://picture" });
    assert.deepEqual(picture.contents, [{ uri: "meter://picture", mimeType: "image/png", blob: "AAAA" }]);
    const explained = await client.getPrompt({ name: "explain", arguments: { value: "7 Wh" } });
    const content = { type: "text", text: "Explain 7 Wh" };
    assert.deepEqual(explained.messages, [{ role: "user", content }]);
    return { tools, resources, resourceTemplates, prompts, echo: echo.content };
  });
});

test("a tool of a definition tells its progress in order, before its result", async () => {
  await withEach(meter, async (client) => {
    const steps: unknown[] = [];
    const onprogress = (step: object) => void steps.push(step);
    const { content } = await client.callTool({ name: "steps" }, { onprogress });
    assert.deepEqual(content, [{ type: "text", text: "done" }]);
    const told = [1, 2, 3].map((progress) => ({ progress, total: 3, message: `step ${progress}` }));
    assert.deepEqual(steps, told);
    return steps;
  });
});

test("a tool that fails is a result, an unknown one an error, and no text of a bug gets out", async () => {
  await withEach(meter, async (client) => {
    const refused = await client.callTool({ name: "refuse" });
    assert.deepEqual(
      [refused.isError, refused.content],
      [true, [{ type: "text", text: "UNAUTHORIZED: not for you" }]],
    );
    const broken = await client.callTool({ name: "break" });
    assert.deepEqual(
      [broken.isError, broken.content],
      [true, [{ type: "text", text: "the tool break failed" }]],
    );
    await assert.rejects(client.callTool({ name: "toString" }), { code: -32_602 });
    await assert.rejects(client.getPrompt({ name: "explain" }), { code: -32_602 });
    await assert.rejects(client.readResource({ uri: "meter://a/b/day" }), (error: { data?: unknown }) => {
      assert.partialDeepStrictEqual(error.data, { uri: "meter://a/b/day" });
      return true;
    });
    return undefined;
  });
});

test("lists come in pages of a hundred, and a strange cursor is invalid params", async () => {
  const names = Array.from({ length: 250 }, (_one, index) => `tool-${index}`);
  const tools = Object.fromEntries(names.map((name) => [name, tool(() => null)]));
  await withEach({ capabilities: [], tools }, async (client) => {
    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const next = await client.request({
        method: "tools/list",
        params: cursor === undefined ? {} : { cursor },
      });
      sizes.push(next.tools.length);
      cursor = next.nextCursor;
    } while (cursor !== undefined);
    assert.deepEqual(sizes, [100, 100, 50]);
    for (const strange of ["0", "250", "-1", "x", "1.5e400", ""]) {
      await assert.rejects(client.request({ method: "tools/list", params: { cursor: strange } }), {
        code: -32_602,
      });
    }
    return sizes;
  });
});

test("a call that is cancelled is cancelled in the tool, and never answered", async () => {
  await withEach(meter, async (client) => {
    const gone = new AbortController();
    const call = client.callTool({ name: "wait" }, { signal: gone.signal });
    gone.abort("changed my mind");
    await assert.rejects(call);
    const { content } = await client.callTool({ name: "echo", arguments: {} });
    return content;
  });
});

test("what the modern revision has no word for is not found, and each request says what it is", async () => {
  await using node = await nodeWith(meter);
  const channel = await node.open("meter", { proto: "mcp", mode: "call" });
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const old = { ..._meta, "io.modelcontextprotocol/protocolVersion": "1900-01-01" };
  const asked: readonly [string, object, number | undefined][] = [
    ["server/discover", { _meta }, undefined],
    ["meter/reset", { _meta }, undefined],
    ["initialize", { _meta }, -32_601],
    ["ping", { _meta }, -32_601],
    ["resources/subscribe", { uri: "meter://now", _meta }, -32_601],
    ["tools/list", {}, -32_602],
    ["tools/list", { _meta: old }, -32_022],
    ["initialize", { protocolVersion: "2025-11-25" }, -32_022],
    ["toString", { _meta }, -32_601],
  ];
  asked.forEach(([method, params], id) =>
    channel.send(JSON.stringify({ jsonrpc: "2.0", id, method, params })),
  );
  const codes = new Map<number, number | undefined>();
  for await (const line of channel.lines) {
    const { id, error } = JSON.parse(line) as { id: number; error?: { code: number } };
    codes.set(id, error?.code);
    if (codes.size === asked.length) break;
  }
  assert.deepEqual(
    asked.map((_row, id) => codes.get(id)),
    asked.map(([, , code]) => code),
  );
  channel.end();
});
