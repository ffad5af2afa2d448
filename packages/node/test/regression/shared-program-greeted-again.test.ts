import assert from "node:assert/strict";
import { test } from "node:test";
import { program, nodeWithChildren } from "../child-rig.ts";

const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: { sampling: {} },
  clientInfo: { name: "stranger", version: "1" },
};

test("no caller greets a program anew that it shares with others, nor sets what they all would feel", async () => {
  await using node = await nodeWithChildren({ everything: program("server-everything") });
  for (const [method, params] of [
    ["initialize", INITIALIZE],
    ["logging/setLevel", { level: "debug" }],
    ["resources/subscribe", { uri: "demo://resource/static/document/features.md" }],
  ] as const) {
    await assert.rejects(node.callAgent("everything", method, params), { code: "METHOD_NOT_FOUND" }, method);
    const channel = await node.open("everything", { proto: "plain", mode: "call" });
    channel.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }));
    for await (const line of channel.lines) {
      const { error } = JSON.parse(line) as { readonly error?: { readonly code: number } };
      assert.equal(error?.code, -32_601, `${method}: ${line}`);
      break;
    }
    channel.end();
  }
});
