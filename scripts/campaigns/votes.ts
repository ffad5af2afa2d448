/**
 * Seeded slots among 4 to 31 agents: crashes that forget what was not journaled, partitions, loss, doubles, late
 * returns, clocks a minute off, up to a third of liars. No agent acts on FINAL while another acts on VOID or another
 * result, every slot ends, and no honest agent can be convicted; or the seed that breaks it is printed and repeats it.
 *
 *   npm run campaign:votes -- [--seed 1] [--count 20000] [--bug <name>|all [--only agreement]] [--overrun]
 *
 * With --bug a known mistake is put into the agents: the run ends well when it was found; with
 * --only agreement it counts only when two agents acted on different ends. With --overrun there are more
 * liars than may be borne: slots may split, and for each that does signatures must convict more than ⌊(n − 1)/3⌋.
 */

import { parseArgs } from "node:util";
import { voteBugs } from "../../packages/energy/test/votes/bugs.ts";
import { addCounts, simulateVote } from "../../packages/energy/test/votes/simulate.ts";
import { noCounts } from "../../packages/energy/test/votes/world.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string" },
    bug: { type: "string" },
    only: { type: "string" },
    overrun: { type: "boolean", default: false },
  },
});
const seed = Number(values.seed);
const count = Number(values.count ?? (values.bug === undefined ? 20_000 : 200));

const only = values.only === "agreement" ? "agreement" : undefined;

if (values.bug !== undefined) showBugs(values.bug);
else if (values.overrun) showOverrun();
else showVotes();

function showVotes(): void {
  const started = process.cpuUsage();
  const sum = noCounts();
  let broken = 0;
  for (let at = seed; at < seed + count; at += 1) {
    const { breach, counts, plan } = simulateVote(at);
    addCounts(sum, counts);
    if (breach === undefined) continue;
    broken += 1;
    console.log(`seed ${at} breaks ${breach.message}`);
    console.log(`  drawn: ${JSON.stringify(plan)}`);
  }
  const { user, system } = process.cpuUsage(started);
  console.log(
    `seeds ${seed} … ${seed + count - 1}: ${broken} broken, ${((user + system) / 1e6).toFixed(1)} s of processor time`,
  );
  for (const [what, number] of Object.entries(sum)) console.log(`${what.padEnd(20)}${number}`);
  if (broken > 0) process.exitCode = 1;
}

function showBugs(name: string): void {
  const bugs = name === "all" ? voteBugs : voteBugs.filter((bug) => bug.name === name);
  if (bugs.length === 0)
    throw new RangeError(`no bug "${name}"; there are: ${voteBugs.map((bug) => bug.name).join(", ")}`);
  let found = 0;
  for (const bug of bugs) {
    let told = `not found in ${count} seeds`;
    for (let at = seed; at < seed + count; at += 1) {
      const { breach } = simulateVote(at, { bug, only });
      if (breach === undefined) continue;
      found += 1;
      told = `seed ${at}: ${breach.message}`;
      break;
    }
    console.log(`${bug.name.padEnd(24)}${told}`);
  }
  console.log(`${found} of ${bugs.length} seeded bugs found`);
  if (found < bugs.length) process.exitCode = 1;
}

function showOverrun(): void {
  let split = 0;
  let unproven = 0;
  for (let at = seed; at < seed + count; at += 1) {
    const { breach, convicted, plan } = simulateVote(at, { overrun: true });
    if (breach?.invariant !== "agreement") continue;
    split += 1;
    if (convicted.size > Math.floor((plan.n - 1) / 3)) continue;
    unproven += 1;
    console.log(`seed ${at}: ${plan.n} on the roll, ${convicted.size} convicted`);
  }
  console.log(
    `${count} slots with too many liars: ${split} split, ${split - unproven} of them with convictions`,
  );
  if (unproven > 0) process.exitCode = 1;
}
