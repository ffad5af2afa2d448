import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, INITIALIZE, openedGateway } from "../gateway-kit.ts";

test("a token for names reaches no agent of another name by a capability that sounds like one", async () => {
  await using gateway = await openedGateway("token-and-capability");
  const named = gateway.bearer(await gateway.token("named", "--agents", "demo.*"));
  const modern = await gateway.ask("cap:demo.loud", "tools/list", {}, named);
  assert.deepEqual([modern.status, codeOf(modern)], [404, codeOf(await gateway.ask("nobody", "tools/list"))]);
  const legacy = await gateway.post("cap:demo.loud", INITIALIZE, named);
  assert.equal(legacy.status, 404);
  const card = await fetch(new URL("/a2a/cap:demo.loud/.well-known/agent-card.json", gateway.urlOf()), {
    headers: named,
  });
  assert.equal(card.status, 404);

  const byName = gateway.bearer(await gateway.token("by-name", "--agents", "l?ud"));
  assert.equal((await gateway.ask("cap:demo.loud", "tools/list", {}, byName)).status, 200);
  const byWord = gateway.bearer(await gateway.token("by-word", "--agents", "cap:demo.*"));
  assert.equal((await gateway.ask("cap:demo.loud", "tools/list", {}, byWord)).status, 200);
  const all = gateway.bearer(await gateway.token("all"));
  assert.equal((await gateway.ask("cap:demo.loud", "tools/list", {}, all)).status, 200);
});
