/**
 * The caller that MCP's own conformance suite examines: one node hosts the suite's address as an agent, another node's
 * program calls it. Run by the suite, which appends the address and names the scenario in the environment.
 */

import { argv, env, stderr } from "node:process";
import { Client } from "@modelcontextprotocol/client";
import { type AgentNode, channelTransport, createNode, memory, memoryHub } from "@gridmesh/node";

interface ToolCall {
  readonly name: string;
  readonly arguments?: Record<string, unknown>;
}

const NAME = { name: "gridmesh-caller", version: "1.0.0" };
const MODERN = "2026-07-28";

const revision = env["MCP_CONFORMANCE_PROTOCOL_VERSION"] ?? "2025-11-25";
const context = JSON.parse(env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as {
  readonly toolCalls?: readonly ToolCall[];
};

/** Arguments that fit a tool's schema. */
const GIVEN: Readonly<Record<string, Record<string, unknown>>> = { add_numbers: { a: 5, b: 3 } };

async function connected(node: AgentNode, reference: string): Promise<Client> {
  const isModern = revision === MODERN;
  const client = new Client(NAME, {
    capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
    versionNegotiation: { mode: isModern ? { pin: MODERN } : "legacy" },
  });
  client.setRequestHandler("elicitation/create", ({ params }) => {
    const asksToConfirm = JSON.stringify(params).includes('"confirmed"');
    return { action: "accept", content: asksToConfirm ? { confirmed: true } : {} };
  });
  const channel = await node.open(reference, { proto: "mcp", mode: isModern ? "call" : "session" });
  await client.connect(channelTransport(channel));
  return client;
}

/** Everything the agent offers is asked for once, or what the scenario says. */
async function drive(client: Client): Promise<void> {
  const { tools } = await client.listTools();
  const calls = context.toolCalls ?? tools.map(({ name }) => ({ name, arguments: GIVEN[name] ?? {} }));
  for (const call of calls) {
    await client.callTool(call).catch((error: unknown) => stderr.write(`${call.name}: ${String(error)}\n`));
  }
  const { resources, prompts } = client.getServerCapabilities() ?? {};
  if (resources !== undefined) {
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
  }
  if (prompts !== undefined) {
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
  }
}

const hub = memoryHub({ seed: 1 });
await using owner = await createNode({
  network: memory({ hub }),
  agents: [{ name: "examiner", access: "network", definition: { url: argv.at(-1) ?? "" } }],
});
await using node = await createNode({ network: memory({ hub }) });
await node.connect(owner.addresses[0] ?? "");
const client = await connected(node, `${owner.id}:examiner`);
await drive(client);
await client.close();
