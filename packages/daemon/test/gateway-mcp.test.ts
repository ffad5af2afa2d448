import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { call, INITIALIZE, openedGateway, type TestGateway, VERSION, withToken } from "./gateway-kit.ts";

const CALLER = { name: "caller", version: "1" };

let gateway: TestGateway;

before(async () => {
  gateway = await openedGateway("gateway-mcp");
});

after(() => gateway[Symbol.asyncDispose]());

async function modern(target: string): Promise<Client> {
  const client = new Client(CALLER, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  const requestInit = { headers: gateway.bearer() };
  await client.connect(new StreamableHTTPClientTransport(gateway.urlOf(target), { requestInit }));
  return client;
}

async function old(target: string, token?: string): Promise<OldClient> {
  const client = new OldClient(CALLER, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name: "Ada" } }));
  const requestInit = { headers: gateway.bearer(token) };
  const transport: object = new OldTransport(gateway.urlOf(target), { requestInit });
  await client.connect(transport as Parameters<OldClient["connect"]>[0]);
  return client;
}

const textOf = (result: object) => (result as { content?: { text?: string }[] }).content?.[0]?.text;

test("a caller of 2026-07-28 lists, calls and hears every step before the result", async () => {
  await using client = disposable(await modern("local:demo"));
  const { tools } = await client.inner.listTools();
  assert.ok(tools.some(({ name }) => name === "add"));
  assert.equal(textOf(await client.inner.callTool({ name: "add", arguments: { a: 1, b: 2 } })), "3");
  const steps: number[] = [];
  const onprogress = ({ progress }: { progress: number }) => void steps.push(progress);
  assert.equal(textOf(await client.inner.callTool({ name: "steps", arguments: {} }, { onprogress })), "done");
  assert.deepEqual(steps, [1, 2, 3]);
});

test("a caller of 2025-11-25 has a session, steps in order, and is asked back", async () => {
  await using client = disposable(await old("local:demo"));
  assert.equal(textOf(await client.inner.callTool({ name: "add", arguments: { a: 20, b: 22 } })), "42");
  const steps: number[] = [];
  const onprogress = ({ progress }: { progress: number }) => void steps.push(progress);
  assert.equal(
    textOf(await client.inner.callTool({ name: "steps", arguments: {} }, undefined, { onprogress })),
    "done",
  );
  assert.deepEqual(steps, [1, 2, 3]);
  assert.equal(textOf(await client.inner.callTool({ name: "ask", arguments: {} })), "hello Ada");
});

test("a caller that picks the revision by itself ends with an agent's newest", async () => {
  const client = new Client(CALLER, { versionNegotiation: { mode: "auto" } });
  await using _ = disposable(client);
  await client.connect(
    new StreamableHTTPClientTransport(gateway.urlOf("cap:demo.mcp"), {
      requestInit: { headers: gateway.bearer() },
    }),
  );
  assert.equal(client.getNegotiatedProtocolVersion?.() ?? "2026-07-28", "2026-07-28");
  assert.equal(textOf(await client.callTool({ name: "add", arguments: { a: 1, b: 1 } })), "2");
});

test("whoever closes its response cancels the call", async () => {
  const count = async () =>
    Number(
      /"text":"(\d+)"/.exec(
        (await gateway.ask("local:demo", "tools/call", { name: "cancelled", arguments: {} })).text,
      )?.[1],
    );
  const before_ = await count();
  const gone = new AbortController();
  const response = await fetch(gateway.urlOf("local:demo"), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...gateway.bearer(),
      ...VERSION,
      "mcp-method": "tools/call",
      "mcp-name": "wait",
    },
    body: withToken(call("tools/call", { name: "wait", arguments: {} })),
    signal: gone.signal,
  });
  // The first step has come: the call runs.
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.headers.get("x-accel-buffering"), "no");
  gone.abort();
  while ((await count()) === before_) await new Promise((resolve) => setImmediate(resolve));
});

test("a session belongs to its token: to another it does not exist", async () => {
  const [one, two] = [await gateway.token("one"), await gateway.token("two")];
  const begin = INITIALIZE;
  const begun = await gateway.post("local:demo", begin, gateway.bearer(one));
  const id = begun.headers.get("mcp-session-id") ?? "";
  assert.match(id, /^[!-~]{22,}$/);
  const ping = '{"jsonrpc":"2.0","id":2,"method":"ping"}';
  const session = { "mcp-session-id": id };
  assert.equal((await gateway.post("local:demo", ping, { ...gateway.bearer(one), ...session })).status, 200);
  for (const headers of [gateway.bearer(two), gateway.bearer()]) {
    assert.equal((await gateway.post("local:demo", ping, { ...headers, ...session })).status, 404);
    for (const method of ["GET", "DELETE"]) {
      const response = await fetch(gateway.urlOf("local:demo"), {
        method,
        headers: { ...headers, ...session },
      });
      assert.equal(response.status, 404);
    }
  }
  assert.equal(
    (await gateway.post("local:secret", ping, { ...gateway.bearer(one), ...session })).status,
    404,
  );
  assert.equal((await gateway.post("local:demo", ping, gateway.bearer(one))).status, 400);
  const wrong = { ...gateway.bearer(one), ...session, "mcp-protocol-version": "1999-01-01" };
  assert.equal((await gateway.post("local:demo", ping, wrong)).status, 400);
  const ended = await fetch(gateway.urlOf("local:demo"), {
    method: "DELETE",
    headers: { ...gateway.bearer(one), ...session },
  });
  assert.equal(ended.status, 204);
  assert.equal((await gateway.post("local:demo", ping, { ...gateway.bearer(one), ...session })).status, 404);
});

test("each token is a user of its own to the agent", async () => {
  const users = new Set<string>();
  for (const token of [await gateway.token("three"), await gateway.token("four")]) {
    await using client = disposable(await old("local:demo", token));
    users.add(textOf(await client.inner.callTool({ name: "whoami", arguments: {} })) ?? "");
  }
  assert.equal(users.size, 2);
});

test("who listens hears of a change that another caller made", async () => {
  const gone = new AbortController();
  const response = await fetch(gateway.urlOf("local:demo"), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...gateway.bearer(),
      ...VERSION,
      "mcp-method": "subscriptions/listen",
    },
    body: call("subscriptions/listen", { notifications: { toolsListChanged: true } }, 7),
    signal: gone.signal,
  });
  const heard: string[] = [];
  let changed = false;
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    heard.push(piece);
    if (!changed && heard.join("").includes("notifications/subscriptions/acknowledged")) {
      changed = true;
      await gateway.ask("local:demo", "tools/call", { name: "change", arguments: {} });
    }
    if (heard.join("").includes("notifications/tools/list_changed")) break;
  }
  gone.abort();
  assert.ok(changed);
});

function disposable<Inner extends { close(): Promise<void> }>(inner: Inner) {
  return { inner, [Symbol.asyncDispose]: () => inner.close() };
}
