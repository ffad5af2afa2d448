import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SendMessageRequest, Task } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { conformance } from "../../../interop/agents/conformance.ts";
import { toolResult } from "../src/host/adapters-task-result.ts";
import { a2aTransport, createNode, memory, memoryHub } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import { clientOf } from "./a2a-rig.ts";
import { NETWORK } from "./node-fixture.ts";

/** The agent that MCP's conformance suite examines, at another node; the caller can be asked for answers alone. */
const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
};
const nodes = new AsyncDisposableStack();
let near: AgentNode;
let address: string;
let caller: Client;

before(async () => {
  const hub = memoryHub({ seed: 3 });
  const common = { networkName: NETWORK };
  const agents = [{ name: "fixture", definition: conformance() }];
  const far = nodes.use(await createNode({ network: memory({ hub }), agents, ...common }));
  near = nodes.use(await createNode({ network: memory({ hub }), ...common }));
  await near.connect(far.addresses[0] ?? "");
  address = `${far.id}:fixture`;
  caller = await clientOf(await a2aTransport(near), await near.cards.read(address));
});

after(() => nodes.disposeAsync());

/** Something for each argument that has to be given. */
function argumentsFor({ required = [], properties = {} }: JsonObject): JsonObject {
  const given = (schema: JsonValue | undefined): JsonValue => {
    const { type, enum: values } = (schema ?? {}) as { type?: string; enum?: JsonValue[] };
    if (values?.[0] !== undefined) return values[0];
    return type === "string" ? "x" : type === "boolean" ? true : type === "object" ? {} : 0.001;
  };
  const schemas = properties as JsonObject;
  return Object.fromEntries((required as string[]).map((name) => [name, given(schemas[name])]));
}

type Told = { readonly result: JsonObject } | { readonly error: number };

/** What the tool says for itself. */
async function asTool(name: string, given: JsonObject): Promise<Told> {
  const channel = await near.open(address, { proto: "mcp", mode: "call" });
  const params = { name, arguments: given, _meta };
  channel.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }));
  channel.end();
  for await (const line of channel.lines) {
    const { id, result, error } = JSON.parse(line) as JsonObject;
    if (id !== 1) continue;
    if (error !== undefined) return { error: (error as { code: number }).code };
    return { result: result as JsonObject };
  }
  throw new Error(`no answer of ${name}`);
}

/** The same by a message that names it as a skill. */
async function asSkill(name: string, data: JsonObject): Promise<Told> {
  const message = { messageId: "m", role: "ROLE_USER", parts: [{ data }], metadata: { skillId: name } };
  const task = Task.toJSON(
    (await caller.sendMessage(SendMessageRequest.fromJSON({ message }))) as Task,
  ) as JsonObject;
  const { state, message: said } = task["status"] as { state: string; message?: { parts: JsonObject[] } };
  const parts = said?.parts ?? [];
  if (state === "TASK_STATE_INPUT_REQUIRED") {
    return { result: { resultType: "input_required", ...(parts[0]?.["data"] as JsonObject) } };
  }
  const failure = parts.find(
    ({ data: facts }) => (facts as JsonObject | undefined)?.["reason"] !== undefined,
  );
  if (failure !== undefined) return { error: (failure["data"] as { code: number }).code };
  return { result: { resultType: "complete", ...toolResult(task) } };
}

/** The state of a question stays at the agent's own node; who made a result is not the result. */
function comparable(told: Told): Told {
  if ("error" in told) return told;
  const { requestState: _state, _meta: _info, ...result } = told.result;
  return { result };
}

test("each tool of the fixture, called as a skill over two nodes, gives what the tool gives", async () => {
  const { tools } = (await near.call(`${address}/tools/list`, { _meta })) as { tools: JsonObject[] };
  assert.ok(tools.length >= 24);
  assert.deepEqual(
    (await caller.getAgentCard()).skills.map(({ id }) => id),
    tools.map(({ name }) => name),
  );
  const different: string[] = [];
  for (const { name, inputSchema } of tools as { name: string; inputSchema: JsonObject }[]) {
    const given = argumentsFor(inputSchema);
    const [tool, skill] = [await asTool(name, given), await asSkill(name, given)].map((told) =>
      comparable(told),
    );
    try {
      assert.deepEqual(skill, tool);
    } catch (error) {
      different.push(`${name}: ${(error as Error).message}`);
    }
  }
  assert.deepEqual(different, []);
});
