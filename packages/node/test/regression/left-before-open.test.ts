import assert from "node:assert/strict";
import { test } from "node:test";
import { McpServer } from "@modelcontextprotocol/server";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { eventually, NETWORK, rawPeer } from "../node-fixture.ts";

test("a caller that leaves while an MCP agent is still being made harms nobody", async (t) => {
  const loose: unknown[] = [];
  const note = (reason: unknown) => loose.push(reason);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  const hub = memoryHub({ seed: 11 });
  const made = Promise.withResolvers<void>();
  let asked = 0;
  const mcp = async () => {
    asked += 1;
    await made.promise;
    return new McpServer({ name: "slow", version: "1" });
  };
  await using node = await createNode({
    network: memory({ hub }),
    networkName: NETWORK,
    agents: [{ name: "slow", definition: { capabilities: [], mcp } }],
  });
  await using peer = await rawPeer(memory({ hub }), 1);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const stream = await peer.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 1_000 });
  const write = (text: string) => stream.write(new TextEncoder().encode(`${text}\n`));
  const read = async () => Buffer.from((await stream.readLine({ timeoutMs: 10_000 })) ?? []).toString();
  await write('{"v":1,"to":"slow","proto":"plain","mode":"call"}');
  await read();
  await write('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}');
  await eventually("the agent is being made", () => asked > 0, 10_000);
  await write('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
  assert.match(await read(), /CALL_CANCELLED/);
  await new Promise((resolve) => setImmediate(resolve));
  made.resolve();
  await node.callAgent("slow", "tools/list", {}).catch(() => undefined);
  assert.deepEqual(loose, []);
});
