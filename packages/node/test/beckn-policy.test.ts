import assert from "node:assert/strict";
import { test } from "node:test";
import { createPolicy } from "../src/beckn/policy.ts";
import { ManualClock } from "./manual-clock.ts";

test("a counterparty has 256 transactions open at a time, and others are not counted with it", async () => {
  const clock = new ManualClock();
  const policy = createPolicy(clock);
  for (let index = 0; index < 256; index += 1) policy.open(`t${index}`, "home");
  assert.throws(() => policy.open("one more", "home"), { code: "RATE_LIMITED" });
  policy.open("t7", "home");
  policy.open("one more", "neighbour");
  // What nothing was said in for a minute is over.
  await clock.advance(60_001);
  policy.open("one more", "home");
});

test("a transaction holds 64 messages of one signer", () => {
  const policy = createPolicy(new ManualClock());
  for (let index = 0; index < 64; index += 1) policy.count("t", "home");
  assert.throws(() => policy.count("t", "home"), { code: "RATE_LIMITED" });
  policy.count("t", "neighbour");
});
