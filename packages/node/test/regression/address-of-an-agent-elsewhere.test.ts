import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createNode, memory, memoryHub } from "../../src/index.ts";
import { NETWORK } from "../node-fixture.ts";

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("where an A2A agent elsewhere lies, and why it fails, is not told its callers", async () => {
  const port = await closedPort();
  const hub = memoryHub({ seed: 12 });
  const card = `http://127.0.0.1:${port}/.well-known/agent-card.json`;
  await using node = await createNode({
    network: memory({ hub }),
    networkName: NETWORK,
    agents: [{ name: "away", definition: { card }, access: "network" }],
  });
  await using far = await createNode({
    network: memory({ hub, bootstrap: node.addresses }),
    networkName: NETWORK,
  });
  const message = { messageId: "1", role: "ROLE_USER", parts: [{ text: "x" }] };
  const calls: readonly (readonly [string, object])[] = [
    ["SendMessage", { message }],
    ["tools/list", {}],
    ["GetAgentCard", {}],
  ];
  for (const [method, params] of calls) {
    const error = await far.call(`${node.id}:away/${method}`, params as never).then(
      () => assert.fail(`${method} was answered`),
      (thrown: unknown) => thrown as Error & { readonly code: string; readonly data: unknown },
    );
    const told = JSON.stringify([error.message, error.data]);
    assert.doesNotMatch(told, /127\.0\.0\.1|ECONNREFUSED/, `${method}: ${told}`);
    assert.match(error.code, /^(?:AGENT_UNAVAILABLE|HANDLER_FAILED)$/, `${method}: ${told}`);
  }
});
