/** Who a caller is to the agents it calls: an agent by its key, a user by a pseudonym, the operator by its node. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import type { AgentContext, AgentDefinition } from "../src/agent.ts";
import type { AgentNode } from "../src/node.ts";
import type { AgentChannel } from "../src/route/channel.ts";
import { mesh } from "./mesh-rig.ts";
import { echoAgent, echoDefinition, eventually } from "./node-fixture.ts";

test("an agent that calls out is known to the other node by its key, and rules may mean it", async () => {
  const { promise: started, resolve } = Promise.withResolvers<AgentContext>();
  const caller: AgentDefinition = {
    ...echoDefinition(["caller"]),
    start: (context) => Promise.resolve(resolve(context)),
  };
  const tell: AgentDefinition = {
    capabilities: ["told"],
    methods: {
      who: (_params, context) => ({
        agentId: context.caller.agentId ?? null,
        user: context.caller.user ?? null,
      }),
    },
  };
  await using all = await mesh(
    { agents: [{ name: "told", definition: tell }] },
    { agents: [{ name: "caller", definition: caller }] },
  );
  const [one, two] = all.nodes as [AgentNode, AgentNode];
  const context = await started;
  const who = { agentId: context.agentId, user: null };
  assert.deepEqual(await context.call(`${one.id}:told/who`, {}), who);
  assert.deepEqual(await context.call("cap:told/who", {}), who, "also by capability");
  assert.deepEqual(
    await two.call(`${one.id}:told/who`),
    { agentId: null, user: null },
    "the operator is the node itself",
  );
  const { user } = (await two.call(`${one.id}:told/who`, {}, { as: { token: "anna" } })) as JsonObject;
  assert.match(JSON.stringify(user), /^"[\w-]{22}"$/);
  const nameless = (await two.call(`${one.id}:told/who`, {}, { as: { anonymous: true } })) as JsonObject;
  assert.ok(
    nameless["user"] !== null && nameless["user"] !== user,
    "callers without a name are one user of their own",
  );
});

test("a caller with a name has 32 requests to one agent under way, on all its channels together", async () => {
  await using all = await mesh({ agents: [echoAgent("agent1")] });
  const [node] = all.nodes as [AgentNode];
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const definition: AgentDefinition = {
    capabilities: [],
    tools: {
      hang: {
        description: "",
        inputSchema: { type: "object" },
        handler: () => new Promise<JsonValue>(() => undefined),
      },
    },
  };
  await node.agents.register("slow", definition).ready;
  const open = (token: string) => node.open("slow", { proto: "mcp", mode: "call", as: { token } });
  const ask = (channel: AgentChannel, id: number) =>
    channel.send(
      JSON.stringify({
        jsonrpc: "2.0",
        id,
        method: "tools/call",
        params: { name: "hang", arguments: {}, _meta },
      }),
    );
  const [first, second, other] = await Promise.all([open("a"), open("a"), open("b")]);
  for (let id = 0; id < 16; id += 1) for (const channel of [first, second]) ask(channel, id);
  await eventually("all are under way", () => node.agents.list()[1]?.inFlight === 32);
  ask(first, 99);
  const refused = (await first.lines[Symbol.asyncIterator]().next()) as { value: string };
  assert.match(refused.value, /TOO_MANY_STREAMS/);
  ask(other, 1);
  await eventually("another has room", () => node.agents.list()[1]?.inFlight === 33);
  for (const channel of [first, second, other]) channel.reset("enough");
  await eventually("nothing is under way", () => node.agents.list()[1]?.inFlight === 0);
});

test("a channel to an agent that is unregistered ends, and what waits on it is answered", async () => {
  await using all = await mesh({ agents: [echoAgent("agent1")] }, {});
  const [one, two] = all.nodes as [AgentNode, AgentNode];
  const session = await two.open(`${one.id}:agent1`, { proto: "mcp", mode: "session" });
  const ended = (async () => {
    for await (const line of session.lines) if (line === "") return;
  })().catch(() => undefined);
  await one.agents.unregister("agent1");
  await ended;
});
