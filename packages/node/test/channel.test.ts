import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, isProtocolError, type JsonObject } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { memory, memoryHub } from "../src/network/index.ts";
import type { AgentChannel } from "../src/route/channel.ts";
import { channelPair } from "../src/route/channel-pair.ts";
import { readTarget } from "../src/route/target.ts";
import { echoAgent, echoDefinition, NETWORK } from "./node-fixture.ts";

const code = (expected: ErrorCode) => (error: unknown) => isProtocolError(error) && error.code === expected;
const pair = () => channelPair({ era: "dual", versions: ["2026-07-28"] });

async function all(channel: AgentChannel): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of channel.lines) lines.push(line);
  return lines;
}

test("what one end of a channel sends, the other reads in order and as it was written", async () => {
  const [near, far] = pair();
  const lines = ['{"n":12345678901234567890}', '{"n": 1.0}', '{"text":"\\u00e9é"}'];
  for (const line of lines) near.send(line);
  near.end();
  assert.deepEqual(await all(far), lines);
});

test("an end that has said its last still hears the other", async () => {
  const [near, far] = pair();
  near.send("question");
  near.end();
  assert.deepEqual(await all(far), ["question"]);
  far.send("answer");
  far.end();
  assert.deepEqual(await all(near), ["answer"]);
  assert.equal(await near.closed, undefined);
  assert.throws(() => near.send("late"), code("STREAM_RESET"));
});

test("who breaks off a channel breaks it for both, and what was not read is gone", async () => {
  const [near, far] = pair();
  near.send("unread");
  const waiting = all(near);
  near.reset("the caller has gone");
  await assert.rejects(all(far), code("STREAM_RESET"));
  await assert.rejects(waiting, code("STREAM_RESET"));
  assert.ok(code("STREAM_RESET")(await far.closed));
});

test("a sender waits for a slow reader, and is refused when it does not wait", async () => {
  const [near, far] = pair();
  const line = "x".repeat(100_000);
  near.send(line);
  let calm = false;
  const waiting = near.calm().then(() => (calm = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(calm, false);
  const reading = all(far);
  await waiting;
  near.end();
  assert.deepEqual(await reading, [line]);

  const [flooding] = pair();
  assert.throws(() => {
    for (let sent = 0; sent < 1_000; sent += 1) flooding.send(line);
  }, code("QUEUE_FULL"));
  assert.throws(() => pair()[0].send("y".repeat(4_194_305)), code("FRAME_TOO_LARGE"));
});

test("a target is an agent here or there, a node, or a capability, and nothing else", () => {
  const peerId = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
  assert.deepEqual(readTarget("agent1"), { kind: "agent", nodeId: "local", agent: "agent1" });
  assert.deepEqual(readTarget("local:agent1"), { kind: "agent", nodeId: "local", agent: "agent1" });
  assert.deepEqual(readTarget(`${peerId}:agent1`), { kind: "agent", nodeId: peerId, agent: "agent1" });
  assert.deepEqual(readTarget("node"), { kind: "node", nodeId: "local" });
  assert.deepEqual(readTarget(`${peerId}:node`), { kind: "node", nodeId: peerId });
  assert.deepEqual(readTarget("cap:energy.sell"), { kind: "capability", capability: "energy.sell" });
  for (const bad of [
    "",
    "abc123:agent1",
    "local:",
    ":agent1",
    "agent1/tools/list",
    "local:a/b",
    "cap:",
    "Agent",
  ]) {
    assert.throws(() => readTarget(bad), code("ADDRESS_INVALID"), bad);
  }
});

async function hosting() {
  const agents = [
    echoAgent("agent1"),
    { name: "hidden", definition: echoDefinition(["secret"]), access: "private" as const },
    { name: "open", definition: echoDefinition(["open"]), access: "public" as const },
  ];
  return createNode({ network: memory({ hub: memoryHub({ seed: 5 }) }), networkName: NETWORK, agents });
}

const plain = { proto: "plain", mode: "call" } as const;
const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as JsonObject);

test("a channel to an agent of this node answers each line, by every way to name it", async () => {
  await using node = await hosting();
  for (const reference of ["agent1", "local:agent1", `${node.id}:agent1`, "cap:echo"]) {
    const channel = await node.open(reference, plain);
    channel.send(
      '{"jsonrpc":"2.0","id":"1","method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}',
    );
    channel.send("no JSON");
    channel.end();
    const answers = parsed(await all(channel));
    assert.deepEqual(new Set(answers.map(({ id }) => id)), new Set(["1", null]), reference);
    assert.equal(await channel.closed, undefined);
  }
  const self = await node.open("node", plain);
  self.send('{"jsonrpc":"2.0","id":1,"method":"node/get_info"}');
  self.send(`{"jsonrpc":"2.0","id":2,"method":"${node.id}:agent1/ping"}`);
  self.end();
  const answers = parsed(await all(self));
  assert.deepEqual(new Set(answers.map(({ id }) => id)), new Set([1, 2]));
});

test("who has no name opens public agents alone, and the others do not exist for it", async () => {
  await using node = await hosting();
  const as = { anonymous: true };
  await node.open("open", { ...plain, as });
  for (const name of ["agent1", "hidden", "missing"]) {
    await assert.rejects(node.open(name, { ...plain, as }), code("AGENT_NOT_FOUND"), name);
  }
  await node.open("hidden", { ...plain, as: { token: "t1" } });
});

test("a channel that nobody waits for any more is closed when it opens", async () => {
  await using node = await hosting();
  const signal = AbortSignal.abort();
  await assert.rejects(node.open("agent1", plain, { signal }), code("CALL_CANCELLED"));
  await assert.rejects(node.open("cap:nothing", plain, { timeoutMs: 50 }), code("NO_PROVIDER"));
});
