import assert from "node:assert/strict";
import { test } from "node:test";
import { SendMessageRequest, type Task, TaskState } from "@a2a-js/sdk";
import { isProtocolError, type JsonObject } from "@gridmesh/protocol";
import { a2aTransport, createNode, memory, memoryHub } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import { SampleExecutor, sampleCard } from "./a2a-agents.ts";
import { clientOf } from "./a2a-rig.ts";
import { NETWORK } from "./node-fixture.ts";

const definition = { capabilities: ["sample"], a2a: new SampleExecutor(), card: sampleCard };

function lone(): Promise<AgentNode> {
  const network = memory({ hub: memoryHub({ seed: 7 }) });
  return createNode({ network, networkName: NETWORK, agents: [{ name: "sample", definition }] });
}

const asks = (skillId: string) =>
  SendMessageRequest.fromJSON({
    message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "go" }], metadata: { skillId } },
  });

test("the SDK calls an agent of the node under gridmesh://, by the card that the node read", async () => {
  await using node = await lone();
  const card = await node.cards.read("sample");
  const [first] = card["supportedInterfaces"] as JsonObject[];
  assert.equal(first?.["url"], `gridmesh://${node.id}/sample`);
  const caller = await clientOf(await a2aTransport(node), card);
  const task = (await caller.sendMessage(asks("chunks"))) as Task;
  assert.equal(task.status?.state, TaskState.TASK_STATE_COMPLETED);
});

test("an agent is called in A2A's words by plain calls too", async () => {
  await using node = await lone();
  const message = { skillId: "get_soc_data" };
  const answer = (await node.call("local:sample/createTask", { message })) as JsonObject;
  assert.deepEqual(answer["result"], { percent: 64.5 });
  await assert.rejects(node.call("local:sample/GetTask", { id: "none" }), (error: unknown) => {
    return isProtocolError(error) && error.foreign?.code === -32_001;
  });
});
