/**
 * Seeded days of trade over real desks and journals, with everything that may go wrong on network, disk and clock;
 * every invariant of the ledger holds, or the seed that breaks it is printed and repeats it.
 *
 *   npm run campaign:trade -- [--seed 1] [--count 20000] [--bug <name>|all]
 *
 * With --bug a known mistake is put into the desks: the run ends well when it was caught.
 */

import { parseArgs } from "node:util";
import { findBug, seededBugs } from "../../packages/node/src/testing/sim/bugs/index.ts";
import { firstCaught, simulateMany } from "../../packages/node/src/testing/sim/simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string" },
    bug: { type: "string" },
  },
});
const seed = Number(values.seed);
const count = Number(values.count ?? (values.bug === undefined ? 20_000 : 200));

if (values.bug === undefined) await showTrade();
else await showBugs(values.bug === "all" ? seededBugs : [findBug(values.bug)]);

async function showTrade(): Promise<void> {
  const started = process.cpuUsage();
  const { counts, broken } = await simulateMany({ seed, count }, ({ seed: at, breach, plan }) => {
    if (breach === undefined) return;
    console.log(`seed ${at} breaks ${breach.invariant} at event ${breach.event}: ${breach.what}`);
    console.log(`  drawn: ${JSON.stringify(plan)}`);
  });
  const { user, system } = process.cpuUsage(started);
  const cpuS = (user + system) / 1e6;
  console.log(
    `seeds ${seed} … ${seed + count - 1}: ${broken} broken, ${cpuS.toFixed(1)} s of processor time`,
  );
  for (const [what, number] of Object.entries(counts)) console.log(`${what.padEnd(20)}${number}`);
  if (broken > 0) process.exitCode = 1;
}

async function showBugs(bugs: readonly (typeof seededBugs)[number][]): Promise<void> {
  let caught = 0;
  for (const bug of bugs) {
    const result = await firstCaught(bug, { seed, count });
    if (result?.breach === undefined) {
      console.log(`${bug.name.padEnd(30)}not caught in ${count} seeds`);
      continue;
    }
    caught += 1;
    const { invariant, event, what } = result.breach;
    console.log(`${bug.name.padEnd(30)}seed ${result.seed}, event ${event}: ${invariant} ${what}`);
  }
  console.log(`${caught} of ${bugs.length} seeded bugs caught`);
  if (caught < bugs.length) process.exitCode = 1;
}
