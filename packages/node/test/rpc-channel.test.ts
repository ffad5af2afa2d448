/** The stream to an agent as it is on the wire, by a peer that writes each line itself. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { errorTable, type JsonObject, type JsonValue, signBinding } from "@gridmesh/protocol";
import type { AgentDefinition } from "../src/agent.ts";
import { systemClock } from "../src/clock.ts";
import { createNode } from "../src/create-node.ts";
import { identityFromSeed } from "../src/identity.ts";
import { type BoundedStream, memory, memoryHub } from "../src/network/index.ts";
import { seededRandom } from "../src/testing/seeded-random.ts";
import { eventually, NETWORK, rawPeer } from "./node-fixture.ts";

const LONG_MS = 10_000;

let hanging = 0;
let aborted = 0;

const tools: AgentDefinition = {
  capabilities: ["tools"],
  tools: {
    echo: { description: "echo", inputSchema: { type: "object" }, handler: (given) => given },
    whoami: {
      description: "whoami",
      inputSchema: { type: "object" },
      handler: (_given, { caller }) => ({ user: caller.user ?? null, agentId: caller.agentId ?? null }),
    },
    hang: {
      description: "hang",
      inputSchema: { type: "object" },
      handler: (_given, { signal }) =>
        new Promise<JsonValue>((_resolve, reject) => {
          hanging += 1;
          signal.addEventListener("abort", () => {
            aborted += 1;
            reject(signal.reason as Error);
          });
        }),
    },
  },
};

class Wire {
  readonly stream: BoundedStream;

  constructor(stream: BoundedStream) {
    this.stream = stream;
  }

  send(message: JsonObject | string): void {
    this.stream.post(typeof message === "string" ? message : `${JSON.stringify(message)}\n`);
  }

  async next(): Promise<JsonObject | undefined> {
    const line = await this.stream.readLine({ timeoutMs: LONG_MS });
    return line === undefined ? undefined : (JSON.parse(new TextDecoder().decode(line)) as JsonObject);
  }
}

async function rig() {
  const hub = memoryHub({ seed: 17 });
  const stack = new AsyncDisposableStack();
  const rates = { perSecond: 100_000, burst: 100_000, peakPerSecond: 100_000, peakBurst: 100_000 };
  const agents = ["tools", "others"].map((name) => ({ name, definition: tools }));
  const peer = await rawPeer(memory({ hub }), 2);
  const forwardFor = [peer.identity.peerId];
  const common = { network: memory({ hub }), networkName: NETWORK, messageRates: rates };
  const node = await createNode({ ...common, agents, forwardFor });
  stack.use(peer);
  stack.defer(() => node.stop({ deadlineMs: 0 }));
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: LONG_MS });
  const open = async (more: JsonObject | string = {}): Promise<Wire> => {
    const wire = new Wire(await peer.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: LONG_MS }));
    const opening = { v: 1, to: "tools", proto: "mcp", mode: "call" };
    wire.send(typeof more === "string" ? more : { ...opening, ...more });
    return wire;
  };
  const opened = async (more: JsonObject = {}): Promise<Wire> => {
    const wire = await open(more);
    assert.equal((await wire.next())?.["ok"], true, JSON.stringify(more));
    return wire;
  };
  const streams = () => node.snapshot().streamsByProtocol["/gridmesh/rpc/1"] ?? 0;
  return { node, peer, open, opened, streams, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const _meta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
const call = (id: number | string, name: string, more: JsonObject = {}): JsonObject => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: { a: 1 }, _meta },
  ...more,
});
const codeOf = (answer: JsonObject | undefined) => (answer?.["error"] as JsonObject | undefined)?.["code"];
const told = (answer: JsonObject | undefined) =>
  (answer?.["result"] as { structuredContent: JsonObject } | undefined)?.structuredContent;

test("the answer to an opening line says what the agent speaks and how much it takes at once", async () => {
  await using on = await rig();
  const wire = await on.open();
  const answer = await wire.next();
  assert.deepEqual([answer?.["ok"], answer?.["era"], answer?.["maxInFlight"]], [true, "dual", 32]);
  assert.match(JSON.stringify(answer?.["versions"]), /2026-07-28/);
  for (const [more, code] of [
    [{ to: "nobody" }, -31003],
    [{ to: "node" }, -31013],
    [{ v: 2 }, -31200],
    [{ proto: "smtp" }, -31013],
    [{ proto: "plain", mode: "listen" }, -31013],
    [{ user: "x".repeat(65) }, -32600],
    [{ via: "me" }, -32600],
    [{ headers: { a: 1 } }, -32600],
    [`{"v":1,"to":"${"x".repeat(9_000)}"}\n`, -32600],
  ] as const) {
    const refused = await on.open(more);
    assert.equal(codeOf(await refused.next()), code, JSON.stringify(more).slice(0, 60));
    assert.equal(await refused.next(), undefined);
    await refused.stream.close();
  }
  await wire.stream.close();
  await eventually("no stream is left", () => on.streams() === 0);
});

test("what is sent before the answer is done when it is yes, and not when it is no", async () => {
  await using on = await rig();
  const wire = await on.open();
  wire.send(call(1, "echo"));
  assert.equal((await wire.next())?.["ok"], true);
  assert.deepEqual(told(await wire.next()), { a: 1 });
  const no = await on.open({ to: "nobody" });
  no.send(call(1, "echo"));
  assert.equal(codeOf(await no.next()), -31003);
  assert.equal(await no.next(), undefined);
});

test("garbage, a line of no UTF-8, CRLF and blank lines: each is answered or left out, and the stream goes on", async () => {
  await using on = await rig();
  const wire = await on.opened();
  for (const [line, code] of [
    ["nonsense\n", -32700],
    ["[1,2]\n", -32600],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}\n', -32600],
    ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}\n', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}\n', -32600],
  ] as const) {
    wire.send(line);
    assert.equal(codeOf(await wire.next()), code, line);
  }
  wire.stream.post(Uint8Array.of(0xff, 0xfe, 0x0a));
  assert.equal(codeOf(await wire.next()), -32700);
  wire.send(`\n\r\n${JSON.stringify(call("a", "echo"))}\r\n`);
  assert.equal((await wire.next())?.["id"], "a");
});

test("a caller has 32 requests to one agent under way and 64 in all; one more is told to wait", async () => {
  await using on = await rig();
  const wires = [
    await on.opened(),
    await on.opened(),
    await on.opened({ to: "others" }),
    await on.opened({ to: "others" }),
  ];
  const [first, second, third, fourth] = wires as [Wire, Wire, Wire, Wire];
  for (let id = 0; id < 16; id += 1) for (const wire of wires) wire.send(call(id, "hang"));
  await eventually("all are under way", () => hanging === 64);
  for (const wire of [first, third]) {
    wire.send(call(99, "hang"));
    const refused = await wire.next();
    assert.deepEqual([refused?.["id"], codeOf(refused)], [99, -31216]);
  }
  const more = await on.opened({ user: "another" });
  more.send(call(1, "echo"));
  assert.equal(codeOf(await more.next()), -31216, "the peer's own bound");
  const before = aborted;
  second.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 3 } });
  await eventually("one is given up", () => aborted === before + 1);
  more.send(call(2, "echo"));
  assert.deepEqual(told(await more.next()), { a: 1 });
  fourth.stream.reset("enough");
  await eventually("those of a stream that is gone are given up", () => aborted === before + 17);
});

test("the longest idle session makes room for the twenty-fifth, a busy one does not", async () => {
  await using on = await rig();
  const sessions: Wire[] = [];
  for (let count = 0; count < 24; count += 1) sessions.push(await on.opened({ mode: "session" }));
  const hello = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "raw", version: "1" },
  };
  const [first, second] = sessions as [Wire, Wire];
  first.send({ jsonrpc: "2.0", id: 1, method: "initialize", params: hello });
  await first.next();
  await on.opened({ mode: "session" });
  assert.equal(await second.next(), undefined, "the one that was silent for longest is gone");
  first.send({ jsonrpc: "2.0", id: 2, method: "tools/list" });
  assert.equal((await first.next())?.["id"], 2);
});

test("the thirty-third stream of a peer is refused with its code, and a closed one leaves its place", async () => {
  await using on = await rig();
  const wires: Wire[] = [];
  for (let count = 0; count < 32; count += 1) wires.push(await on.opened());
  const refused = await on.open();
  assert.equal(codeOf(await refused.next()), -31216);
  await refused.stream.close();
  await wires[0]?.stream.close();
  await eventually("a place is free", () => on.streams() <= 31);
  await on.opened();
});

test("a caller is its peer and user, and its agent only by a binding to this very peer", async () => {
  await using on = await rig();
  const agent = identityFromSeed(seededRandom(8).bytes(32));
  const notAfterS = Math.floor(systemClock().nowMs() / 1_000) + 3_600;
  const bound = (peerId: string) => ({
    ...signBinding({ network: NETWORK, peerId, notAfterS, name: "bidder", signer: agent.signer }),
  });
  const stolen = identityFromSeed(seededRandom(77).bytes(32)).peerId;
  for (const [more, user, agentId] of [
    [{}, null, null],
    [{ user: "u1" }, "u1", null],
    [{ from: bound(on.peer.identity.peerId) }, null, agent.signer.agentId],
    [{ from: bound(stolen) }, null, null],
    [{ from: { agent_id: agent.signer.agentId } }, null, null],
  ] as const) {
    const wire = await on.opened(more);
    wire.send(call(1, "whoami"));
    assert.deepEqual(told(await wire.next()), { user, agentId });
  }
});

test("a batch is for the node alone: up to fifty calls, one line of answers", async () => {
  await using on = await rig();
  const wire = await on.opened({ to: "node", proto: "plain" });
  const info = (id: number) => ({ jsonrpc: "2.0", id, method: "node/get_info" });
  const batch = [
    info(1),
    { jsonrpc: "2.0", method: "node/get_info" },
    { foo: "boo" },
    { ...info(2), method: "node/x" },
  ];
  wire.send(`${JSON.stringify(batch)}\n`);
  const answers = (await wire.next()) as unknown as JsonObject[];
  const brief = answers.map((answer) => [answer["id"], codeOf(answer) ?? "ok"]);
  assert.deepEqual(new Set(brief.map(String)), new Set(["1,ok", ",-32600", "2,-32601"]));
  wire.send("[]\n");
  assert.equal(codeOf(await wire.next()), -32600);
  wire.send(`${JSON.stringify(Array.from({ length: 51 }, (_unused, id) => info(id)))}\n`);
  assert.equal(codeOf(await wire.next()), -32600);
  wire.send('[{"jsonrpc":"2.0","method":"x"}]\n{"jsonrpc":"2.0","id":"last","method":"node/list_agents"}\n');
  assert.equal((await wire.next())?.["id"], "last", "a batch of notifications has no answer");
  const agent = await on.opened({ to: "tools", proto: "plain" });
  agent.send(`${JSON.stringify([info(1)])}\n`);
  assert.equal(codeOf(await agent.next()), -32600);
});

test("a peer is told this node's peers once in a while", async () => {
  await using on = await rig();
  const wire = await on.opened({ to: "node", proto: "plain" });
  const ask = { jsonrpc: "2.0", id: 1, method: "node/list_peers" };
  wire.send(ask);
  assert.notEqual((await wire.next())?.["result"], undefined);
  wire.send(ask);
  assert.equal(codeOf(await wire.next()), -31212);
});

test("a call that passed through this node or three others goes no further", async () => {
  await using on = await rig();
  const [a, b, c, d] = [11, 12, 13, 14].map((seed) => identityFromSeed(seededRandom(seed).bytes(32)).peerId);
  const elsewhere = `${d ?? ""}:agent1/ping`;
  const answered = async (via: readonly (string | undefined)[]) => {
    const wire = await on.opened({ to: "node", proto: "plain", via: via.filter((id) => id !== undefined) });
    wire.send({ jsonrpc: "2.0", id: 1, method: elsewhere, x: { deadlineMs: 2_000 } });
    return codeOf(await wire.next());
  };
  const { number: tooFar } = errorTable["HOP_LIMIT"];
  assert.equal(await answered([on.node.id]), tooFar);
  assert.equal(await answered([a, b, c]), tooFar);
  // Nobody knows the third node: that it was looked for is enough.
  assert.equal(await answered([a, b]), -31001);
});

test("an answer that nobody asked for is dropped, and counted", async () => {
  await using on = await rig();
  const wire = await on.opened({ mode: "session" });
  const dropped = () =>
    on.node.metrics().find(({ name }) => name === "rpc_lines_dropped_total")?.samples[0]?.value ?? 0;
  wire.send({ jsonrpc: "2.0", id: 77, result: {} });
  await eventually("it is counted", () => dropped() === 1, LONG_MS);
  wire.send('{"jsonrpc":"2.0","id":1,"method":"ping"\n');
  assert.equal(codeOf(await wire.next()), -32700);
});
