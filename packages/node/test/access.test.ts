import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, isProtocolError, type JsonObject, type JsonValue } from "@gridmesh/protocol";
import { createAccess } from "../src/gate/access.ts";
import { follows } from "../src/gate/access-rules.ts";
import {
  type AccessOptions,
  createNode,
  type Log,
  memory,
  memoryHub,
  silentLog,
  systemClock,
} from "../src/index.ts";
import type { Access, AgentDefinition } from "../src/agent.ts";
import type { AgentNode, NamedWait } from "../src/node.ts";
import { seededRandom } from "../src/testing/seeded-random.ts";
import { identityFromSeed } from "../src/identity.ts";
import { NETWORK } from "./node-fixture.ts";

const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;

const seedOf = (n: number) => seededRandom(n).bytes(32);
const friend = identityFromSeed(seedOf(1));
const stranger = identityFromSeed(seedOf(2));

/** Methods asked of each agent, and the item each is about. */
const asked: readonly (readonly [method: string, params: JsonObject])[] = [
  ["tools/list", {}],
  ["tools/call", { name: "read_meter" }],
  ["tools/call", { name: "write_meter" }],
  ["tools/call", {}],
  ["prompts/get", { name: "read_all" }],
  ["resources/read", { uri: "meter://1" }],
  ["resources/read", { uri: "secret://1" }],
  ["ping", {}],
  ["admin/reset", {}],
  ["SendMessage", {}],
  ["GetTask", { id: "1" }],
  ["completion/complete", { ref: { name: "read_all" } }],
];

const agents: readonly (readonly [name: string, access: Access])[] = [
  ["meter", "private"],
  ["open", "public"],
  ["usual", "network"],
  ["hidden", "private"],
  ["shut", "public"],
  ["sold", "network"],
];

const rules: AccessOptions = {
  groups: { friends: [friend.peerId] },
  rules: [
    { who: ["*"], agent: "shut", method: "*", allow: false },
    { who: ["*"], agent: "*", method: "admin/*", allow: false },
    { who: ["group:friends"], agent: "meter", method: "tools/call", item: "read_*", allow: true },
    { who: ["group:friends"], agent: "meter", method: "resources/read", item: "meter://*", allow: true },
    { who: ["token:reader"], agent: "meter", method: "tools/call", item: "write_*", allow: false },
    { who: ["anonymous"], agent: "usual", method: "ping", allow: true },
    { who: ["anonymous"], agent: "open", method: "tools/call", allow: false },
    { who: [stranger.peerId], agent: "sold", method: "*", allow: false },
  ],
};

type Verdict = "ok" | "AGENT_NOT_FOUND" | "UNAUTHORIZED";

const itemIn = ({ name, uri, ref }: JsonObject) =>
  (name ?? uri ?? (ref as JsonObject | undefined)?.["name"]) as string | undefined;

/** The first rule that fits, then the agent's own access: told again in other words than the code has. */
function expected(caller: string, agent: string, [method, params]: (typeof asked)[number]): Verdict {
  const item = itemIn(params);
  if (caller === "operator") return "ok";
  if (agent === "shut") return "AGENT_NOT_FOUND";
  if (agent === "sold" && caller === "stranger") return "AGENT_NOT_FOUND";
  const sees = {
    meter: caller === "friend" || caller === "reader",
    open: true,
    usual: true,
    hidden: caller === "reader",
    sold: caller !== "anonymous",
  }[agent];
  if (sees !== true) return "AGENT_NOT_FOUND";
  if (method === "admin/reset") return "UNAUTHORIZED";
  if (agent === "meter" && caller === "friend") {
    const reads = method === "tools/call" && item?.startsWith("read_") === true;
    return reads || (method === "resources/read" && item?.startsWith("meter://") === true)
      ? "ok"
      : "UNAUTHORIZED";
  }
  if (agent === "meter" && method === "tools/call" && item?.startsWith("write_") === true)
    return "UNAUTHORIZED";
  if (caller === "anonymous" && agent === "usual") return method === "ping" ? "ok" : "UNAUTHORIZED";
  if (caller === "anonymous" && agent === "open" && method === "tools/call") return "UNAUTHORIZED";
  return "ok";
}

const answering: AgentDefinition = {
  capabilities: [],
  methods: Object.fromEntries(asked.map(([method]) => [method, () => ({ done: true })])),
};

