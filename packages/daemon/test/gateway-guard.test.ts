import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type KnownToken, openTokens, reaches } from "../src/gateway/guard-tokens.ts";
import { configOf, gridmesh, type RunningDaemon, startedDaemon, temporaryHome } from "./running.ts";

const home = temporaryHome();
let daemon: RunningDaemon;
let port = 0;

before(async () => {
  const more = 'control.listen = "127.0.0.1:0"\ngateway.allowedOrigins = ["http://localhost:6274"]';
  daemon = await startedDaemon(home.home, { config: configOf({ network: "guard", agent: "echo", more }) });
  port = Number(new URL(daemon.node.gateway ?? "").port);
});

after(async () => {
  await daemon[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

const token = () => readFileSync(join(home.home, "control.token"), "utf8").trim();
const BODY = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}';

interface Told {
  readonly status: number;
  readonly text: string;
}

/** Bytes as they are, and the answer's status and text. */
function raw(head: readonly string[], body: string | Buffer = ""): Promise<Told> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => (text += piece));
    socket.on("error", reject);
    socket.on("close", () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text }));
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    socket.write(body);
  });
}

interface Row {
  readonly target?: string;
  readonly method?: string;
  readonly host?: readonly string[];
  readonly token?: string | null;
  readonly type?: string;
  readonly more?: readonly string[];
  readonly body?: string;
}

function ask(row: Row = {}): Promise<Told> {
  const given = row.token === undefined ? token() : row.token;
  const body = row.body ?? BODY;
  return raw(
    [
      `${row.method ?? "POST"} ${row.target ?? "/mcp/local:nobody"} HTTP/1.1`,
      ...(row.host ?? [`127.0.0.1:${port}`]).map((host) => `Host: ${host}`),
      `Content-Type: ${row.type ?? "application/json"}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Connection: close",
      ...(given === null ? [] : [`Authorization: Bearer ${given}`]),
      ...(row.more ?? []),
    ],
    body,
  );
}

// The agent of that name does not exist: 404 is the answer of what lies behind the guard.
const PASSED = 404;

test("the guard gives each kind of request its status, and a good one the agent's", async () => {
  const own = `127.0.0.1:${port}`;
  const rows: readonly (readonly [name: string, row: Row, status: number])[] = [
    ["good, by address", {}, PASSED],
    ["good, by name", { host: [`localhost:${port}`] }, PASSED],
    ["good, by IPv6 address", { host: [`[::1]:${port}`] }, PASSED],
    ["good, with parameters of its type", { type: "application/json; charset=utf-8" }, PASSED],
    ["good, from a page of this listener", { more: [`Origin: http://${own}`] }, PASSED],
    ["good, from an allowed page", { more: ["Origin: http://localhost:6274"] }, PASSED],
    ["good, from no page at all", { more: ["Sec-Fetch-Site: none"] }, PASSED],
    ["a foreign Host", { host: ["evil.example"] }, 421],
    ["a foreign Host that begins like ours", { host: [`127.0.0.1.evil.example:${port}`] }, 421],
    ["a Host without its port", { host: ["127.0.0.1"] }, 421],
    ["a Host with another port", { host: [`127.0.0.1:${port + 1}`] }, 421],
    ["a Host with a trailing dot", { host: [`localhost.:${port}`] }, 421],
    ["no Host", { host: [] }, 400],
    ["two Hosts", { host: [own, own] }, 400],
    ["two Hosts, one foreign", { host: [own, "evil.example"] }, 400],
    ["an absolute target of somebody else's", { target: "http://evil.example/mcp/local:nobody" }, 421],
    [
      "an absolute target of ours under a foreign Host",
      { target: `http://${own}/mcp/x`, host: ["evil.example"] },
      421,
    ],
    ["a page", { more: ["Origin: http://evil.example"] }, 403],
    ["a page of another port", { more: [`Origin: http://127.0.0.1:${port + 1}`] }, 403],
    ["a page without an origin", { more: ["Origin: null"] }, 403],
    [
      "an allowed page at the control API",
      { target: "/v1/node", method: "GET", more: ["Origin: http://localhost:6274"] },
      403,
    ],
    ["a GET of another site", { method: "GET", more: ["Sec-Fetch-Site: cross-site"] }, 403],
    ["a GET of the same site", { method: "GET", more: ["Sec-Fetch-Site: same-site"] }, 403],
    [
      "a WebSocket of a page",
      {
        method: "GET",
        target: "/rpc/local:echo",
        more: ["Origin: http://evil.example", "Upgrade: websocket", "Connection: Upgrade"],
      },
      403,
    ],
    ["no token", { token: null }, 401],
    ["a wrong token", { token: "x".repeat(43) }, 401],
    ["a token in the query", { token: null, target: `/mcp/local:nobody?token=${token()}` }, 401],
    ["no token at the control API", { token: null, target: "/v1/node", method: "GET" }, 401],
    ["text/plain", { type: "text/plain" }, 415],
    ["a form", { type: "application/x-www-form-urlencoded" }, 415],
    ["A2A's type at MCP", { type: "application/a2a+json" }, 415],
    ["12 MB", { body: " ".repeat(12 * 1024 * 1024) }, 413],
  ];
  for (const [name, row, status] of rows) assert.equal((await ask(row)).status, status, name);
});

