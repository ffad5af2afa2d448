import assert from "node:assert/strict";
import test from "node:test";
import { seededBugs } from "../src/testing/sim/bugs/index.ts";
import { firstCaught, simulate, simulateMany } from "../src/testing/sim/simulate.ts";

const SEEDS = 150;

/** A seed that catches each mistake; whoever changes what a seed draws finds another within 200. */
const CAUGHT: Readonly<Record<string, number>> = {
  "send-before-fsync": 1,
  "answer-before-fsync": 27,
  "older-record-awaited": 5,
  "fsync-error-retried": 2,
  "frame-per-record": 20,
  "rename-without-folder-fsync": 1,
  "torn-tail-trusted": 2,
  "snapshot-before-fsync": 37,
  "replay-applies-twice": 1,
  "no-dedupe": 1,
  "nonce-cache-in-memory": 1,
  "dedupe-by-nonce-only": 1,
  "pay-per-message": 1,
  "credit-twice": 1,
  "void-after-deliver": 2,
  "no-sender-check": 8,
  "no-amount-check": 1,
  "no-hash-check": 13,
  "epoch-ignored": 9,
  "nack-releases-hold": 1,
  "not-found-releases-hold": 1,
  "new-id-on-retry": 1,
  "reject-not-journaled": 1,
  "partial-rest-lost": 1,
  "rounding-differs": 1,
  "fee-not-held": 1,
  "reservation-sold-twice": 18,
  "decision-forgotten-early": 1,
  "buyer-releases-on-timeout": 7,
  "expiry-by-buyer-clock": 1,
  "void-by-clock": 1,
};
const WITHIN = 200;

test(`no invariant breaks in ${SEEDS} seeded days of trade with crashes, cuts, lies and lost messages`, async () => {
  const broken: string[] = [];
  const { counts } = await simulateMany({ seed: 1, count: SEEDS }, ({ seed, breach }) => {
    if (breach === undefined) return;
    broken.push(`seed ${seed}, event ${breach.event}: ${breach.invariant} ${breach.what}`);
  });
  assert.deepEqual(broken, []);
  assert(counts.orders >= SEEDS * 25, `${counts.orders} orders`);
  assert(counts.crashes >= SEEDS * 7.5, `${counts.crashes} crashes`);
  assert(counts.partitions >= SEEDS, `${counts.partitions} partitions`);
  for (const [what, count] of Object.entries(counts)) assert(count > 0, `no ${what}`);
});

test("thirty nodes cut in two release nothing wrongly, and agree within 370 s of being whole again", async () => {
  const plan = { nodes: 30, orders: 300, halves: true, partition: 0, oneWay: false };
  const { breach, counts } = await simulate(30, { plan });
  assert.equal(breach, undefined);
  assert(
    counts.orders >= 150 && counts.settled >= 50,
    `${counts.settled} of ${counts.orders} orders settled`,
  );
  assert(counts.dropped > 0 && counts.partitions === 1);
});

test("a seed always tells the same story", async () => {
  const [first, second] = [await simulate(7), await simulate(7)];
  assert.deepEqual(first, second);
});

for (const bug of seededBugs) {
  const seed = CAUGHT[bug.name];
  test(`the simulator catches ${bug.name}, as in seed ${seed}`, async () => {
    assert(seed !== undefined, "no seed of this mistake is known");
    const caught = await firstCaught(bug, { seed, count: WITHIN });
    assert(caught !== undefined, `not caught in ${WITHIN} seeds`);
  });
}