async function world(log: Log = silentLog()) {
  const hub = memoryHub({ seed: 4 });
  const stack = new AsyncDisposableStack();
  const rates = { perSecond: 100_000, burst: 100_000, peakPerSecond: 100_000, peakBurst: 100_000 };
  const node = async (seed: Uint8Array, more: object = {}) => {
    const made = await createNode({
      network: memory({ hub }),
      networkName: NETWORK,
      messageRates: rates,
      seed,
      ...more,
    });
    stack.defer(() => made.stop({ deadlineMs: 0 }));
    return made;
  };
  const hosted = agents.map(([name, access]) => ({ name, access, definition: answering }));
  const home = await node(seedOf(9), { access: rules, agents: hosted, log });
  const peers: Record<string, AgentNode> = { friend: await node(seedOf(1)), stranger: await node(seedOf(2)) };
  for (const peer of Object.values(peers)) await peer.connect(home.addresses[0] ?? "");
  const callers: Record<string, (agent: string, method: string, params: JsonValue) => Promise<JsonValue>> =
    {};
  const here = (as: NamedWait["as"]) => (agent: string, method: string, params: JsonValue) =>
    home.callAgent(agent, method, params, { as });
  callers["operator"] = here(undefined);
  callers["reader"] = here({ token: "reader" });
  callers["anonymous"] = here({ anonymous: true });
  for (const [name, peer] of Object.entries(peers)) {
    callers[name] = (agent, method, params) => peer.callAgent(`${home.id}:${agent}`, method, params);
  }
  return { home, peers, callers, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("five callers, six agents, twelve requests: each of the 360 is decided as the rules say", async () => {
  await using on = await world();
  const seen: string[] = [];
  const wrong: string[] = [];
  for (const [caller, call] of Object.entries(on.callers)) {
    for (const [agent] of agents) {
      for (const [method, params] of asked) {
        const outcome = await call(agent, method, params).then(
          () => "ok",
          (error: unknown) => (isProtocolError(error) ? error.code : String(error)),
        );
        const right = expected(caller, agent, [method, params]);
        seen.push(outcome);
        const what = `${caller} ${agent} ${method} ${itemIn(params) ?? ""}`;
        if (outcome !== right) wrong.push(`${what}: ${outcome}, not ${right}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.equal(seen.length, 360);
  for (const verdict of ["ok", "AGENT_NOT_FOUND", "UNAUTHORIZED"]) assert.ok(seen.includes(verdict), verdict);
});

test("an agent that may not be seen and one that is not there give the same bytes", async () => {
  await using on = await world();
  const { home, peers } = on;
  const told = async (name: string) => {
    const error: unknown = await peers["stranger"]?.call(`${home.id}:${name}/ping`).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(isProtocolError(error));
    return JSON.stringify([error.code, error.message, error.data]).replaceAll(name, "x");
  };
  assert.equal(await told("hidden"), await told("missing"));
  assert.equal(await told("sold"), await told("missing"));
  const listed = await peers["friend"]?.call(`${home.id}:node/list_agents`);
  const names = (listed as unknown as { agents: { name: string }[] }).agents.map(({ name }) => name);
  assert.deepEqual(names, ["meter", "open", "usual", "sold"]);
});

test("what may not be asked for is left out of lists", async () => {
  const definition: AgentDefinition = {
    capabilities: [],
    tools: Object.fromEntries(
      ["read_meter", "write_meter"].map((name) => [
        name,
        { description: name, inputSchema: { type: "object" }, handler: () => ({}) },
      ]),
    ),
  };
  const access: AccessOptions = {
    rules: [
      { who: ["token:reader"], agent: "meter", method: "tools/call", item: "write_*", allow: false },
      { who: ["token:nobody"], agent: "meter", method: "*", allow: false },
    ],
  };
  await using node = await createNode({
    network: memory({ hub: memoryHub({ seed: 6 }) }),
    networkName: NETWORK,
    access,
    agents: [{ name: "meter", definition }],
  });
  const toolsOf = (answer: unknown) =>
    (answer as { tools: { name: string }[] }).tools.map(({ name }) => name);
  const as = { token: "reader" };
  assert.deepEqual(toolsOf(await node.callAgent("meter", "tools/list", {}, { as })), ["read_meter"]);
  assert.deepEqual(toolsOf(await node.callAgent("meter", "tools/list")), ["read_meter", "write_meter"]);
  const channel = await node.open("meter", { proto: "mcp", mode: "call", as });
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const ask = (id: number, method: string, params: JsonObject = {}) =>
    channel.send(JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta } }));
  ask(1, "tools/list");
  ask(2, "tools/call", { name: "write_meter", arguments: {} });
  ask(3, "tools/call", { name: "read_meter", arguments: {} });
  channel.end();
  const answers = new Map<unknown, JsonObject>();
  for await (const line of channel.lines) {
    const answer = JSON.parse(line) as JsonObject;
    answers.set(answer["id"], answer);
  }
  assert.deepEqual(toolsOf(answers.get(1)?.["result"]), ["read_meter"]);
  assert.equal((answers.get(2)?.["error"] as JsonObject | undefined)?.["code"], -31112);
  assert.notEqual(answers.get(3)?.["result"], undefined);
  await assert.rejects(
    node.open("meter", { proto: "mcp", mode: "call", as: { token: "nobody" } }),
    code("AGENT_NOT_FOUND"),
  );
});

test("every call leaves one line: who, what, how it ended, how long it took", async () => {
  const lines: JsonObject[] = [];
  const log: Log = {
    ...silentLog(),
    child: (name) =>
      name === "audit"
        ? { ...silentLog(), info: (_event, _text, fields) => void lines.push({ ...fields } as JsonObject) }
        : log,
  };
  await using on = await world(log);
  const { callers } = on;
  await callers["friend"]?.("meter", "tools/call", { name: "read_meter" });
  await callers["friend"]?.("meter", "tools/call", { name: "write_meter" }).catch(() => undefined);
  await callers["reader"]?.("usual", "ping", {});
  await callers["stranger"]?.("missing", "ping", {}).catch(() => undefined);
  assert.deepEqual(
    lines.map(({ peer, token, agent, method, item, code: told }) => [
      peer ?? token,
      agent,
      method,
      item,
      told,
    ]),
    [
      [friend.peerId, "meter", "tools/call", "read_meter", "ok"],
      [friend.peerId, "meter", "tools/call", "write_meter", "UNAUTHORIZED"],
      ["reader", "usual", "ping", undefined, "ok"],
      [stranger.peerId, "missing", "ping", undefined, "AGENT_NOT_FOUND"],
    ],
  );
  assert.ok(lines.every(({ ms }) => typeof ms === "number"));
});

test("a rule bounds how often and how much at once each caller may ask", () => {
  const clock = systemClock();
  const judge = createAccess(clock, {
    rules: [{ who: ["*"], agent: "*", method: "*", allow: true, ratePerSec: 2, maxInFlight: 1 }],
  });
  const agent = { name: "meter", access: "private" } as const;
  const one = { kind: "peer", peerId: friend.peerId } as const;
  const ping = { method: "ping", item: undefined };
  const leave = judge.admit(agent, one, ping);
  assert.throws(() => judge.admit(agent, one, ping), code("TOO_MANY_STREAMS"));
  judge.admit(agent, { kind: "peer", peerId: stranger.peerId }, ping)?.();
  leave?.();
  judge.admit(agent, one, ping)?.();
  assert.throws(() => judge.admit(agent, one, ping), code("RATE_LIMITED"));
});

test("a rule that names nobody or a group that is not there is refused at start", () => {
  const made = (who: string) => () =>
    createAccess(systemClock(), { rules: [{ who: [who], agent: "*", method: "*", allow: true }] });
  for (const who of ["", "bob", "group:none", "12D3Koo", "token:"])
    assert.throws(made(who), code("CONFIG_INVALID"), who);
  for (const who of ["*", "anonymous", "token:a", friend.peerId]) made(who)();
});

test("a pattern's star stands for any text, and takes no time that grows with the stars", () => {
  const yes = [
    ["*", "anything"],
    ["a*", "a"],
    ["a*c", "abbc"],
    ["*b*", "abc"],
    ["read_*", "read_x"],
    ["a**b", "ab"],
  ];
  const no = [
    ["a*", "b"],
    ["a*c", "ac_"],
    ["ab*ba", "aba"],
    ["tools/call", "tools/call2"],
    ["", "x"],
  ];
  for (const [pattern = "", text = ""] of yes) assert.ok(follows(pattern, text), `${pattern} ${text}`);
  for (const [pattern = "", text = ""] of no) assert.ok(!follows(pattern, text), `${pattern} ${text}`);
  assert.ok(!follows(`${"*a".repeat(100)}*b`, "a".repeat(4_000)));
});
