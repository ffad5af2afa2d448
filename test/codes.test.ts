/** Every code that can be met is provoked by a test, and a code that nothing raises yet is known to be one. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { errorTable, fromErrorResponse } from "@gridmesh/protocol";

const ROOT = resolve(dirnameOf(import.meta.url), "..");

/** Of rooms that are not there yet; whoever raises one takes it off this list and brings its test. */
const NOT_RAISED: ReadonlySet<string> = new Set([
  "TASK_NOT_FOUND",
  "TASK_ID_CONFLICT",
  "TASK_REJECTED",
  "INSUFFICIENT_RESOURCES",
  "ILLEGAL_TRANSITION",
  "STALE_EPOCH",
  "LEASE_EXPIRED",
  "DEADLINE_EXCEEDED",
  "TASK_CANCELLED",
  "TASK_EXECUTION_FAILED",
  "EXECUTION_TIMEOUT",
  "QUEUE_TIMEOUT",
  "ATTEMPTS_EXHAUSTED",
  "EXECUTOR_RESTARTED",
  "BID_EXPIRED",
  "RECEIPT_INVALID",
  "CALLBACK_REFUSED",
  "DATA_NOT_FOUND",
  "DATA_FORBIDDEN",
  "GRANT_EXPIRED",
  "CHECKSUM_MISMATCH",
  "TRANSFER_STALLED",
  "DATA_TOO_LARGE",
  "STORAGE_FULL",
  "CID_UNSUPPORTED",
  "DECRYPTION_FAILED",
  "TIER_WRONG",
  "SETTLEMENT_DISPUTED",
]);

/** What a test of the code says where it does not name the code itself: Beckn's own names, an outcome. */
const PROVOKED_AS: Readonly<Record<string, string>> = {
  MARKET_CLOSED: "nothing is asked for once the gate is closed",
  ORDER_IN_DOUBT: '"in_doubt"',
  BECKN_TTL_EXPIRED: "CTX_TTL_EXPIRED",
  BECKN_ACTION_UNEXPECTED: "CTX_TRANSACTION_ID_UNKNOWN",
  BECKN_CALLBACK_MISSING: "a seller that never answers leaves time for the next in rank",
  BECKN_SUBSCRIBER_UNKNOWN: "AUT_SUBSCRIBER_NOT_FOUND",
};

function dirnameOf(url: string): string {
  return fileURLToPath(new URL(".", url));
}

/** The text of every TypeScript file below a folder of each package. */
function textOf(folder: "src" | "test"): string {
  const left = new Set(["error-table.ts", "errors.test.ts"]);
  return readdirSync(join(ROOT, "packages"))
    .flatMap((name) =>
      readdirSync(join(ROOT, "packages", name), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name === folder)
        .flatMap(() =>
          readdirSync(join(ROOT, "packages", name, folder), { recursive: true, withFileTypes: true }),
        ),
    )
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !left.has(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

const sources = textOf("src");
const tests = textOf("test");
const names = (text: string, code: string) => new RegExp(`\\b${code}\\b`).test(text);

test("every code that is raised is provoked by a test", () => {
  const unproven = Object.keys(errorTable)
    .filter((code) => !NOT_RAISED.has(code))
    .filter((code) => !names(tests, code) && !tests.includes(PROVOKED_AS[code] ?? code));
  assert.deepEqual(unproven, []);
});

test("every code that is not raised yet is raised nowhere, and every other one is somewhere", () => {
  const raised = (code: string) => new RegExp(`ProtocolError\\(\\s*"${code}"`).test(sources);
  assert.deepEqual(
    [...NOT_RAISED].filter((code) => raised(code)),
    [],
  );
  const absent = Object.keys(errorTable).filter((code) => !NOT_RAISED.has(code) && !names(sources, code));
  assert.deepEqual(absent, []);
});

test("a code that nothing raises here can still be told by a peer", () => {
  for (const code of NOT_RAISED) {
    const entry = Object.values(errorTable).find((one) => one.code === code);
    assert.ok(entry, code);
    const told = fromErrorResponse({
      error_code: code,
      error_number: entry.number,
      error_message: "",
      original_message_id: null,
      retry_possible: entry.retryable,
      suggested_action: entry.action,
    });
    assert.equal(told.code, code);
  }
});
