/**
 * Random ledger records: sums of 0, partners that cancel, and the same books when the journal is read again.
 *
 *   npm run campaign:ledger -- [--seed 0] [--count 1000000]
 */

import { parseArgs } from "node:util";
import { dice } from "../../packages/energy/test/book-cases.ts";
import { checkLedger } from "../../packages/energy/test/ledger-cases.ts";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "0" }, count: { type: "string", default: "1000000" } },
});

/** Journals of this length, so that none of them is held whole for long. */
const PART = 50_000;
const wanted = Number(values.count);
const startedMs = performance.now();
const seen = { records: 0, slots: 0 };
for (let seed = Number(values.seed); seen.records < wanted; seed += 1) {
  const { records, slots } = checkLedger(dice(seed), Math.min(PART, wanted - seen.records));
  seen.records += records;
  seen.slots += slots;
}
const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
console.log(`ledger records   ${seen.records} in ${seen.slots} slots, ${seconds} s`);
console.log(
  "  every record and every book sums to 0, partners cancel, the journal read again makes the same books",
);
