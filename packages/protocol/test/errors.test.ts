import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type ErrorCode,
  errorResponseOf,
  errorTable,
  exitCodeOf,
  forPeer,
  fromErrorResponse,
  fromRpcError,
  isErrorCode,
  isProtocolError,
  ProtocolError,
  toProtocolError,
  toRpcError,
  verdictOf,
} from "@gridmesh/protocol";

const entries = Object.values(errorTable);
const JSON_RPC = [-32700, -32600, -32601, -32602, -32603];

test("every code and every number is there once and in range", () => {
  assert.equal(new Set(entries.map(({ number }) => number)).size, entries.length);
  for (const { code, number, meaning } of entries) {
    assert.match(code, /^[A-Z][A-Z0-9_]+$/);
    assert.ok(JSON_RPC.includes(number) || (number <= -31_000 && number >= -31_799), `${code} ${number}`);
    assert.match(meaning, /^\S.*\.$/);
  }
});

test("these numbers never change", () => {
  const pinned: readonly [ErrorCode, number][] = [
    ["METHOD_NOT_FOUND", -32601],
    ["PEER_UNREACHABLE", -31000],
    ["AGENT_NOT_FOUND", -31003],
    ["CALL_TIMEOUT", -31006],
    ["SIGNATURE_INVALID", -31103],
    ["MESSAGE_REPLAYED", -31107],
    ["FRAME_TOO_LARGE", -31210],
    ["RATE_LIMITED", -31212],
    ["ORDER_NOT_FOUND", -31504],
    ["FUNDS_INSUFFICIENT", -31509],
    ["SLOT_INVALID", -31519],
    ["BECKN_SIGNATURE_INVALID", -31551],
    ["RECORD_INVALID", -31600],
    ["JOURNAL_DAMAGED", -31706],
  ];
  for (const [code, number] of pinned) assert.equal(errorTable[code].number, number);
  assert.equal(entries.length, 122);
});

test("exactly these codes leave open whether the work happened", () => {
  const executed = entries.filter((entry) => entry.executed).map(({ code }) => code);
  assert.deepEqual(executed.toSorted(), [
    "AGENT_CRASHED",
    "ATTEMPTS_EXHAUSTED",
    "CALL_CANCELLED",
    "CALL_TIMEOUT",
    "EXECUTION_TIMEOUT",
    "EXECUTOR_RESTARTED",
    "HANDLER_FAILED",
    "INTERNAL_ERROR",
    "STREAM_RESET",
    "TASK_CANCELLED",
    "TASK_EXECUTION_FAILED",
    "UPSTREAM_FAILED",
    "VERIFICATION_FAILED",
  ]);
});

test("gossip rejects only what every honest relay saw as wrong", () => {
  for (const code of ["SIGNATURE_INVALID", "MESSAGE_MALFORMED", "CHECKSUM_MISMATCH"] as const) {
    assert.equal(verdictOf(code), "reject");
  }
  for (const code of ["MESSAGE_STALE", "MESSAGE_REPLAYED", "EQUIVOCATION", "TYPE_UNKNOWN"] as const) {
    assert.equal(verdictOf(code), "ignore");
  }
});

test("every code survives JSON-RPC with its data", () => {
  for (const { code, retryable } of entries) {
    const rpc = toRpcError(new ProtocolError(code, "why", { data: { retry_after_ms: 5 } }));
    assert.equal(rpc.code, errorTable[code].number);
    const back = fromRpcError(JSON.parse(JSON.stringify(rpc)));
    assert.equal(back.code, code);
    assert.equal(back.retryable, retryable);
    assert.equal(back.message, "why");
    assert.deepEqual(back.data, { retry_after_ms: 5 });
  }
});

test("a foreign error passes through untouched", () => {
  const foreign = { code: -32042, message: "needs a page", data: { url: "https://a.example" } };
  const error = fromRpcError(foreign);
  assert.equal(error.code, "HANDLER_FAILED");
  assert.equal(error.retryable, false);
  assert.deepEqual(toRpcError(error), foreign);
});

