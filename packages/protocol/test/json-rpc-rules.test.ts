import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  answerRpc,
  type JsonValue,
  ProtocolError,
  readRpc,
  type RpcRules,
  rpcRules,
} from "@gridmesh/protocol";

const methods = new Map<string, (params: JsonValue) => JsonValue>([
  ["sum", (params) => (params as number[]).reduce((a, b) => a + b, 0)],
  ["notify", () => "nobody reads this"],
]);

/** The answer, parsed; undefined when there is none. */
async function answered(text: string, rules: RpcRules = rpcRules.node): Promise<unknown> {
  const answer = await answerRpc(text, rules, (method, params) => {
    const known = methods.get(method);
    if (known === undefined) throw new ProtocolError("METHOD_NOT_FOUND", `no ${method}`);
    return known(params);
  });
  return answer === undefined ? undefined : JSON.parse(answer);
}

/** An answer as id and result, or id and the number of its error. */
const brief = (answer: unknown): unknown => {
  if (Array.isArray(answer)) return answer.map(brief);
  if (answer === undefined) return undefined;
  const { id, result, error } = answer as { id: unknown; result?: unknown; error?: { code: number } };
  return error === undefined ? { id, result } : { id, code: error.code };
};

const none = undefined;
const bad = (id: unknown, code = -32600) => ({ id, code });
const batch = `[{"jsonrpc":"2.0","method":"sum","params":[1,2,4],"id":"1"},
  {"jsonrpc":"2.0","method":"notify","params":[7]}, {"jsonrpc":"2.0","method":"sum","params":[42,-23],"id":"2"},
  {"foo":"boo"}, {"jsonrpc":"2.0","method":"unknown","params":{"a":"b"},"id":"5"},
  {"jsonrpc":"2.0","method":"sum","params":[],"id":9}]`;

const cases: readonly [name: string, text: string, expected: unknown, rules?: RpcRules][] = [
  ["a call has its result", '{"jsonrpc":"2.0","method":"sum","params":[1,2],"id":1}', { id: 1, result: 3 }],
  ["a notification has no answer", '{"jsonrpc":"2.0","method":"notify","params":[1]}', none],
  ["an unknown method is -32601", '{"jsonrpc":"2.0","method":"foo","id":"1"}', bad("1", -32601)],
  ["an unknown notification has no answer", '{"jsonrpc":"2.0","method":"foo"}', none],
  ["broken JSON is -32700", '{"jsonrpc":"2.0","method":"foobar,"params":"bar","baz]', bad(null, -32700)],
  ["a method that is no text is -32600", '{"jsonrpc":"2.0","method":1,"params":"bar"}', bad(null)],
  ["an empty batch is one -32600", "[]", bad(null)],
  ["a batch of one wrong thing is an array of one", "[1]", [bad(null)]],
  ["a batch of three wrong things is an array of three", "[1,2,3]", [bad(null), bad(null), bad(null)]],
  [
    "a mixed batch has an answer to all but its notification",
    batch,
    [{ id: "1", result: 7 }, { id: "2", result: 19 }, bad(null), bad("5", -32601), { id: 9, result: 0 }],
  ],
  ["a batch of notifications has no answer", '[{"jsonrpc":"2.0","method":"notify"}]', none],
  ["MCP has no id null", '{"jsonrpc":"2.0","method":"sum","params":{},"id":null}', bad(null), rpcRules.mcp],
  [
    "A2A answers the id null",
    '{"jsonrpc":"2.0","method":"notify","id":null}',
    { id: null, result: "nobody reads this" },
    rpcRules.a2a,
  ],
  ["an id of 1.5 is -32600", '{"jsonrpc":"2.0","method":"sum","id":1.5}', bad(null)],
  ["an id that is an object is -32600", '{"jsonrpc":"2.0","method":"sum","id":{}}', bad(null)],
  ["no jsonrpc is -32600 with the id", '{"method":"sum","params":[],"id":3}', bad(3)],
  [
    "params that are a text are -32600 with the id",
    '{"jsonrpc":"2.0","method":"sum","params":"x","id":4}',
    bad(4),
  ],
  ["params null are -32600 with the id", '{"jsonrpc":"2.0","method":"sum","params":null,"id":5}', bad(5)],
  ["__proto__ is no method", '{"jsonrpc":"2.0","method":"__proto__","id":6}', bad(6, -32601)],
  ["toString is no method", '{"jsonrpc":"2.0","method":"toString","id":7}', bad(7, -32601)],
];

for (const [name, text, expected, rules] of cases) {
  test(`JSON-RPC: ${name}`, async () => {
    assert.deepEqual(brief(await answered(text, rules)), expected);
  });
}

test("a batch is bounded, has each id once, and is none of MCP's", async () => {
  const calls = (count: number, id = (n: number) => n) =>
    JSON.stringify(
      Array.from({ length: count }, (_u, n) => ({ jsonrpc: "2.0", method: "sum", params: [n], id: id(n) })),
    );
  assert.equal((brief(await answered(calls(50))) as unknown[]).length, 50);
  assert.deepEqual(brief(await answered(calls(51))), bad(null));
  assert.deepEqual(brief(await answered(calls(2, () => 8))), [{ id: 8, result: 0 }, bad(8)]);
  assert.deepEqual(brief(await answered(calls(1), rpcRules.mcp)), bad(null));
});

test('an id keeps its type: 1 is not "1", and neither is longer than it may be', async () => {
  assert.deepEqual(brief(await answered('{"jsonrpc":"2.0","method":"sum","params":[],"id":"1"}')), {
    id: "1",
    result: 0,
  });
  const long = JSON.stringify({ jsonrpc: "2.0", method: "sum", params: [], id: "x".repeat(257) });
  assert.deepEqual(brief(await answered(long)), bad(null));
  assert.deepEqual(
    brief(await answered('{"jsonrpc":"2.0","method":"sum","params":[],"id":9007199254740993}')),
    bad(null),
  );
});

test("an error of the method is the answer, and no notification's error is told", async () => {
  const failing = () => Promise.reject(new ProtocolError("INVALID_PARAMS", "no"));
  const call = '{"jsonrpc":"2.0","method":"x","id":1}';
  assert.equal(JSON.parse((await answerRpc(call, rpcRules.mcp, failing)) ?? "").error.code, -32602);
  assert.equal(await answerRpc('{"jsonrpc":"2.0","method":"x"}', rpcRules.mcp, failing), undefined);
});

test("any JSON is read to one of four kinds, whatever the rules", () => {
  const parts = { jsonrpc: fc.constantFrom("2.0", "1.0", 2), id: fc.jsonValue(), method: fc.jsonValue() };
  const more = { params: fc.jsonValue(), result: fc.jsonValue(), error: fc.jsonValue() };
  const near = fc.record({ ...parts, ...more }, { requiredKeys: [] });
  fc.assert(
    fc.property(
      fc.oneof(near, fc.jsonValue()),
      fc.constantFrom(...Object.values(rpcRules)),
      (value, rules) => {
        const reading = readRpc(value as JsonValue, rules);
        assert.ok(["request", "notification", "answer", "invalid"].includes(reading.kind));
        if (reading.kind === "request") assert.ok(reading.id !== null || rules.nullId);
      },
    ),
  );
});
