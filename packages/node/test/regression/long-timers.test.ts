import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/clock.ts";

const DAY_MS = 86_400_000;

test("a timer or sleep of thirty days does not end at once", async () => {
  const clock = systemClock();
  let rung = 0;
  const timer = clock.timer(30 * DAY_MS, () => (rung += 1));
  const end = new AbortController();
  const slept = clock.sleep(30 * DAY_MS, end.signal).then(
    () => "slept",
    () => "woken",
  );
  // What the runtime cannot count it rounds down to a millisecond.
  await clock.sleep(20);
  assert.equal(rung, 0);
  end.abort(new Error("enough"));
  assert.equal(await slept, "woken");
  timer[Symbol.dispose]();
});