test("anything at all reads as an error of the table", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      assert.ok(isErrorCode(fromRpcError(value).code));
      assert.ok(isErrorCode(toProtocolError(value, "UPSTREAM_FAILED").code));
    }),
  );
  assert.equal(isErrorCode("toString"), false);
});

test("a foreign throw gets its code at the seam, a broken invariant is our bug", () => {
  const cause = new Error("socket gone");
  const error = toProtocolError(cause, "STREAM_RESET");
  assert.equal(error.code, "STREAM_RESET");
  assert.equal(error.cause, cause);
  assert.equal(toProtocolError(error, "INTERNAL_ERROR"), error);
  const broken = new assert.AssertionError({ message: "must not be" });
  assert.equal(toProtocolError(broken, "STREAM_RESET").code, "INTERNAL_ERROR");
});

test("what is local stays at home", () => {
  for (const { code, number } of entries) {
    const shown = forPeer(new ProtocolError(code, "/home/someone/key: mode 0644"));
    const local = number <= -31_700 && number >= -31_799;
    const allowed = ["INTERNAL_ERROR", "AGENT_UNAVAILABLE", "AGENT_CRASHED"];
    assert.equal(local ? allowed.includes(shown.code) : shown.code === code, true);
    if (local) assert.doesNotMatch(shown.message, /someone/);
  }
});

test("a bug's text, stacks and half characters never leave", () => {
  const bug = toProtocolError(new Error("ENOENT /home/someone/key"), "INTERNAL_ERROR");
  assert.doesNotMatch(errorResponseOf(bug, null).error_message, /someone/);
  const stack = new ProtocolError("HANDLER_FAILED", "no luck\n    at /home/someone/a.ts:1");
  assert.equal(toRpcError(stack).message, "no luck");
  const cut = new ProtocolError("HANDLER_FAILED", `${"x".repeat(499)}😀`);
  assert.ok(toRpcError(cut).message.isWellFormed());
});

test("an error_response carries the error and reads back as it", () => {
  const error = new ProtocolError("RATE_LIMITED", "x".repeat(600), { data: { retry_after_ms: 7.2, now: 3 } });
  const response = errorResponseOf(error, null);
  assert.equal(response.error_number, -31212);
  assert.equal(response.error_message.length, 500);
  assert.equal(response.retry_after_ms, 8);
  assert.equal(response.suggested_action, "retry_later");
  const back = fromErrorResponse(response);
  assert.equal(back.code, "RATE_LIMITED");
  assert.deepEqual(back.data, { now: 3, retry_after_ms: 8 });
  const unknown = fromErrorResponse({ ...response, error_code: "MOON_PHASE", retry_possible: true });
  assert.equal(unknown.code, "HANDLER_FAILED");
  assert.equal(unknown.retryable, false);
  assert.match(unknown.message, /MOON_PHASE/);
});

test("programs end with the exit code of the error", () => {
  const codes: readonly [ErrorCode, number][] = [
    ["CONFIG_INVALID", 2],
    ["ADDRESS_INVALID", 2],
    ["NOT_RUNNING", 3],
    ["PEER_NOT_FOUND", 4],
    ["ORDER_NOT_FOUND", 4],
    ["NO_PROVIDER", 4],
    ["CALL_TIMEOUT", 5],
    ["UNAUTHORIZED", 6],
    ["CONTROL_UNAUTHORIZED", 6],
    ["ORDER_REJECTED", 6],
    ["SPEND_LIMIT", 6],
    ["DISK_FAILED", 1],
  ];
  for (const [code, exit] of codes) assert.equal(exitCodeOf(code), exit, code);
});

test("a ProtocolError knows itself", () => {
  const error = new ProtocolError("NO_PROVIDER", "none");
  assert.ok(isProtocolError(error) && error instanceof Error);
  assert.equal(error.name, "ProtocolError");
  assert.equal(isProtocolError(new Error("none")), false);
});

test("what is thrown without a text of its own still becomes an error of the table", () => {
  for (const thrown of [{ toString: 0 }, Object.create(null), Symbol("s"), undefined]) {
    assert.equal(toProtocolError(thrown, "HANDLER_FAILED").code, "HANDLER_FAILED");
  }
});
