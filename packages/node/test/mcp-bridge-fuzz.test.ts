import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { McpServer } from "@modelcontextprotocol/server";
import type { AgentDefinition } from "../src/agent.ts";
import { legacyFromModern } from "../src/host/mcp-bridge-legacy.ts";
import { modernFromLegacy } from "../src/host/mcp-bridge-modern.ts";
import { createNode, memory, memoryHub } from "../src/index.ts";
import type { AgentChannel } from "../src/route/channel.ts";
import { channelPair } from "../src/route/channel-pair.ts";
import { NETWORK } from "./node-fixture.ts";

const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
const METHODS = [
  "tools/call",
  "tools/list",
  "resources/read",
  "subscriptions/listen",
  "server/discover",
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
  "__proto__",
  "notifications/cancelled",
  "notifications/initialized",
];

const id = fc.oneof(fc.integer(), fc.string({ maxLength: 3 }), fc.constantFrom(null, 1.5, {}));
const params = fc.oneof(
  fc.constant({ _meta }),
  fc.record({
    uri: fc.jsonValue({ maxDepth: 1 }),
    notifications: fc.jsonValue({ maxDepth: 1 }),
    _meta: fc.constant(_meta),
  }),
  fc.jsonValue({ maxDepth: 2 }),
);
const message = fc.record(
  {
    jsonrpc: fc.constantFrom("2.0", "1.0"),
    id,
    method: fc.constantFrom(...METHODS),
    params,
    result: fc.jsonValue({ maxDepth: 2 }),
    error: fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constant({ code: -32_002, message: "gone" })),
  },
  { requiredKeys: ["jsonrpc"] },
);
const line = fc.oneof(
  { weight: 6, arbitrary: message.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.string().map((text) => text.replaceAll("\n", " ")) },
  { weight: 1, arbitrary: fc.json() },
);

/** Answers every request with a result of its own, however strange it is asked. */
async function answering(agent: AgentChannel, results: readonly JsonValue[]): Promise<void> {
  let count = 0;
  for await (const text of agent.lines) {
    const { id: asked, method } = JSON.parse(text) as JsonObject;
    if (asked === undefined || method === undefined) continue;
    const result = results[(count += 1) % Math.max(1, results.length)] ?? {};
    agent.send(JSON.stringify({ jsonrpc: "2.0", id: asked, result }));
  }
  agent.end();
}

/** What comes back for lines that are sent at once, until the channel ends. */
async function heard(channel: AgentChannel, lines: readonly string[]): Promise<JsonObject[]> {
  for (const text of lines) channel.send(text);
  channel.end();
  const answers: JsonObject[] = [];
  for await (const text of channel.lines) answers.push(JSON.parse(text) as JsonObject);
  return answers;
}

/** Requests as JSON-RPC knows them, each id once. */
function requestsIn(lines: readonly string[]): Map<unknown, string> {
  const found = new Map<unknown, string>();
  for (const text of lines) {
    let value: JsonValue;
    try {
      value = JSON.parse(text) as JsonValue;
    } catch {
      continue;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) continue;
    const { jsonrpc, id: asked, method } = value as JsonObject;
    const isId = typeof asked === "string" || Number.isSafeInteger(asked);
    if (jsonrpc === "2.0" && isId && typeof method === "string") found.set(asked, method);
  }
  return found;
}

function checkAnswered(lines: readonly string[], answers: readonly JsonObject[]): void {
  for (const answer of answers) assert.equal(answer["jsonrpc"], "2.0");
  const answered = new Set(
    answers.filter(({ method }) => method === undefined).map((answer) => answer["id"]),
  );
  const cancels = lines.some((text) => text.includes("cancelled"));
  for (const [asked, method] of requestsIn(lines)) {
    if (cancels || method === "subscriptions/listen") continue;
    assert.ok(answered.has(asked as JsonValue), `${method} ${JSON.stringify(asked)} is answered`);
  }
}

const result: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constant<JsonValue>({}),
  fc.jsonValue({ maxDepth: 2 }).map((value) => value as JsonValue),
);
const results = fc.array(result, { maxLength: 4 });

test("whatever a modern caller says, an older agent is asked in order and every request is answered", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), results, async (lines, given) => {
      const [out, agent] = channelPair({ era: "legacy", versions: [] });
      const near = modernFromLegacy({ channel: out, initialized: { capabilities: { tools: {} } } });
      void answering(agent, given).catch(() => undefined);
      checkAnswered(lines, await heard(near, lines));
    }),
    { numRuns: 150 },
  );
});

test("whatever an older caller says, a modern agent is asked in order and every request is answered", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), results, async (lines, given) => {
      const open = () => {
        const [out, agent] = channelPair({ era: "modern", versions: [] });
        void answering(agent, given).catch(() => undefined);
        return Promise.resolve(out);
      };
      const discovered = { capabilities: { resources: { subscribe: true }, logging: {} } };
      const near = await legacyFromModern({ name: "fuzzed", open, discovered });
      checkAnswered(lines, await heard(near, lines));
    }),
    { numRuns: 150 },
  );
});

test("whatever an agent says, its caller's channel ends when the agent does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
      const [out, agent] = channelPair({ era: "legacy", versions: [] });
      const near = modernFromLegacy({ channel: out, initialized: {} });
      near.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta } }));
      for (const text of lines) agent.send(text);
      agent.end();
      for (const answer of await heard(near, [])) assert.equal(answer["jsonrpc"], "2.0");
      assert.equal(await out.closed, undefined);
    }),
    { numRuns: 150 },
  );
});

const sdk: AgentDefinition = {
  capabilities: [],
  mcp: () => {
    const server = new McpServer({ name: "agent", version: "1" });
    server.registerTool("hello", {}, () => ({ content: [{ type: "text", text: "hello" }] }));
    return server;
  },
  taskTools: { hello: "optional" },
};
const named: AgentDefinition = {
  capabilities: [],
  tools: { hello: { description: "Greets", inputSchema: {}, handler: () => "hello" } },
};

for (const [what, definition] of [
  ["an SDK's server", sdk],
  ["a definition", named],
] as const) {
  test(`whatever is said to ${what}, the next request on the channel is answered`, async () => {
    const network = memory({ hub: memoryHub({ seed: 1 }) });
    await using node = await createNode({
      network,
      networkName: NETWORK,
      agents: [{ name: "agent", definition }],
    });
    const modes = fc.constantFrom("call" as const, "session" as const);
    const last = JSON.stringify({
      jsonrpc: "2.0",
      id: "the last one",
      method: "tools/list",
      params: { _meta },
    });
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), modes, async (lines, mode) => {
        const channel = await node.open("agent", { proto: "mcp", mode });
        for (const text of [...lines, last]) channel.send(text);
        let isAnswered = false;
        for await (const text of channel.lines) {
          isAnswered = (JSON.parse(text) as JsonObject)["id"] === "the last one";
          if (isAnswered) break;
        }
        channel.reset("heard enough");
        assert.ok(isAnswered);
      }),
      { numRuns: 60 },
    );
  });
}
