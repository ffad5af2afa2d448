/**
 * Nine ways to cheat in random auctions: each found by one who watched, convicted by one who did not.
 *
 *   npm run campaign:cheats -- [--seed 0] [--count 100]
 */

import { parseArgs } from "node:util";
import { cheatExperiment } from "@gridmesh/energy";
import { auction, stranger, traders } from "../../packages/energy/test/auction-cases.ts";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "0" }, count: { type: "string", default: "100" } },
});
const times = Number(values.count);
const rows = cheatExperiment({ auction, traders, stranger, seed: Number(values.seed), times });
for (const { kind, found, falseAlarms } of rows)
  console.log(`${kind.padEnd(18)} ${found} of ${times} found, ${falseAlarms} false alarms`);
process.exitCode = rows.every(({ found, falseAlarms }) => found === times && falseAlarms === 0) ? 0 : 1;
