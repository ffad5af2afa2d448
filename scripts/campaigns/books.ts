/**
 * Random order books: what every clearing promises, checked on each.
 *
 *   npm run campaign:books -- [--seed 0] [--count 20000] [--lies 6000]     a book's number repeats it alone
 */

import { parseArgs } from "node:util";
import { checkAreas } from "../../packages/energy/test/area-cases.ts";
import {
  checkOthers,
  checkTradeReduction,
  checkUniform,
  dice,
  type Dice,
  randomBook,
  truthfulBook,
} from "../../packages/energy/test/book-cases.ts";
import { checkTape } from "../../packages/energy/test/tape-cases.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "0" },
    count: { type: "string", default: "20000" },
    lies: { type: "string", default: "6000" },
  },
});

const firstSeed = Number(values.seed);

function run(count: number, check: (roll: Dice) => void): string {
  const startedMs = performance.now();
  for (let seed = firstSeed; seed < firstSeed + count; seed += 1) {
    try {
      check(dice(seed));
    } catch (error) {
      console.error(`book ${seed} fails; again: npm run campaign:books -- --seed ${seed} --count 1 --lies 1`);
      throw error;
    }
  }
  return `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`;
}

const plain = { trades: 0, netted: 0 };
const least = { trades: 0, removed: 0 };
const reduction = { lies: 0, trades: 0 };
const count = Number(values.count);

const plainTook = run(count, (roll) => {
  const { trades, netted } = checkUniform(randomBook(roll), roll);
  plain.trades += trades;
  plain.netted += netted;
});
console.log(`books                    ${count} from seed ${firstSeed}, ${plainTook}`);
console.log(`  same bytes, sums, price interval, efficiency 1.000, netted least: all hold`);
console.log(`  trades ${plain.trades}, books with something netted ${plain.netted}`);

const leastTook = run(count, (roll) => {
  const { trades, removed } = checkUniform(randomBook(roll, true), roll);
  least.trades += trades;
  least.removed += removed;
});
console.log(
  `books with least fills   ${count}, ${leastTook}: trades ${least.trades}, left out ${least.removed}`,
);

const otherTook = run(count, (roll) => checkOthers(randomBook(roll), roll));
console.log(`pay-as-bid, pay-as-ask   ${count}, ${otherTook}: all hold`);

const areas = { trades: 0, fees: 0, conditions: 0 };
const areasTook = run(count, (roll) => checkAreas(roll, areas));
console.log(
  `books over areas         ${count}, ${areasTook}: buyer pays = seller gets + path fees, no limit exceeded`,
);
console.log(`  trades ${areas.trades}, by conditions ${areas.conditions}, fees ${areas.fees} micro`);

const tapes = { trades: 0, refused: 0, expired: 0, events: 0 };
const tapesTook = run(Math.ceil(count / 10), (roll) => {
  checkTape(roll, tapes);
});
console.log(`continuous books         ${Math.ceil(count / 10)}, ${tapesTook}: as a plain book, tapes replay`);
console.log(
  `  events ${tapes.events}, trades ${tapes.trades}, refused ${tapes.refused}, expired ${tapes.expired}`,
);

const lies = Number(values.lies);
const liesTook = run(lies, (roll) => {
  const seen = checkTradeReduction(truthfulBook(roll), roll);
  reduction.lies += seen.lies;
  reduction.trades += seen.trades;
});
console.log(`trade reduction          ${lies} books, ${liesTook}`);
console.log(`  false prices ${reduction.lies}, that pay 0, deficits 0, trades ${reduction.trades}`);
