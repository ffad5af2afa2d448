import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  isProtocolError,
  type JsonValue,
  ProtocolError,
  readRpcMessage,
  rpcFailure,
  rpcNotification,
  rpcRequest,
  rpcResult,
} from "@gridmesh/protocol";

test("the four kinds are told apart and keep the value and type of their id", () => {
  assert.deepEqual(readRpcMessage(rpcRequest("1", "tools/list", { a: 1 })), {
    kind: "request",
    id: "1",
    method: "tools/list",
    params: { a: 1 },
  });
  assert.deepEqual(readRpcMessage(rpcRequest(1, "ping")), { kind: "request", id: 1, method: "ping" });
  assert.deepEqual(readRpcMessage(rpcNotification("x")), { kind: "notification", method: "x" });
  assert.deepEqual(readRpcMessage(rpcResult(0, null)), { kind: "result", id: 0, result: null });
  const failure = readRpcMessage(rpcFailure(null, new ProtocolError("PARSE_ERROR", "no JSON")));
  assert.ok(failure.kind === "error" && failure.error.code === -32700 && failure.id === null);
});

test("anything else is INVALID_REQUEST", () => {
  const bad: readonly JsonValue[] = [
    null,
    [],
    [rpcRequest(1, "x")],
    { id: 1, method: "x" },
    { jsonrpc: "1.0", id: 1, method: "x" },
    { jsonrpc: "2.0", id: null, method: "x" },
    { jsonrpc: "2.0", id: 1.5, method: "x" },
    { jsonrpc: "2.0", id: {}, method: "x" },
    { jsonrpc: "2.0", id: 1, method: 7 },
    { jsonrpc: "2.0", id: 1, method: "" },
    { jsonrpc: "2.0", id: 1, method: "x", params: "y" },
    { jsonrpc: "2.0", id: 1 },
    { jsonrpc: "2.0", id: 1, result: 1, error: { code: 1, message: "" } },
    { jsonrpc: "2.0", id: 1, error: { code: "1", message: "" } },
    { jsonrpc: "2.0", id: 1, error: { code: 1 } },
    { jsonrpc: "2.0", result: 1 },
  ];
  for (const it of bad)
    assert.throws(() => readRpcMessage(it), { code: "INVALID_REQUEST" }, JSON.stringify(it));
});

test("any JSON is one of the four or an error of the table", () => {
  const near = fc.record(
    {
      jsonrpc: fc.constant("2.0"),
      id: fc.jsonValue(),
      method: fc.jsonValue(),
      params: fc.jsonValue(),
      result: fc.jsonValue(),
      error: fc.jsonValue(),
    },
    { requiredKeys: ["jsonrpc"] },
  );
  fc.assert(
    fc.property(near, (value) => {
      try {
        readRpcMessage(value as JsonValue);
      } catch (error) {
        assert.ok(isProtocolError(error));
      }
    }),
  );
});
