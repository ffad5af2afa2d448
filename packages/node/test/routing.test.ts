/** Every form of an address, and each row of what a network without a center promises of calls between its agents. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type ErrorCode,
  errorTable,
  isProtocolError,
  type JsonObject,
  type JsonValue,
} from "@gridmesh/protocol";
import { createNode, libp2p, memory, memoryHub } from "../src/index.ts";
import type { AgentNode } from "../src/node.ts";
import { mesh } from "./mesh-rig.ts";
import { echoAgent, echoDefinition, eventually, NETWORK } from "./node-fixture.ts";

const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;
const whoami = (node: string, peerId: string) => ({ kind: node, peerId });

test("each form of an address goes where it says", async () => {
  await using all = await mesh(
    { agents: [echoAgent("agent1"), echoAgent("agent2", ["second"])] },
    { agents: [echoAgent("agent1")] },
  );
  const [one, two] = all.nodes as [AgentNode, AgentNode];
  const own = whoami("local", one.id);
  for (const address of ["local:agent1/whoami", `${one.id}:agent1/whoami`, "whoami", "cap:second/whoami"]) {
    assert.deepEqual(await one.call(address), own, address);
  }
  assert.deepEqual(await one.callAgent("agent1", "whoami"), own);
  assert.deepEqual(await two.call(`${one.id}:agent1/whoami`), whoami("peer", two.id));
  assert.deepEqual(await two.callAgent(`${one.id}:agent1`, "whoami"), whoami("peer", two.id));
  const idOf = async (address: string) => ((await two.call(address)) as JsonObject)["node_id"];
  assert.equal(await idOf("node/get_info"), two.id);
  assert.equal(await idOf(`${one.id}:node/get_info`), one.id);
  for (const [address, expected] of [
    ["abc123:agent1/tools/list", "ADDRESS_INVALID"],
    ["local:nobody/ping", "AGENT_NOT_FOUND"],
    [`${one.id}:nobody/ping`, "AGENT_NOT_FOUND"],
    ["local:agent1/nothing", "METHOD_NOT_FOUND"],
    ["node/nothing", "METHOD_NOT_FOUND"],
    [`${one.id}:node/nothing`, "METHOD_NOT_FOUND"],
    ["local:agent1", "ADDRESS_INVALID"],
    ["cap:", "ADDRESS_INVALID"],
    ["", "ADDRESS_INVALID"],
  ] as const) {
    await assert.rejects(two.call(address), code(expected), address);
  }
  await assert.rejects(two.call("cap:nothing/ping", {}, { timeoutMs: 300 }), code("NO_PROVIDER"));
});

test("params that are neither object nor array are refused, wherever the call goes", async () => {
  await using all = await mesh({ agents: [echoAgent("agent1")] }, {});
  const [one, two] = all.nodes as [AgentNode, AgentNode];
  for (const address of ["local:agent1/whoami", "node/get_info", "cap:nothing/ping"]) {
    for (const params of [0, "x", true, null]) {
      await assert.rejects(one.call(address, params), code("INVALID_PARAMS"), address);
    }
  }
  await assert.rejects(two.call(`${one.id}:agent1/whoami`, 1), code("INVALID_PARAMS"));
});

test("ten thousand random addresses: always an answer or a code of the table, never a crash", async () => {
  await using all = await mesh({ agents: [echoAgent("agent1")] });
  const [node] = all.nodes as [AgentNode];
  const peer = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
  const part = fc.oneof(
    fc.constantFrom(
      "local",
      "node",
      "cap",
      "agent1",
      peer,
      node.id,
      "",
      "__proto__",
      "tools",
      "list",
      "ping",
    ),
    fc.string({ maxLength: 12 }),
    fc.string({ maxLength: 4, unit: "binary" }),
  );
  const glue = fc.constantFrom(":", "/", "", "::", "//", "%3A");
  const address = fc.array(fc.tuple(part, glue), { maxLength: 5 }).map((parts) => parts.flat().join(""));
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(address, async (text) => {
      try {
        await node.call(text, {}, { timeoutMs: 1 });
        seen.add("ok");
      } catch (error) {
        assert.ok(isProtocolError(error), `${JSON.stringify(text)}: ${String(error)}`);
        assert.ok(Object.hasOwn(errorTable, error.code));
        seen.add(error.code);
      }
    }),
    { numRuns: 10_000 },
  );
  for (const expected of ["ok", "ADDRESS_INVALID", "METHOD_NOT_FOUND"])
    assert.ok(seen.has(expected), expected);
});

test("a node passes calls on for those alone whom its operator names, three nodes far at most", async () => {
  const seeds = [1, 2, 3, 4, 5].map((n) => new Uint8Array(32).fill(n));
  await using plain = await mesh(...seeds.map((seed) => ({ seed })));
  const ids = plain.nodes.map(({ id }) => id);
  const [a, , , , e] = ids as [string, string, string, string, string];
  const hub = memoryHub({ seed: 9 });
  await using stack = new AsyncDisposableStack();
  const nodes: AgentNode[] = [];
  for (const [index, seed] of seeds.entries()) {
    const node = await createNode({
      network: memory({ hub }),
      networkName: NETWORK,
      seed,
      forwardFor: index === 2 ? ids : ids.slice(0, 1),
      agents: [echoAgent("agent1")],
    });
    stack.defer(() => node.stop({ deadlineMs: 0 }));
    nodes.push(node);
  }
  const [first, second, third] = nodes as [AgentNode, AgentNode, AgentNode];
  for (const node of nodes)
    for (const other of nodes) if (node !== other) await node.connect(other.addresses[0] ?? "");
  // By hand on the wire: what a stream to `via` is asked of another node.
  const through = async (from: AgentNode, by: AgentNode, method: string) => {
    const channel = await from.open(`${by.id}:node`, { proto: "plain", mode: "call" });
    channel.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method }));
    channel.end();
    for await (const line of channel.lines) {
      const { result, error } = JSON.parse(line) as {
        result?: JsonValue;
        error?: { data: { code: string; reason?: string } };
      };
      return error === undefined ? result : (error.data.reason ?? error.data.code);
    }
    return undefined;
  };
  assert.deepEqual(
    await through(first, second, `${e}:agent1/whoami`),
    { kind: "peer", peerId: second.id },
    "the last hop is judged",
  );
  assert.equal(await through(third, second, `${e}:agent1/whoami`), "forwarding_off");
  assert.equal(
    await through(second, third, `${a}:agent1/ping`).then((answer) => JSON.stringify(answer)),
    "{}",
  );
  assert.equal(await through(first, third, "cap:echo/ping").then((answer) => JSON.stringify(answer)), "{}");
});

test("an agent that is unregistered takes no new calls, ends those under way in its time, then aborts the rest", async () => {
  let aborted = 0;
  const definition = {
    ...echoDefinition(),
    methods: {
      hang: (_params: JsonValue, { signal }: { signal: AbortSignal }) =>
        new Promise<JsonValue>((resolve, reject) => {
          const timer = setTimeout(() => resolve("done"), 300);
          signal.addEventListener("abort", () => {
            clearTimeout(timer);
            aborted += 1;
            reject(signal.reason as Error);
          });
        }),
    },
  };
  await using all = await mesh({ agents: [{ name: "agent1", definition }] }, {});
  const [one, two] = all.nodes as [AgentNode, AgentNode];
  const hanging = two.call(`${one.id}:agent1/hang`);
  await eventually("the call is under way", () => one.agents.list()[0]?.inFlight === 1);
  const leaving = one.agents.unregister("agent1");
  await assert.rejects(two.call(`${one.id}:agent1/ping`), code("AGENT_UNAVAILABLE"));
  await assert.rejects(
    two.open(`${one.id}:agent1`, { proto: "mcp", mode: "call" }),
    code("AGENT_UNAVAILABLE"),
  );
  assert.equal(await hanging, "done", "what is under way may end");
  await leaving;
  assert.equal(aborted, 0);
  await assert.rejects(two.call(`${one.id}:agent1/ping`), code("AGENT_NOT_FOUND"));
  assert.deepEqual(one.agents.list(), []);
});

/** One test per promise, under the promise's own words. */
const rows: readonly [row: string, check: () => Promise<void>][] = [
  [
    "independent nodes, no host: a node needs nobody to begin, and two meet without a third",
    async () => {
      await using all = await mesh({ agents: [echoAgent("agent1")] }, {});
      const [one, two] = all.nodes as [AgentNode, AgentNode];
      assert.deepEqual([one.state, two.state], ["running", "running"]);
      assert.deepEqual(await two.callAgent(`${one.id}:agent1`, "ping"), {});
    },
  ],
  [
    "many local agents per node, in order of registration",
    async () => {
      const names = Array.from({ length: 12 }, (_unused, n) => `agent${n}`);
      await using all = await mesh({ agents: names.map((name) => echoAgent(name)) });
      const [node] = all.nodes as [AgentNode];
      assert.deepEqual(
        node.agents.list().map(({ name }) => name),
        names,
      );
      for (const name of names) assert.deepEqual(await node.callAgent(name, "ping"), {});
    },
  ],
  [
    "incoming calls come over an encrypted WebSocket as JSON-RPC 2.0, by method name",
    async () => {
      const network = () => libp2p({ listen: ["/ip4/127.0.0.1/tcp/0/ws"] });
      await using one = await createNode({
        network: network(),
        networkName: NETWORK,
        agents: [echoAgent("agent1")],
      });
      await using two = await createNode({ network: network(), networkName: NETWORK });
      await two.connect(one.addresses.find((address) => address.includes("/ws")) ?? "");
      assert.deepEqual(await two.call(`${one.id}:agent1/whoami`), whoami("peer", two.id));
    },
  ],
  [
    "a call of the own node_id is local, of another it is forwarded, dialled if it must be",
    async () => {
      await using one = await createNode({
        network: libp2p(),
        networkName: NETWORK,
        agents: [echoAgent("agent1")],
      });
      await using two = await createNode({
        network: libp2p({ bootstrap: one.addresses }),
        networkName: NETWORK,
        agents: [echoAgent("agent1")],
      });
      await eventually("a link", () => two.snapshot().links === 1);
      await two.disconnect(one.id);
      await two.connect(one.addresses[0] ?? "");
      assert.deepEqual(await two.call(`${two.id}:agent1/whoami`), whoami("local", two.id));
      assert.deepEqual(await two.call(`${one.id}:agent1/whoami`), whoami("peer", two.id));
    },
  ],
  [
    "node/list_agents, node/list_peers and node/get_info tell the node's fields",
    async () => {
      await using all = await mesh({ agents: [echoAgent("agent1", ["sum"])] }, {});
      const [one, two] = all.nodes as [AgentNode, AgentNode];
      const info = (await two.call(`${one.id}:node/get_info`)) as JsonObject;
      const fields = [
        "node_id",
        "network",
        "version",
        "protocols",
        "addresses",
        "agents",
        "uptime_seconds",
        "state",
        "continuity",
      ];
      for (const field of fields) assert.ok(Object.hasOwn(info, field), field);
      const { agents } = (await two.call(`${one.id}:node/list_agents`)) as unknown as {
        agents: JsonObject[];
      };
      const { agent_id, ...row } = agents[0] ?? {};
      assert.match(JSON.stringify(agent_id), /ed25519:/);
      assert.deepEqual(
        { ...row, eras: [] },
        {
          name: "agent1",
          address: `${one.id}:agent1`,
          kind: "module",
          status: "ready",
          protocols: ["mcp", "a2a", "plain"],
          eras: [],
          capabilities: ["sum"],
          access: "network",
        },
      );
      const { peers } = (await two.call(`${one.id}:node/list_peers`)) as unknown as { peers: JsonObject[] };
      assert.deepEqual(Object.keys(peers[0] ?? {}).toSorted(), [
        "addresses",
        "connected",
        "last_seen",
        "latency_ms",
        "node_id",
      ]);
      await one.call("node/list_peers");
      await one.call("node/list_peers");
    },
  ],
  [
    "register, unregister, list and call by id",
    async () => {
      await using all = await mesh({}, {});
      const [one, two] = all.nodes as [AgentNode, AgentNode];
      const registration = one.agents.register("agent1", echoDefinition());
      await registration.ready;
      assert.throws(() => one.agents.register("agent1", echoDefinition()), code("AGENT_NAME_TAKEN"));
      assert.deepEqual(
        one.agents.list().map(({ name }) => name),
        ["agent1"],
      );
      assert.deepEqual(await two.callAgent(`${one.id}:agent1`, "ping"), {});
      await one.agents.unregister("agent1");
      await assert.rejects(two.callAgent(`${one.id}:agent1`, "ping"), code("AGENT_NOT_FOUND"));
      using _again = one.agents.register("agent1", echoDefinition());
    },
  ],
  [
    "connect_to_peer, disconnect_from_peer and list_peers",
    async () => {
      await using all = await mesh({}, {});
      const [one, two] = all.nodes as [AgentNode, AgentNode];
      const linked = () =>
        two
          .peers()
          .filter(({ state }) => state === "connected")
          .map(({ peerId }) => peerId);
      assert.deepEqual(linked(), [one.id]);
      await two.disconnect(one.id);
      await eventually("the link is gone", () => linked().length === 0);
      assert.equal(await two.connect(one.addresses[0] ?? ""), one.id);
      assert.deepEqual(linked(), [one.id]);
    },
  ],
  [
    "a distributed registry with balancing and failover: a provider that is gone is passed by",
    async () => {
      await using all = await mesh(
        { agents: [echoAgent("a", ["sum"])] },
        { agents: [echoAgent("b", ["sum"])] },
        {},
      );
      const [one, two, three] = all.nodes as [AgentNode, AgentNode, AgentNode];
      assert.deepEqual(await three.call("cap:sum/ping"), {});
      await one.stop({ deadlineMs: 0 });
      for (let calls = 0; calls < 5; calls += 1) {
        assert.deepEqual(await three.call("cap:sum/ping", {}, { timeoutMs: 10_000 }), {});
      }
      assert.equal(two.state, "running");
    },
  ],
];

for (const [row, check] of rows) test(row, check);
