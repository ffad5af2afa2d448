import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode, JsonValue } from "@gridmesh/protocol";
import { isProtocolError } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { identityFromSeed } from "../src/identity.ts";
import { libp2p } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { testNetwork } from "../src/testing/index.ts";
import { echoAgent, echoDefinition, eventually } from "./node-fixture.ts";

const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;

async function pair() {
  const stack = new AsyncDisposableStack();
  const callee = stack.use(
    await createNode({
      network: libp2p(),
      networkName: "calls",
      agents: [
        echoAgent("household-agent-01"),
        { name: "hidden", definition: echoDefinition(["secret"]), access: "private" },
      ],
    }),
  );
  const caller = stack.use(
    await createNode({ network: libp2p({ bootstrap: callee.addresses }), networkName: "calls" }),
  );
  await eventually("a link", () => caller.peers().some((peer) => peer.state === "connected"));
  return { caller, callee, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("an agent of another node is called over libp2p, and each way to miss it has its code", async () => {
  await using nodes = await pair();
  const { caller, callee } = nodes;
  const call = (tail: string, params: JsonValue = {}, timeoutMs = 5_000) =>
    caller.call(`${callee.id}:${tail}`, params, { timeoutMs });

  const listed = await call("household-agent-01/tools/list");
  assert.deepEqual(listed, {
    tools: [{ name: "echo", description: "Gives back its arguments", inputSchema: { type: "object" } }],
  });
  const answer = await call("household-agent-01/tools/call", { name: "echo", arguments: { kWh: 3 } });
  assert.deepEqual(answer, {
    content: [{ type: "text", text: '{"kWh":3}' }],
    structuredContent: { kWh: 3 },
  });
  assert.deepEqual(await call("household-agent-01/whoami"), { kind: "peer", peerId: caller.id });

  await assert.rejects(call("nobody/tools/list"), code("AGENT_NOT_FOUND"));
  await assert.rejects(call("hidden/tools/list"), code("AGENT_NOT_FOUND"));
  await assert.rejects(call("household-agent-01/no/such"), code("METHOD_NOT_FOUND"));
  await assert.rejects(call("household-agent-01/__proto__"), code("METHOD_NOT_FOUND"));
  await assert.rejects(call("household-agent-01/tools/call", { name: "toString" }), code("INVALID_PARAMS"));
  await assert.rejects(call("node/no_such"), code("METHOD_NOT_FOUND"));
  await assert.rejects(call("household-agent-01/hang", {}, 200), code("CALL_TIMEOUT"));
  await assert.rejects(caller.call("abc123:agent1/tools/list"), code("ADDRESS_INVALID"));
  await assert.rejects(caller.call("no method"), code("ADDRESS_INVALID"));
  await assert.rejects(caller.call("tools/list"), code("AGENT_NOT_FOUND"));
  const failed = await call("household-agent-01/fail").catch((error: unknown) => error);
  assert.ok(code("HANDLER_FAILED")(failed));
  assert.doesNotMatch((failed as Error).message, /secret/, "the handler's own text stays at home");
});

test("a call may be cancelled, and the stream it shared goes on", async () => {
  await using nodes = await pair();
  const { caller, callee } = nodes;
  const gone = new AbortController();
  const hanging = caller.call(`${callee.id}:household-agent-01/hang`, {}, { signal: gone.signal });
  const others = Promise.all(
    Array.from({ length: 200 }, (_unused, n) =>
      caller.call(`${callee.id}:household-agent-01/tools/call`, { name: "echo", arguments: { n } }),
    ),
  );
  gone.abort();
  await assert.rejects(hanging, code("CALL_CANCELLED"));
  const answers = await others;
  assert.deepEqual(
    answers.map((answer) => (answer as { structuredContent: { n: number } }).structuredContent.n),
    Array.from({ length: 200 }, (_unused, n) => n),
  );
  await eventually("the callee hears of the cancel", () => callee.agents.list()[0]?.inFlight === 0);
});

test("a dead peer is unreachable and an unknown one not found, both within their time", async () => {
  await using nodes = await pair();
  const { caller, callee } = nodes;
  const stranger = identityFromSeed(new Uint8Array(32).fill(9)).peerId;
  const startMs = performance.now();
  await assert.rejects(caller.call(`${stranger}:a/ping`, {}, { timeoutMs: 10_000 }), code("PEER_NOT_FOUND"));
  assert.ok(performance.now() - startMs < 6_000);

  await callee.stop({ deadlineMs: 0 });
  const stoppedMs = performance.now();
  await assert.rejects(
    caller.call(`${callee.id}:household-agent-01/ping`, {}, { timeoutMs: 10_000 }),
    (error: unknown) => code("PEER_UNREACHABLE")(error) || code("STREAM_RESET")(error),
  );
  await assert.rejects(
    caller.call(`${callee.id}:household-agent-01/ping`, {}, { timeoutMs: 10_000 }),
    code("PEER_UNREACHABLE"),
  );
  assert.ok(performance.now() - stoppedMs < 10_000);
});

test("a node tells of itself, its agents and its peers, and forwards for nobody", async () => {
  await using net = await testNetwork(3, { agents: (n) => [echoAgent(`agent-${n}`)] });
  const [one, two, three] = net.nodes as [AgentNode, AgentNode, AgentNode];
  await eventually("links", () => net.nodes.every((node) => node.snapshot().links === 2));
  const told = (await two.call(`${one.id}:node/get_info`)) as {
    node_id: string;
    network: string;
    agents: number;
  };
  assert.equal(told.node_id, one.id);
  assert.equal(told.network, "testnet");
  assert.equal(told.agents, 1);
  const { agents } = (await two.call(`${one.id}:node/list_agents`, { signed: true })) as {
    agents: { name: string; record: { type: string } }[];
  };
  assert.equal(agents[0]?.name, "agent-0");
  assert.equal(agents[0]?.record.type, "capability_advertisement");
  await assert.rejects(two.call(`${one.id}:node/list_agents`, { scope: "known" }), code("UNAUTHORIZED"));
  const { peers } = (await two.call(`${one.id}:node/list_peers`)) as { peers: { node_id: string }[] };
  assert.deepEqual(peers.map((peer) => peer.node_id).sort(), [two.id, three.id].sort());
  assert.equal(
    ((await two.call("node/list_agents", { scope: "known" })) as { agents: unknown[] }).agents.length,
    3,
  );
  assert.deepEqual(await two.callAgent(`${one.id}:agent-0`, "ping"), {});
  assert.deepEqual(await two.callAgent("agent-1", "ping"), {});
  assert.deepEqual(await two.call("ping"), {}, "a bare method goes to the first agent");
});
