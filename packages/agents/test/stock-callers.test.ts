import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentCard, SendMessageRequest, type Task } from "@a2a-js/sdk";
import { ClientFactory } from "@a2a-js/sdk/client";
import { Client } from "@modelcontextprotocol/client";
import { a2aTransport, channelTransport, createNode, memory, memoryHub } from "@gridmesh/node";
import { household } from "../src/index.ts";

const HOMES = ["home-1", "home-2", "home-3"];

interface Level {
  readonly agentId: string;
  readonly stateOfChargePermille: number;
}

/** Every household the caller's node knows of. */
async function homesOf(node: Awaited<ReturnType<typeof createNode>>): Promise<string[]> {
  const addresses: string[] = [];
  for await (const row of node.registry.find({ capability: "energy.soc", scope: "known" })) {
    addresses.push(row.address);
  }
  return addresses.sort();
}

test("stock callers of A2A and of MCP read the state of charge of every household", async () => {
  const hub = memoryHub({ seed: 21 });
  await using homes = await createNode({
    network: memory({ hub }),
    agents: HOMES.map((name) => ({ name, definition: household({}) })),
  });
  await using node = await createNode({ network: memory({ hub }) });
  await node.connect(homes.addresses[0] ?? "");
  const known = Promise.withResolvers<void>();
  const look = async () => {
    if ((await homesOf(node)).length === HOMES.length) known.resolve();
  };
  using _watch = node.registry.onChange(() => void look());
  await look();
  const late = setTimeout(() => known.reject(new Error("not all households were heard of")), 20_000);
  await known.promise;
  clearTimeout(late);

  const factory = new ClientFactory({ transports: [await a2aTransport(node)] });
  const levels: number[] = [];
  for (const address of await homesOf(node)) {
    const caller = await factory.createFromAgentCard(AgentCard.fromJSON(await node.cards.read(address)));
    const metadata = { skillId: "get_soc_data" };
    const message = { messageId: address, role: "ROLE_USER", parts: [{ data: {} }], metadata };
    const task = (await caller.sendMessage(SendMessageRequest.fromJSON({ message }))) as Task;
    const told = task.artifacts[0]?.parts.at(-1)?.content?.value as Level;

    const client = new Client({ name: "stock", version: "1" }, { versionNegotiation: { mode: "auto" } });
    const channel = await node.open(address, { proto: "mcp", mode: "session" });
    await client.connect(channelTransport(channel));
    const { structuredContent } = await client.callTool({ name: "get_soc_data", arguments: {} });
    await client.close();
    const same = structuredContent as Level;
    assert.equal(told.agentId, same.agentId);
    levels.push(told.stateOfChargePermille, same.stateOfChargePermille);
  }
  assert.equal(levels.length, 2 * HOMES.length);
  assert.ok(levels.every((level) => level >= 0 && level <= 1_000));
});
