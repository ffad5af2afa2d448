import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { codeOf, openedGateway, type TestGateway } from "./gateway-kit.ts";
import { injections } from "./gateway-injections.ts";
import { gridmesh } from "./running.ts";

const CALLER = { name: "caller", version: "1" };
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]|[\u{E0100}-\u{E01EF}]/u;
let gateway: TestGateway;

before(async () => {
  const pinned = [
    "sums=local:demo",
    "twice=local:demo",
    "twice=local:open",
    "gone=local:nobody",
    "loud=local:loud",
  ];
  const settings = `gateway.pinned = ${JSON.stringify(pinned)}\nrouting.idempotentTools = ["loud0"]`;
  gateway = await openedGateway("gateway-meta", settings);
});

after(() => gateway[Symbol.asyncDispose]());

interface Result {
  readonly content: readonly { readonly text: string }[];
  readonly structuredContent?: Record<string, unknown>;
  readonly _meta?: Record<string, unknown>;
}

async function asked(name: string, given: object = {}): Promise<Result> {
  const told = await gateway.ask("", "tools/call", { name, arguments: given });
  assert.equal(told.status, 200, told.text);
  return (JSON.parse(told.text) as { readonly result: Result }).result;
}

function namesIn({ structuredContent }: Result): string[] {
  const { agents = [] } = structuredContent as { readonly agents?: readonly { readonly name: string }[] };
  return agents.map(({ name }) => name);
}

const use = (agent: string, tool: string, given: object = {}) =>
  gateway.ask("", "tools/call", { name: "network.call", arguments: { agent, tool, arguments: given } });

