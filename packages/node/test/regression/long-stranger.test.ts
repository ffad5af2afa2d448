import assert from "node:assert/strict";
import { test } from "node:test";
import { createStrangers } from "../../src/link/strangers.ts";
import { ManualClock } from "../manual-clock.ts";

test("a stranger's words for its network are kept short", () => {
  const strangers = createStrangers(new ManualClock());
  for (let n = 0; n < 300; n += 1) strangers.met(`peer${n}`, "x".repeat(60_000));
  const kept = [...strangers.recent().values()].reduce((sum, text) => sum + text.length, 0);
  assert.ok(kept <= 256 * 200, `${kept} characters`);
});
