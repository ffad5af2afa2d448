/** Who waited for its turn at a slow peer waited without end, and was sent when nobody asked any more. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Lanes } from "../../src/beckn/lanes.ts";

const never = new AbortController().signal;

test("what waits for its turn leaves with its deadline, never runs, and takes nobody's place", async () => {
  const lanes = new Lanes();
  const turns: (() => void)[] = [];
  const busy = Array.from({ length: 8 }, () =>
    lanes.run("slow", () => new Promise<void>((resolve) => turns.push(resolve)), never),
  );
  const deadline = new AbortController();
  let late = 0;
  const waiting = lanes.run("slow", async () => void (late += 1), deadline.signal);
  const next = lanes.run("slow", () => Promise.resolve("next"), never);
  const reason = new Error("over");
  deadline.abort(reason);
  await assert.rejects(waiting, reason);
  for (const turn of turns) turn();
  await Promise.all(busy);
  assert.equal(await next, "next");
  assert.equal(late, 0);
});