test("the meta-agent finds agents, tells what they offer and calls them, for callers of both revisions", async () => {
  const requestInit = { headers: gateway.bearer() };
  const modern = new Client(CALLER, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await modern.connect(new StreamableHTTPClientTransport(gateway.urlOf(), { requestInit }));
  const old = new OldClient(CALLER);
  const transport: object = new OldTransport(gateway.urlOf(), { requestInit });
  await old.connect(transport as Parameters<OldClient["connect"]>[0]);
  for (const client of [modern, old]) {
    const { tools } = await client.listTools();
    for (const name of ["network.search", "network.describe", "network.call", "sums.add"]) {
      assert.ok(
        tools.some((tool) => tool.name === name),
        name,
      );
    }
    const call = {
      name: "network.call",
      arguments: { agent: "local:demo", tool: "add", arguments: { a: 2, b: 3 } },
    };
    assert.equal(((await client.callTool(call)) as Result).content[0]?.text, "5");
    await client.close();
  }
});

test("a search is by capability or by part of a name, and says nothing of agents that are not there", async () => {
  const found = await asked("network.search", { capability: "demo.mcp" });
  const names = namesIn(found);
  assert.deepEqual(names.toSorted(), ["demo", "open", "secret"]);
  const part = await asked("network.search", { text: "LOU" });
  assert.deepEqual(namesIn(part), ["loud"]);
  const none = await asked("network.search", { text: "nobody" });
  assert.deepEqual(none.structuredContent, { agents: [] });
});

test("progress of a called agent reaches the caller of the meta-agent before the result", async () => {
  const client = new Client(CALLER, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await client.connect(
    new StreamableHTTPClientTransport(gateway.urlOf(), { requestInit: { headers: gateway.bearer() } }),
  );
  const steps: number[] = [];
  const onprogress = ({ progress }: { progress: number }) => void steps.push(progress);
  const result = await client.callTool({ name: "sums.steps", arguments: {} }, { onprogress });
  assert.equal((result as Result).content[0]?.text, "done");
  assert.deepEqual(steps, [1, 2, 3]);
  await client.close();
});

test("pinned tools that two agents have under one name, and those of an agent that is gone, are left out and told", async () => {
  const told = await gateway.ask("", "tools/list");
  const { result } = JSON.parse(told.text) as {
    readonly result: {
      readonly tools: readonly { readonly name: string }[];
      readonly _meta: Record<string, readonly string[]>;
    };
  };
  const names = new Set(result.tools.map(({ name }) => name));
  assert.ok(names.has("sums.add") && !names.has("twice.add"));
  const left = result._meta["gridmesh/leftOut"] ?? [];
  assert.ok(left.includes("twice.add") && left.includes("gone.*"));
  assert.equal(
    codeOf(await gateway.ask("", "tools/call", { name: "twice.add", arguments: { a: 1, b: 1 } })),
    -32_602,
  );
});

test("an agent whose tools change is called no more until the operator says so, but for harmless tools", async () => {
  assert.equal((await use("local:loud", "grow")).status, 200);
  for (const call of [
    () => use("local:loud", "grow"),
    () => gateway.ask("", "tools/call", { name: "loud.grow", arguments: {} }),
  ]) {
    const told = await call();
    assert.deepEqual([told.status, codeOf(told)], [403, -31_112]);
    assert.match(told.text, /"reason":"definition_changed"/);
  }
  assert.equal((await use("local:loud", "loud0")).status, 200);
  assert.equal(
    (await asked("network.describe", { agent: "local:loud" })).structuredContent?.["changed"],
    true,
  );
  const { home } = gateway.daemon;
  assert.equal((await gridmesh(home, "mcp", "local:loud", "--consent")).code, 0);
  assert.equal((await use("local:loud", "grow")).status, 200);
});

test("whoever asks the meta-agent has its own rights there, never the operator's", async () => {
  const token = gateway.bearer(await gateway.token("narrow", "--agents", "demo"));
  const call = (name: string, given: object) =>
    gateway.ask("", "tools/call", { name, arguments: given }, token);
  const found = JSON.parse((await call("network.search", {})).text) as { result: Result };
  const names = namesIn(found.result);
  assert.deepEqual(names, ["demo"]);
  const sum = { tool: "add", arguments: { a: 1, b: 1 } };
  assert.equal((await call("network.call", { agent: "local:demo", ...sum })).status, 200);
  const [hidden, missing] = [
    await call("network.call", { agent: "local:secret", ...sum }),
    await call("network.call", { agent: "local:nobody", ...sum }),
  ];
  assert.equal(hidden.status, 404);
  assert.equal(hidden.text.replaceAll("secret", "nobody"), missing.text);
  assert.equal(codeOf(await call("sums.add", { a: 1, b: 1 })), undefined);
  assert.equal(codeOf(await call("loud.grow", {})), -32_602);
});

test("100 orders in what an agent says of itself arrive as data: capped, visible, named after their agent", async () => {
  assert.equal(injections.length, 100);
  const described = (await asked("network.describe", { agent: "local:loud" })).structuredContent ?? {};
  const listed = JSON.parse((await gateway.ask("", "tools/list")).text) as {
    readonly result: { readonly tools: readonly Record<string, unknown>[] };
  };
  const tools = [...(described["tools"] as Record<string, unknown>[]), ...listed.result.tools];
  assert.ok(tools.length > 2 * injections.length);
  const strings: string[] = [];
  JSON.stringify([tools, described], (_key, value: unknown) => {
    if (typeof value === "string") strings.push(value);
    return value;
  });
  for (const text of strings) {
    assert.doesNotMatch(text, UNSEEN);
    assert.ok(text.length <= 8_000);
  }
  for (const tool of tools) {
    assert.ok(String(tool["description"]).length <= 2_000);
    const name = String(tool["name"]);
    if (!name.startsWith("network."))
      assert.match(JSON.stringify(tool["_meta"]), /"gridmesh\/origin":"12D3KooW/);
  }
});

test("a reader that obeys every order it reads reaches nothing beyond its caller's rights", async () => {
  const token = gateway.bearer(await gateway.token("obedient", "--agents", "loud"));
  const before_ = gateway.daemon.node.peerId;
  let refused = 0;
  for (const [index] of injections.entries()) {
    const said = await gateway.ask(
      "",
      "tools/call",
      {
        name: "network.call",
        arguments: { agent: "local:loud", tool: `loud${index}`, arguments: {} },
      },
      token,
    );
    assert.equal(said.status, 200);
    const { result } = JSON.parse(said.text) as { readonly result: Result };
    assert.doesNotMatch(result.content[0]?.text ?? "", UNSEEN);
    assert.match(String(result._meta?.["gridmesh/origin"]), new RegExp(before_));
    // It does what the orders ask for: another's agent, the control API, new rights.
    const orders =
      index % 3 === 0
        ? gateway.ask(
            "",
            "tools/call",
            {
              name: "network.call",
              arguments: { agent: "local:secret", tool: "add", arguments: { a: 1, b: 1 } },
            },
            token,
          )
        : gateway.control(index % 3 === 1 ? "gateway/consent" : "node/stop", { agent: "local:loud" }, token);
    if ((await orders).status >= 400) refused += 1;
  }
  assert.equal(refused, injections.length);
});

test("the catalog lists what its asker may see, with where each face is served", async () => {
  const list = async (headers: Readonly<Record<string, string>>, query = "") => {
    const response = await fetch(`${gateway.daemon.node.gateway}/agents${query}`, { headers });
    const { agents } = (await response.json()) as { readonly agents: readonly Record<string, unknown>[] };
    return agents;
  };
  const all = await list(gateway.bearer());
  assert.deepEqual(
    all.map(({ name }) => name),
    ["demo", "secret", "open", "loud"],
  );
  const [demo] = all;
  assert.equal(
    demo?.["mcp"],
    `${gateway.daemon.node.gateway}/mcp/${encodeURIComponent(String(demo?.["address"]))}`,
  );
  assert.match(String(demo?.["a2a"]), /\/a2a\//);
  for (const row of all) assert.match(String(row["toolsHash"]), /^[0-9a-f]{64}$/, String(row["name"]));
  const narrow = gateway.bearer(await gateway.token("catalog", "--agents", "open"));
  assert.deepEqual(
    (await list(narrow)).map(({ name }) => name),
    ["open"],
  );
  assert.equal((await list(gateway.bearer(), "?capability=demo.loud")).length, 1);
  const wrong = await fetch(`${gateway.daemon.node.gateway}/agents?scope=moon`, {
    headers: gateway.bearer(),
  });
  assert.equal(wrong.status, 400);
});
