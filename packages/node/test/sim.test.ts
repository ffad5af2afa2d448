import assert from "node:assert/strict";
import test from "node:test";
import { seededBugs } from "../src/testing/sim/bugs/index.ts";
import { simulate, simulateMany } from "../src/testing/sim/simulate.ts";

const SEEDS = 200;

/** The first seed that caught each mistake, and the invariant it broke there. */
const CAUGHT: Readonly<Record<string, { readonly seed: number; readonly invariant: string }>> = {
  "send-before-fsync": { seed: 1, invariant: "I6" },
  "answer-before-fsync": { seed: 109, invariant: "I6" },
  "fsync-error-retried": { seed: 1, invariant: "BOOT" },
  "frame-per-record": { seed: 61, invariant: "BOOT" },
  "rename-without-folder-fsync": { seed: 1, invariant: "BOOT" },
  "torn-tail-trusted": { seed: 1, invariant: "BOOT" },
  "replay-applies-twice": { seed: 2, invariant: "I11" },
  "no-dedupe": { seed: 1, invariant: "I6" },
  "nonce-cache-in-memory": { seed: 1, invariant: "I6" },
  "dedupe-by-nonce-only": { seed: 1, invariant: "I6" },
  "pay-per-message": { seed: 2, invariant: "ERROR" },
  "credit-twice": { seed: 1, invariant: "I11" },
  "no-sender-check": { seed: 5, invariant: "I6" },
  "no-amount-check": { seed: 5, invariant: "I7" },
  "no-hash-check": { seed: 5, invariant: "I6" },
  "epoch-ignored": { seed: 2, invariant: "I3" },
  "nack-releases-hold": { seed: 1, invariant: "I6" },
  "not-found-releases-hold": { seed: 1, invariant: "I6" },
  "new-id-on-retry": { seed: 1, invariant: "I8" },
  "reject-not-journaled": { seed: 1, invariant: "I6" },
  "partial-rest-lost": { seed: 1, invariant: "I4" },
  "rounding-differs": { seed: 1, invariant: "I8" },
  "fee-not-held": { seed: 1, invariant: "ERROR" },
  "reservation-sold-twice": { seed: 11, invariant: "I3" },
  "decision-forgotten-early": { seed: 1, invariant: "I6" },
  "buyer-releases-on-timeout": { seed: 9, invariant: "I6" },
  "expiry-by-buyer-clock": { seed: 1, invariant: "I6" },
  "void-by-clock": { seed: 1, invariant: "I7" },
};

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

test("a seed always tells the same story", async () => {
  const [first, second] = [await simulate(7), await simulate(7)];
  assert.deepEqual(first, second);
});

for (const bug of seededBugs) {
  const caught = CAUGHT[bug.name];
  test(`the simulator catches ${bug.name} at seed ${caught?.seed}`, async () => {
    assert(caught !== undefined, "no seed of this mistake is known");
    const { breach } = await simulate(caught.seed, bug);
    assert.equal(breach?.invariant, caught.invariant, breach?.what);
  });
}
