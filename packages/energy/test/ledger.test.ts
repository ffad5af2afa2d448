import assert from "node:assert/strict";
import { test } from "node:test";
import { dice } from "./book-cases.ts";
import { checkLedger } from "./ledger-cases.ts";

test("20,000 random records sum to 0, cancel between partners and make the same books when read again", () => {
  const { records, slots } = checkLedger(dice(1), 20_000);
  assert.ok(records >= 20_000 && slots > 300);
});
