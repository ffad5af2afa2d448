import assert from "node:assert/strict";
import { test } from "node:test";
import { call, INITIALIZE, openedGateway, VERSION } from "../gateway-kit.ts";

const UNAVAILABLE = -31004;
const FAILING = `[[agents]]
name = "failing"
access = "public"
command = ${JSON.stringify(process.execPath)}
args = ["-e", "console.error('secret words of a program'); process.exit(1)"]
`;

test("what a program said as it failed to start is told the operator, and no stranger or token", async () => {
  await using gateway = await openedGateway("failed-program", `gateway.auth = "none"\n${FAILING}`);
  const modern = call("tools/list");
  const listing = { ...VERSION, "mcp-method": "tools/list" };
  const message =
    '{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"1","role":"ROLE_USER","parts":[{"text":"x"}]}}}';
  const desk = gateway.bearer(await gateway.token("desk"));
  const url = new URL("/a2a/local:failing", gateway.urlOf());
  const card = new URL("/a2a/local:failing/.well-known/agent-card.json", gateway.urlOf());
  for (const headers of [{}, desk]) {
    const post = (to: URL, body: string, more = {}) =>
      fetch(to, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers, ...more },
        body,
      });
    for (const response of await Promise.all([
      post(gateway.urlOf("local:failing"), modern, listing),
      post(gateway.urlOf("local:failing"), INITIALIZE),
      post(url, message, { "a2a-version": "1.0" }),
      fetch(card, { headers }),
    ])) {
      const text = await response.text();
      assert.doesNotMatch(text, /secret words|START_FAILED|exit code/, text);
    }
    const told = await post(gateway.urlOf("local:failing"), modern, listing);
    assert.equal(told.status, 503);
    assert.match(await told.text(), new RegExp(`"code":${UNAVAILABLE},`));
  }
  assert.match((await gateway.ask("local:failing", "tools/list")).text, /secret words/);
});
