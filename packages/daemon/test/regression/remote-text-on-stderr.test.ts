import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "@gridmesh/protocol";
import { durationMs } from "../../src/cli/invocation.ts";
import { reportError } from "../../src/cli/report-error.ts";
import { memoryIo } from "../memory-io.ts";

test("an error of a remote agent cannot move the terminal's cursor", () => {
  const io = memoryIo();
  reportError(new ProtocolError("HANDLER_FAILED", "a\u001b[2J\u009b31m\nfake line\u0007"), io, {
    json: false,
    line: {},
  });
  assert.match(io.stderr(), /^HANDLER_FAILED a/);
  assert.doesNotMatch(io.stderr().trimEnd(), /\p{Cc}/u);
});

test("a length of time no timer can hold is refused, not taken as none", () => {
  assert.throws(() => durationMs("600h"), /too long/);
  assert.throws(() => durationMs("999999999h"), /too long/);
  assert.equal(durationMs("24h"), 86_400_000);
});
