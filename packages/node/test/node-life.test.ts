import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isProtocolError, type JsonObject, type JsonValue } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { libp2p, memory, memoryHub } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { testNetwork } from "../src/testing/index.ts";
import { echoAgent, echoDefinition, eventually } from "./node-fixture.ts";

const networkName = "lives";

/** All orders in which four nodes, the first being the bootstrap of the others, can start. */
function orders(of: readonly number[]): number[][] {
  if (of.length === 0) return [[]];
  return of.flatMap((first) => orders(of.filter((n) => n !== first)).map((rest) => [first, ...rest]));
}

test("any start order meshes: all 24 orders of a bootstrap node and three others", async () => {
  await Promise.all(
    orders([0, 1, 2, 3]).map(async (order, seed) => {
      const hub = memoryHub({ seed });
      const bootstrap = ["/memory/1"];
      const seeds = [0, 1, 2, 3].map((n) => new Uint8Array(32).fill(n + 1));
      // The bootstrap's address is fixed before anybody starts.
      const { identityFromSeed } = await import("../src/identity.ts");
      hub.inner.addressOf(identityFromSeed(seeds[0]!).peerId);
      const nodes: AgentNode[] = [];
      for (const n of order) {
        nodes.push(
          await createNode({
            network: memory({ hub, bootstrap: n === 0 ? [] : bootstrap }),
            networkName,
            seed: seeds[n],
            agents: [echoAgent(`agent-${n}`)],
          }),
        );
      }
      try {
        const label = order.join("");
        for (const node of nodes) {
          await eventually(`order ${label}: four records`, () => node.registry.known().length === 4, 20_000);
        }
      } finally {
        await Promise.all(nodes.map((node) => node.stop({ deadlineMs: 0 })));
      }
    }),
  );
});

test("over libp2p three nodes wait for a bootstrap that comes last, then all find each other", async () => {
  const stack = new AsyncDisposableStack();
  try {
    const probe = await createNode({ network: libp2p(), networkName });
    const [address] = probe.addresses;
    await probe.stop({ deadlineMs: 0 });
    const port = Number(/tcp\/(\d+)/.exec(address!)?.[1]);
    const bootstrap = [`/ip4/127.0.0.1/tcp/${port}`];
    const nodes: AgentNode[] = [];
    for (const n of [1, 2, 3]) {
      const network = libp2p({ bootstrap });
      nodes.push(stack.use(await createNode({ network, networkName, agents: [echoAgent(`agent-${n}`)] })));
    }
    assert.ok(nodes.every((node) => node.snapshot().links === 0));
    await eventually("the finding", () =>
      nodes.every((node) => node.findings().some(({ code }) => code === "BOOTSTRAP_UNREACHABLE")),
    );
    stack.use(await createNode({ network: libp2p({ listen: [`/ip4/127.0.0.1/tcp/${port}`] }), networkName }));
    for (const node of nodes) {
      await eventually("the other agents", () => node.registry.known().length === 3, 15_000);
    }
    assert.ok(nodes.every((node) => !node.findings().some(({ code }) => code === "BOOTSTRAP_UNREACHABLE")));
  } finally {
    await stack.disposeAsync();
  }
});

test("stop ends within five seconds though a handler hangs, and the caller is told", async () => {
  await using net = await testNetwork(2, { agents: (n) => [echoAgent(`agent-${n}`)] });
  const [callee, caller] = net.nodes as [AgentNode, AgentNode];
  await eventually("a link", () => caller.snapshot().links === 1);
  const hanging = caller.call(`${callee.id}:agent-0/deaf`).catch((error: unknown) => error);
  await eventually("the call", () => callee.agents.list()[0]?.inFlight === 1);
  const startMs = performance.now();
  const stopped = callee.stop();
  assert.equal(callee.state, "draining");
  await eventually(
    "refusal",
    () => callee.agents.list().length === 0 || callee.agents.list()[0]?.state === "stopped",
  );
  await assert.rejects(
    caller.call(`${callee.id}:agent-0/ping`),
    (error: unknown) =>
      isProtocolError(error) && ["DRAINING", "STREAM_RESET", "PEER_UNREACHABLE"].includes(error.code),
  );
  await stopped;
  assert.ok(performance.now() - startMs < 5_000);
  assert.equal(callee.state, "stopped");
  assert.ok(isProtocolError(await hanging));
  await callee.ended;
});

test("a restart with the same home keeps the node's and its agents' names and goes on counting", async () => {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-home-"));
  const seen: { id: string; agentId: string; seq: number }[] = [];
  try {
    for (let run = 0; run < 2; run += 1) {
      const hub = memoryHub({ seed: run });
      await using node = await createNode({
        network: memory({ hub }),
        networkName,
        home,
        agents: [echoAgent("agent")],
      });
      await assert.rejects(
        createNode({ network: memory({ hub }), networkName, home }),
        (error: unknown) => isProtocolError(error) && error.code === "ALREADY_RUNNING",
      );
      const listed = (await node.call("node/list_agents", { signed: true })) as { agents: JsonObject[] };
      const row = listed.agents[0] as { agent_id: string; record: { seq: number } };
      seen.push({ id: node.id, agentId: row.agent_id, seq: row.record.seq });
    }
  } finally {
    await rm(home, { recursive: true });
  }
  assert.equal(seen[0]?.id, seen[1]?.id);
  assert.equal(seen[0]?.agentId, seen[1]?.agentId);
  assert.ok((seen[1]?.seq ?? 0) > (seen[0]?.seq ?? 0));
});

test("an agent that does not start is a finding; the node and its other agents live on", async () => {
  const failing = {
    ...echoDefinition(),
    start: () => Promise.reject(new Error("no battery")),
  };
  await using net = await testNetwork(1, {
    agents: () => [{ name: "broken", definition: failing }, echoAgent("sound")],
  });
  const [node] = net.nodes as [AgentNode];
  assert.equal(node.agents.list()[0]?.state, "failed");
  const finding = node.findings().find(({ code }) => code === "AGENT_FAILED");
  assert.match(finding?.text ?? "", /broken: no battery/);
  assert.deepEqual(await node.callAgent("sound", "ping"), {});
  await assert.rejects(
    node.callAgent("broken", "ping"),
    (error: unknown) => isProtocolError(error) && error.code === "AGENT_UNAVAILABLE",
  );
  assert.throws(
    () => node.agents.register("sound", echoDefinition()),
    (error: unknown) => isProtocolError(error) && error.code === "AGENT_NAME_TAKEN",
  );
  for (const name of ["node", "local", "cap", "Upper", "a/b", ""]) {
    assert.throws(
      () => node.agents.register(name, echoDefinition()),
      (error: unknown) => isProtocolError(error) && error.code === "ADDRESS_INVALID",
    );
  }
});

test("an agent's own calls carry its node's name and reach other agents", async () => {
  let answer: JsonValue | undefined;
  const asking = {
    ...echoDefinition(),
    async start(context: { call: (address: string, params: JsonValue) => Promise<JsonValue> }) {
      answer = await context.call("local:first/whoami", {});
    },
  };
  await using net = await testNetwork(1, {
    agents: () => [echoAgent("first"), { name: "second", definition: asking }],
  });
  assert.deepEqual(answer, { kind: "local", peerId: net.nodes[0]?.id });
});

test("fifty starts and stops leave no timer and no listener behind", async () => {
  const hub = memoryHub({ seed: 4 });
  for (let run = 0; run < 50; run += 1) {
    const node = await createNode({ network: memory({ hub }), networkName, agents: [echoAgent("agent")] });
    await node.stop();
  }
  assert.equal(hub.stations.size, 0);
});
