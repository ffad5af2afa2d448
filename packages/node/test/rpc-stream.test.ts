import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { createNode } from "../src/create-node.ts";
import { type BoundedStream, libp2p, memory, memoryHub } from "../src/network/index.ts";
import { decodeMessage } from "../src/route/rpc-lines.ts";
import { echoAgent, echoDefinition, NETWORK, rawPeer } from "./node-fixture.ts";

const encoder = new TextEncoder();

interface Lines {
  readonly stream: BoundedStream;
  write(text: string): Promise<void>;
  next(): Promise<JsonObject | undefined>;
}

async function rig() {
  const hub = memoryHub({ seed: 3 });
  const stack = new AsyncDisposableStack();
  const agents = [
    echoAgent("agent1"),
    { name: "hidden", definition: echoDefinition(), access: "private" as const },
  ];
  const node = await createNode({ network: memory({ hub }), networkName: NETWORK, agents });
  // Calls that nobody answers need no drain here.
  stack.defer(() => node.stop({ deadlineMs: 0 }));
  const peer = stack.use(await rawPeer(memory({ hub }), 2));
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const open = async (opening: JsonValue): Promise<Lines> => {
    const stream = await peer.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 1_000 });
    const lines: Lines = {
      stream,
      write: (text) => stream.write(encoder.encode(text)),
      async next() {
        const line = await stream.readLine({ timeoutMs: 1_000 });
        return line === undefined ? undefined : (JSON.parse(new TextDecoder().decode(line)) as JsonObject);
      },
    };
    await lines.write(typeof opening === "string" ? opening : `${JSON.stringify(opening)}\n`);
    return lines;
  };
  return { node, open, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const plain = { v: 1, to: "node", proto: "plain", mode: "call" };
const numberOf = (answer: JsonObject | undefined) => (answer?.["error"] as JsonObject | undefined)?.["code"];

test("an opening line that cannot be served is answered and the stream closed", async () => {
  await using wire = await rig();
  const cases: [JsonValue, number][] = [
    [{ ...plain, v: 2 }, -31200],
    [{ ...plain, mode: "session" }, -31013],
    [{ ...plain, proto: "a2a" }, -31013],
    [{ ...plain, to: "nobody" }, -31003],
    [{ ...plain, to: "hidden" }, -31003],
    [{ v: 1 }, -32600],
    ["garbage\n", -32700],
    ["[]\n", -32600],
  ];
  for (const [opening, expected] of cases) {
    const lines = await wire.open(opening);
    assert.equal(numberOf(await lines.next()), expected, JSON.stringify(opening));
    assert.equal(await lines.next(), undefined);
    await lines.stream.close();
  }
  const missing = await wire.open({ ...plain, to: "nobody" });
  const denied = await wire.open({ ...plain, to: "hidden" });
  const text = (answer: JsonObject | undefined) => JSON.stringify(answer).replace(/nobody|hidden/, "x");
  assert.equal(text(await missing.next()), text(await denied.next()), "denied and missing look the same");
});

test("garbage, batches, null ids, doubled ids and CRLF are answered one by one and the stream goes on", async () => {
  await using wire = await rig();
  const lines = await wire.open({ ...plain, to: "agent1" });
  assert.equal((await lines.next())?.["ok"], true);
  const answered = async (line: string) => {
    await lines.write(line);
    return numberOf(await lines.next());
  };
  assert.equal(await answered("not json\n"), -32700);
  assert.equal(await answered("[1,2]\n"), -32600);
  assert.equal(await answered('{"jsonrpc":"2.0","id":null,"method":"ping"}\n'), -32600);
  assert.equal(await answered('{"jsonrpc":"2.0","id":1.5,"method":"ping"}\n'), -32600);
  assert.equal(await answered('{"jsonrpc":"1.0","id":1,"method":"ping"}\n'), -32600);
  assert.equal(await answered('{"jsonrpc":"2.0","id":1,"method":"constructor"}\n'), -32601);
  assert.equal(await answered(`${"[".repeat(100)}${"]".repeat(100)}\n`), -32600);
  await lines.write('\n\r\n{"jsonrpc":"2.0","id":"a","method":"ping"}\r\n');
  assert.deepEqual(await lines.next(), { jsonrpc: "2.0", id: "a", result: {} });
  await lines.write('{"jsonrpc":"2.0","id":7,"method":"deaf"}\n{"jsonrpc":"2.0","id":7,"method":"ping"}\n');
  assert.equal(numberOf(await lines.next()), -32600);
});

test("a deadline and a cancel end a call that nobody answers", async () => {
  await using wire = await rig();
  const lines = await wire.open(plain);
  await lines.next();
  const deaf = (id: number, more = "") =>
    `{"jsonrpc":"2.0","id":${id},"method":"local:agent1/deaf","params":{}${more}}\n`;
  await lines.write(deaf(1, ',"x":{"deadlineMs":50}'));
  assert.equal(numberOf(await lines.next()), -31006);
  await lines.write(deaf(2));
  await lines.write('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}\n');
  assert.equal(numberOf(await lines.next()), -31007);
});

test("the sixty-fifth call under way is refused", async () => {
  await using wire = await rig();
  const lines = await wire.open(plain);
  await lines.next();
  for (let id = 0; id < 65; id += 1) {
    // Below the rate: the limit under test is that of calls under way.
    await new Promise((resolve) => setTimeout(resolve, 6));
    await lines.write(`{"jsonrpc":"2.0","id":${id},"method":"local:agent1/deaf"}\n`);
  }
  const refused = await lines.next();
  assert.equal(refused?.["id"], 64);
  assert.equal(numberOf(refused), -31216);
});

test("a peer asks only for what is here, by a whole address", async () => {
  await using wire = await rig();
  const lines = await wire.open(plain);
  await lines.next();
  const answered = async (method: string) => {
    await lines.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method })}\n`);
    return numberOf(await lines.next());
  };
  assert.equal(await answered("tools/list"), -31002);
  assert.equal(await answered("nonsense:a/b"), -31002);
  assert.equal(await answered("cap:echo/ping"), -31112);
  assert.equal(await answered("12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB:a/ping"), -31112);
  assert.equal(await answered(`${wire.node.id}:nobody/ping`), -31003);
});

test("a line over the limit ends the stream with its code, also over libp2p", async () => {
  await using node = await createNode({
    network: libp2p(),
    networkName: NETWORK,
    agents: [echoAgent("agent1")],
  });
  await using peer = await rawPeer(libp2p(), 5);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 2_000 });
  const stream = await peer.transport.open(node.id, "/gridmesh/rpc/1", { timeoutMs: 1_000 });
  await stream.write(encoder.encode(`${JSON.stringify(plain)}\n`));
  await stream.readLine({ timeoutMs: 1_000 });
  const chunk = new Uint8Array(1_048_576).fill(0x20);
  const sending = (async () => {
    for (let sent = 0; sent < 5; sent += 1) await stream.write(chunk, { timeoutMs: 3_000 });
  })().catch(() => undefined);
  const outcome = await stream.readLine({ timeoutMs: 5_000 }).catch((error: unknown) => error);
  await sending;
  if (outcome instanceof Uint8Array) {
    assert.equal(numberOf(JSON.parse(new TextDecoder().decode(outcome)) as JsonObject), -31210);
  } else assert.equal((outcome as { code?: string } | undefined)?.code ?? "STREAM_RESET", "STREAM_RESET");
  assert.equal(node.state, "running");
});

test("a line is read to one of five kinds", () => {
  const kind = (text: string) => decodeMessage(text).kind;
  assert.equal(kind('{"jsonrpc":"2.0","id":1,"method":"a"}'), "request");
  assert.equal(kind('{"jsonrpc":"2.0","method":"a"}'), "notification");
  assert.equal(kind('{"jsonrpc":"2.0","id":1,"result":null}'), "result");
  assert.equal(kind('{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}'), "failure");
  assert.equal(kind('{"a":1}'), "unreadable");
});
