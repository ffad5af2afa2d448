import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  call,
  codeOf,
  INITIALIZE,
  META,
  openedGateway,
  type TestGateway,
  type Told,
  VERSION,
} from "./gateway-kit.ts";

const CALLER = { name: "caller", version: "1" };
const NOBODY = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

let gateway: TestGateway;

before(async () => {
  gateway = await openedGateway("gateway-faults");
});

after(() => gateway[Symbol.asyncDispose]());

test("each of the modern revision's faults has its status and code", async () => {
  const list = { ...VERSION, "mcp-method": "tools/list" };
  const add = { name: "add", arguments: { a: 1, b: 2 } };
  const headed = { ...VERSION, "mcp-method": "tools/call" };
  const rows: readonly (readonly [string, () => Promise<Told>, number, number | undefined])[] = [
    ["good", () => gateway.post("local:demo", call("tools/list"), list), 200, undefined],
    [
      "no version header",
      () => gateway.post("local:demo", call("tools/list"), { "mcp-method": "tools/list" }),
      400,
      -32_020,
    ],
    [
      "another version in the header",
      () => gateway.post("local:demo", call("tools/list"), { ...list, "mcp-protocol-version": "2025-11-25" }),
      400,
      -32_020,
    ],
    ["no method header", () => gateway.post("local:demo", call("tools/list"), VERSION), 400, -32_020],
    [
      "another method",
      () => gateway.post("local:demo", call("tools/list"), { ...VERSION, "mcp-method": "tools/call" }),
      400,
      -32_020,
    ],
    [
      "a method in capitals",
      () => gateway.post("local:demo", call("tools/list"), { ...VERSION, "mcp-method": "TOOLS/LIST" }),
      400,
      -32_020,
    ],
    ["no name", () => gateway.post("local:demo", call("tools/call", add), headed), 400, -32_020],
    [
      "another name",
      () => gateway.post("local:demo", call("tools/call", add), { ...headed, "mcp-name": "steps" }),
      400,
      -32_020,
    ],
    [
      "the name in base64",
      () => gateway.post("local:demo", call("tools/call", add), { ...headed, "mcp-name": "=?base64?YWRk?=" }),
      200,
      undefined,
    ],
    [
      "the name in broken base64",
      () => gateway.post("local:demo", call("tools/call", add), { ...headed, "mcp-name": "=?base64?YWR?=" }),
      400,
      -32_020,
    ],
    [
      "no _meta",
      () => gateway.post("local:demo", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', list),
      400,
      -32_602,
    ],
    [
      "no capabilities",
      () =>
        gateway.post(
          "local:demo",
          JSON.stringify({
            jsonrpc: "2.0",
            id: 1,
            method: "tools/list",
            params: { _meta: { ...META, "io.modelcontextprotocol/clientCapabilities": undefined } },
          }),
          list,
        ),
      400,
      -32_602,
    ],
    [
      "a version nobody speaks",
      () =>
        gateway.post(
          "local:demo",
          JSON.stringify({
            jsonrpc: "2.0",
            id: 1,
            method: "tools/list",
            params: { _meta: { ...META, "io.modelcontextprotocol/protocolVersion": "2099-01-01" } },
          }),
          { ...list, "mcp-protocol-version": "2099-01-01" },
        ),
      400,
      -32_022,
    ],
    [
      "an unknown method",
      () => gateway.post("local:demo", call("no/such"), { ...VERSION, "mcp-method": "no/such" }),
      404,
      -32_601,
    ],
    [
      "an unknown tool",
      () => gateway.ask("local:demo", "tools/call", { name: "none", arguments: {} }),
      200,
      -32_602,
    ],
    ["broken JSON", () => gateway.post("local:demo", '{"jsonrpc":', list), 400, -32_700],
    ["a batch", () => gateway.post("local:demo", `[${call("tools/list")}]`, list), 400, -32_600],
    ["id null", () => gateway.post("local:demo", call("tools/list", {}, null), list), 400, -32_600],
    ["id 1.5", () => gateway.post("local:demo", call("tools/list", {}, 1.5), list), 400, -32_600],
    [
      "deeper than 64",
      () =>
        gateway.post(
          "local:demo",
          `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":${"[".repeat(70)}${"]".repeat(70)}}}`,
          list,
        ),
      400,
      -32_600,
    ],
    ["an agent that is not there", () => gateway.ask("local:nobody", "server/discover"), 404, -31_003],
    ["no address", () => gateway.ask("demo/x", "server/discover"), 404, -31_002],
    ["a capability nobody has", () => gateway.ask("cap:nobody.has", "server/discover"), 502, -31_011],
  ];
  for (const [name, told, status, code] of rows) {
    const answer = await told();
    assert.equal(answer.status, status, name);
    assert.equal(codeOf(answer), code, name);
  }
});

test("a notification of the modern revision is accepted, and GET and DELETE belong to sessions", async () => {
  const note = JSON.stringify({ jsonrpc: "2.0", method: "notifications/x", params: { _meta: META } });
  const told = await gateway.post("local:demo", note, VERSION);
  assert.deepEqual([told.status, told.text], [202, ""]);
  for (const method of ["GET", "DELETE"]) {
    const response = await fetch(gateway.urlOf("local:demo"), { method, headers: gateway.bearer() });
    assert.equal(response.status, 405);
  }
});

test("headers of a tool's own must say what its arguments say", async () => {
  const there = (headers: Readonly<Record<string, string>>) =>
    gateway.post("local:demo", call("tools/call", { name: "there", arguments: { region: "Zürich" } }), {
      ...VERSION,
      "mcp-method": "tools/call",
      "mcp-name": "there",
      ...headers,
    });
  const encoded = `=?base64?${Buffer.from("Zürich").toString("base64")}?=`;
  assert.equal((await there({ "mcp-param-region": encoded })).status, 200);
  assert.equal(codeOf(await there({ "mcp-param-region": "Bern" })), -32_020);
  assert.equal(codeOf(await there({})), -32_020);
});

test("an unreachable peer answers initialize with the same error as discovery, never like an older agent", async () => {
  const target = `${NOBODY}:demo`;
  const first = await gateway.ask(target, "server/discover");
  const second = await gateway.post(target, INITIALIZE);
  for (const told of [first, second]) assert.equal(told.status, 502);
  const code = codeOf(first) ?? 0;
  assert.ok(code <= -31_000 && code > -32_000);
  assert.equal(codeOf(second), code);
  const client = new Client(CALLER, { versionNegotiation: { mode: "auto" } });
  const transport = new StreamableHTTPClientTransport(gateway.urlOf(target), {
    requestInit: { headers: gateway.bearer() },
  });
  await assert.rejects(client.connect(transport));
});

test("digits and spellings of a body reach the agent as they are", async () => {
  const body = call("tools/call", { name: "add", arguments: { a: 1, b: 2 } }).replace(
    '"id":1',
    '\n "id"\r\n: "12345678901234567890"',
  );
  const told = await gateway.post("local:demo", body, {
    ...VERSION,
    "mcp-method": "tools/call",
    "mcp-name": "add",
  });
  assert.equal((JSON.parse(told.text) as { id: string }).id, "12345678901234567890");
});