test("what is wrong in two ways is told of the first: Host, Origin, site, token, type, size", async () => {
  const worst: Row = {
    host: ["evil.example"],
    token: null,
    type: "text/plain",
    body: " ".repeat(5 * 1024 * 1024),
    more: ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"],
  };
  const own = [`127.0.0.1:${port}`];
  const site = ["Sec-Fetch-Site: cross-site"];
  assert.equal((await ask(worst)).status, 421);
  assert.equal((await ask({ ...worst, host: own })).status, 403);
  assert.equal((await ask({ ...worst, host: own, more: site })).status, 403);
  assert.equal((await ask({ ...worst, host: own, more: [] })).status, 401);
  assert.equal((await ask({ ...worst, host: own, more: [], token: token() })).status, 415);
  const { token: _none, type: _type, ...large } = worst;
  assert.equal((await ask({ ...large, host: own, more: [] })).status, 413);
});

test("a body without a length that grows over 4 MiB is refused as it comes", async () => {
  const piece = Buffer.alloc(1024 * 1024, 0x20);
  const chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);
  const head = [
    "POST /mcp/local:nobody HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    "Content-Type: application/json",
    "Transfer-Encoding: chunked",
    `Authorization: Bearer ${token()}`,
  ];
  const body = Buffer.concat([...Array.from({ length: 6 }, () => chunk), Buffer.from("0\r\n\r\n")]);
  assert.equal((await raw(head, body)).status, 413);
});

test("no answer allows a page of another origin to read it", async () => {
  const told = [
    await ask({ more: ["Origin: http://evil.example"] }),
    await ask({ more: ["Origin: http://localhost:6274"] }),
    await ask({
      method: "OPTIONS",
      more: ["Origin: http://evil.example", "Access-Control-Request-Method: POST"],
    }),
  ];
  for (const { text } of told) assert.doesNotMatch(text, /access-control-/i);
});

test("every refusal is an error of JSON-RPC", async () => {
  for (const row of [
    { host: ["evil.example"] },
    { token: null },
    { type: "text/plain" },
    { method: "PUT" },
  ]) {
    const { text } = await ask(row);
    const body = JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)) as Record<string, unknown>;
    assert.equal(body["jsonrpc"], "2.0");
    assert.equal(typeof (body["error"] as { readonly code: unknown }).code, "number");
  }
});

test("a missing token is told as CONTROL_UNAUTHORIZED, with the scheme that is wanted", async () => {
  const { text } = await ask({ token: null });
  assert.match(text, /www-authenticate: Bearer/i);
  assert.match(text, /"code":"CONTROL_UNAUTHORIZED"/);
});

