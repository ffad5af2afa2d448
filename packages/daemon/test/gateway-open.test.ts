import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { call, INITIALIZE, openedGateway, type TestGateway, VERSION, withToken } from "./gateway-kit.ts";

const CALLER = { name: "caller", version: "1" };
const SEEN_MS = 30_000;
let far: TestGateway;
let near: TestGateway;

before(async () => {
  far = await openedGateway("gateway-open");
  near = await openedGateway("gateway-open", 'gateway.auth = "none"', far.daemon.node.addresses);
});

after(async () => {
  await near[Symbol.asyncDispose]();
  await far[Symbol.asyncDispose]();
});

/** A request without a token. */
async function nameless(target: string, body: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(near.urlOf(target), {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { status: response.status, text: await response.text() };
}

const list = (target: string) =>
  nameless(target, call("tools/list"), { ...VERSION, "mcp-method": "tools/list" });

async function catalog(headers: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const response = await fetch(`${near.daemon.node.gateway}/agents`, { headers });
  const { agents } = (await response.json()) as { readonly agents: readonly { readonly address: string }[] };
  return agents.map(({ address }) => address);
}

test("without tokens any local program calls public agents, here and elsewhere, and sees no others", async () => {
  const farId = far.daemon.node.peerId;
  const endMs = performance.now() + SEEN_MS;
  while (!(await catalog()).includes(`${farId}:open`) && performance.now() < endMs) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const open = [`${near.daemon.node.peerId}:open`, `${farId}:open`];
  assert.deepEqual((await catalog()).toSorted(), open.toSorted());
  for (const target of ["local:open", `${farId}:open`])
    assert.equal((await list(target)).status, 200, target);
  for (const node of ["local", farId]) {
    const missing = await list(`${node}:nobody`);
    assert.equal(missing.status, 404);
    for (const name of ["demo", "secret"]) {
      const hidden = await list(`${node}:${name}`);
      assert.deepEqual([hidden.status, hidden.text.replaceAll(name, "nobody")], [404, missing.text], name);
      assert.equal((await nameless(`${node}:${name}`, INITIALIZE)).status, 404, name);
    }
  }
});

test("without tokens the control API and the tokens' rights stay as they are", async () => {
  const control = await fetch(`${near.daemon.node.gateway}/v1/node`);
  assert.equal(control.status, 401);
  assert.equal((await nameless("local:open", INITIALIZE, near.bearer("x".repeat(43)))).status, 401);
  assert.equal((await near.ask("local:secret", "tools/list")).status, 200);
});

test("SDK callers of both revisions reach an agent of another node, its steps and its questions", async () => {
  const target = near.urlOf(`${far.daemon.node.peerId}:demo`);
  const requestInit = { headers: near.bearer() };
  const modern = new Client(CALLER, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await modern.connect(new StreamableHTTPClientTransport(target, { requestInit }));
  const steps: number[] = [];
  const onprogress = ({ progress }: { progress: number }) => void steps.push(progress);
  await modern.callTool({ name: "steps", arguments: {} }, { onprogress });
  assert.deepEqual(steps, [1, 2, 3]);
  await modern.close();
  const old = new OldClient(CALLER, { capabilities: { elicitation: {} } });
  old.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name: "Ada" } }));
  const transport: object = new OldTransport(target, { requestInit });
  await old.connect(transport as Parameters<OldClient["connect"]>[0]);
  const told = (await old.callTool({ name: "ask", arguments: {} })) as {
    content: readonly { text: string }[];
  };
  assert.equal(told.content[0]?.text, "hello Ada");
  await old.close();
});

test("two tokens of a gateway are two users to an agent of another node, and neither is the operator", async () => {
  const target = `${far.daemon.node.peerId}:demo`;
  const users = new Set<string>();
  for (const token of [
    near.bearer(),
    near.bearer(await near.token("one")),
    near.bearer(await near.token("two")),
  ]) {
    const told = await near.ask(target, "tools/call", { name: "whoami", arguments: {} }, token);
    users.add(/\{\\"kind\\":\\"peer\\".*?\}/.exec(told.text)?.[0] ?? told.text);
  }
  assert.equal(users.size, 3);
});

test("when the far node is killed a session hears of it, and discovery is told so as HTTP tells it", async () => {
  const third = await openedGateway("gateway-open", "", near.daemon.node.addresses);
  const target = `${third.daemon.node.peerId}:demo`;
  assert.equal((await near.ask(target, "tools/list")).status, 200);
  const response = await fetch(near.urlOf(target), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...near.bearer(),
      ...VERSION,
      "mcp-method": "tools/call",
      "mcp-name": "wait",
    },
    body: withToken(call("tools/call", { name: "wait", arguments: {} })),
  });
  // The first step has come: the call runs there.
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  third.daemon.process.kill("SIGKILL");
  assert.match(await response.text(), /"error":\{"code":-310\d\d/);
  assert.equal((await near.ask(target, "server/discover")).status, 502);
  await third[Symbol.asyncDispose]();
});
