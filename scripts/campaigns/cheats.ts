/**
 * Nine ways to cheat in random auctions: each found by one who watched, convicted by one who did not.
 *
 *   npm run campaign:cheats -- [--seed 0] [--count 100]
 */

import { parseArgs } from "node:util";
import { dice } from "../../packages/energy/test/book-cases.ts";
import { checkCheat, cheats } from "../../packages/energy/test/cheat-cases.ts";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "0" }, count: { type: "string", default: "100" } },
});
const count = Number(values.count);
let missed = 0;
for (const [place, cheat] of cheats.entries()) {
  let found = 0;
  for (let time = 0; time < count; time += 1) {
    const seed = Number(values.seed) + 100_000 * place + time;
    try {
      checkCheat(cheat, dice(seed));
      found += 1;
    } catch (error) {
      console.error(`${cheat}, seed ${seed}:`, error);
    }
  }
  missed += count - found;
  console.log(`${cheat.padEnd(18)} ${found} of ${count} found, without a false alarm`);
}
process.exitCode = missed === 0 ? 0 : 1;