test("the token of a start is its own, readable by its owner alone, and the operator's at the control API", async () => {
  assert.match(token(), /^[A-Za-z0-9_-]{43}$/);
  assert.equal(statSync(join(home.home, "control.token")).mode & 0o777, 0o600);
  const { status, text } = await ask({ target: "/v1/node", method: "GET", body: "" });
  assert.equal(status, 200);
  assert.match(text, new RegExp(daemon.node.peerId));
});

test("a named token is told once, serves until it is taken back, and reaches only its agents", async () => {
  const made = await gridmesh(
    home.home,
    "token",
    "add",
    "desk",
    "--scope",
    "agent",
    "--agents",
    "ec*",
    "--json",
  );
  const { token: secret } = JSON.parse(made.stdout) as { readonly token: string };
  const kept = readFileSync(join(home.home, "tokens.json"), "utf8");
  assert.ok(!kept.includes(secret));
  const listed = await gridmesh(home.home, "token", "ls", "--json");
  assert.deepEqual((JSON.parse(listed.stdout) as { tokens: unknown }).tokens, [
    { name: "desk", scope: "agent", agents: "ec*" },
  ]);
  const call = (target: string) => ask({ token: secret, target });
  const missing = await call("/mcp/local:nobody");
  const hidden = await call("/mcp/local:other");
  assert.equal(missing.status, 404);
  assert.equal(
    hidden.text.replaceAll("other", "nobody").split("\r\n\r\n")[1],
    missing.text.split("\r\n\r\n")[1],
  );
  assert.equal((await ask({ token: secret, target: "/v1/node", method: "GET", body: "" })).status, 403);
  assert.equal((await gridmesh(home.home, "token", "rm", "desk")).code, 0);
  assert.equal((await call("/mcp/local:nobody")).status, 401);
  assert.equal((await gridmesh(home.home, "token", "rm", "desk")).code, 1);
});

test("a token of scope read looks at the control API and does nothing else", async () => {
  const made = await gridmesh(home.home, "token", "add", "eyes", "--scope", "read", "--json");
  const { token: secret } = JSON.parse(made.stdout) as { readonly token: string };
  assert.equal((await ask({ token: secret, target: "/v1/node", method: "GET", body: "" })).status, 200);
  assert.equal((await ask({ token: secret, target: "/v1/node/stop", body: "{}" })).status, 403);
  assert.equal((await ask({ token: secret, target: "/mcp/local:echo" })).status, 404);
});

test("a token's glob is over names, or over node and name where it has a colon", () => {
  const with_ = (agents: string): KnownToken => ({ name: "t", scope: "agent", agents });
  assert.ok(reaches(with_("files"), "local:files"));
  assert.ok(reaches(with_("files"), "12D3KooW:files"));
  assert.ok(reaches(with_("f?les"), "local:files"));
  assert.ok(!reaches(with_("files"), "cap:files"));
  assert.ok(reaches(with_("cap:f*"), "cap:files"));
  assert.ok(reaches(with_("*"), "cap:files"));
  assert.ok(!reaches(with_("files"), "local:files2"));
  assert.ok(reaches(with_("local:*"), "local:files"));
  assert.ok(!reaches(with_("local:*"), "12D3KooW:files"));
  assert.ok(!reaches(with_("f.les"), "local:files"));
  assert.ok(!reaches({ ...with_("*"), scope: "read" }, "local:files"));
});

test("a file of tokens that is none names nobody", () => {
  using other = temporaryHome();
  writeFileSync(join(other.home, "tokens.json"), '{"tokens":[{"name":"x"}]}');
  const tokens = openTokens(other.home);
  assert.equal(tokens.find(""), undefined);
  assert.equal(tokens.find("x"), undefined);
  const secret = readFileSync(join(other.home, "control.token"), "utf8").trim();
  assert.equal(tokens.find(secret)?.name, "control");
});
