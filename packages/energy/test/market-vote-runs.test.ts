/** The short form of `npm run campaign:votes`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { voteBugs } from "./votes/bugs.ts";
import { addCounts, simulateVote } from "./votes/simulate.ts";
import { noCounts } from "./votes/world.ts";

test("slots of 4 to 31 agents end, and in one way, whatever network, disks, clocks and a third of liars do", () => {
  const sum = noCounts();
  for (let seed = 1; seed <= 60; seed += 1) {
    const { breach, counts } = simulateVote(seed);
    assert.equal(breach, undefined, `seed ${seed}`);
    addCounts(sum, counts);
  }
  assert.ok(sum.final > 20 && sum.void > 8 && sum.crashes > 20 && sum.lost > 1_000, JSON.stringify(sum));
});

test("of the mistakes put into the vote most are found within few slots", () => {
  const found = voteBugs.filter((bug) => {
    for (let seed = 1; seed <= 8; seed += 1)
      if (simulateVote(seed, { bug }).breach !== undefined) return true;
    return false;
  });
  assert.ok(found.length >= 15, `${found.length} of ${voteBugs.length}`);
});

test("two ends take more liars than may be borne, and signatures convict more than that many", () => {
  let split = 0;
  for (let seed = 1; seed <= 40; seed += 1) {
    const { breach, convicted, plan } = simulateVote(seed, { overrun: true });
    for (const id of convicted)
      assert.ok(plan.liars[Number(id.slice(-2))] !== undefined, `seed ${seed}: ${id}`);
    if (breach?.invariant !== "agreement") continue;
    split += 1;
    assert.ok(convicted.size > Math.floor((plan.n - 1) / 3), `seed ${seed}`);
  }
  assert.ok(split > 1, `${split} slots split`);
});
